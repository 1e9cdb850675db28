"""Compression frames of the native protocol, with their checksums.

A frame is CityHash128 of all that follows it (16 bytes, the CityHash 1.0.2 variant), then the
method (0x82 LZ4), the compressed size including these nine header bytes and the raw size (UInt32,
little-endian), then the payload. Source: ClickHouse `NativeProtocol.md`, "Compression", and
`src/Compression/CompressedReadBufferBase.cpp`.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

import lz4.block
from clickhouse_cityhash.cityhash import CityHash128

from rak_services.local.engine.errors import ProtocolViolation
from rak_services.local.engine.protocol import ErrorCode
from rak_services.local.engine.wire import WireReader

LZ4 = 0x82
CHECKSUM_BYTES = 16
HEADER_BYTES = 9
RAW_BYTES_PER_FRAME = 1024 * 1024
"""How much of an outgoing block goes into one frame, as ClickHouse's max_compress_block_size."""

_HEADER = struct.Struct("<BII")
_CHECKSUM = struct.Struct("<QQ")
_LOW_64_BITS = (1 << 64) - 1


class FrameLimits(NamedTuple):
    """Largest frame accepted, in bytes."""

    compressed: int = 256 * 1024 * 1024
    raw: int = 512 * 1024 * 1024


def encode_frames(data: bytes) -> Iterator[bytes]:
    """Splits a block into LZ4 frames of at most `RAW_BYTES_PER_FRAME` raw bytes each."""
    view = memoryview(data)
    for begin in range(0, len(view), RAW_BYTES_PER_FRAME):
        yield encode_frame(view[begin : begin + RAW_BYTES_PER_FRAME])


def encode_frame(data: bytes | memoryview) -> bytes:
    """One LZ4 frame that holds `data`."""
    payload: bytes = lz4.block.compress(data, store_size=False)
    body = _HEADER.pack(LZ4, HEADER_BYTES + len(payload), len(data)) + payload
    return _checksum(body) + body


def read_frame(reader: WireReader, limits: FrameLimits) -> bytes:
    """Reads one frame, verifies its checksum and returns the raw bytes.

    Raises:
        ProtocolViolation: unknown method, absurd size, wrong checksum or undecodable payload.
        EndOfInput: the source ended inside the frame.
    """
    head = reader.read(CHECKSUM_BYTES + HEADER_BYTES)
    checksum, header = head[:CHECKSUM_BYTES], head[CHECKSUM_BYTES:]
    compressed_size, raw_size = _checked_sizes(header, limits)
    payload = reader.read(compressed_size - HEADER_BYTES)
    if _checksum(header + payload) != checksum:
        raise ProtocolViolation(
            ErrorCode.CHECKSUM_DOESNT_MATCH, "Checksum doesn't match: corrupted data"
        )
    return _decompress(payload, raw_size)


def _checked_sizes(header: bytes, limits: FrameLimits) -> tuple[int, int]:
    method, compressed_size, raw_size = _HEADER.unpack(header)
    if method != LZ4:
        raise ProtocolViolation(
            ErrorCode.UNKNOWN_COMPRESSION_METHOD,
            f"Unknown compression method 0x{method:02x}; this server reads LZ4 (0x82)",
        )
    if not HEADER_BYTES < compressed_size <= limits.compressed:
        raise ProtocolViolation(
            ErrorCode.TOO_LARGE_SIZE_COMPRESSED,
            f"Compressed size {compressed_size} of a frame is outside "
            f"{HEADER_BYTES + 1}..{limits.compressed}. Most likely corrupted data",
        )
    if not 0 < raw_size <= limits.raw:
        raise ProtocolViolation(
            ErrorCode.TOO_LARGE_SIZE_COMPRESSED,
            f"Raw size {raw_size} of a frame is outside 1..{limits.raw}. "
            "Most likely corrupted data",
        )
    return compressed_size, raw_size


def _decompress(payload: bytes, raw_size: int) -> bytes:
    try:
        raw: bytes = lz4.block.decompress(payload, uncompressed_size=raw_size)
    except (lz4.block.LZ4BlockError, ValueError, MemoryError) as error:
        raise ProtocolViolation(
            ErrorCode.CANNOT_DECOMPRESS, f"Cannot decompress an LZ4 frame: {error}"
        ) from error
    if len(raw) != raw_size:
        raise ProtocolViolation(
            ErrorCode.CANNOT_DECOMPRESS,
            f"An LZ4 frame holds {len(raw)} bytes, its header says {raw_size}",
        )
    return raw


def _checksum(body: bytes) -> bytes:
    value = CityHash128(body)
    return _CHECKSUM.pack(value >> 64, value & _LOW_64_BITS)
