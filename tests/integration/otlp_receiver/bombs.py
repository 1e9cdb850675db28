"""Bodies of few bytes that ask for very much, made of repeated blocks: making them is cheap."""

import gzip
import struct
import zlib
from functools import cache
from typing import Final

MEBIBYTE: Final = 1024 * 1024
GIBIBYTE: Final = 1024 * MEBIBYTE

_GZIP_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_ZSTD_BLOCK: Final = 128 * 1024


@cache
def gzip_of_zeros(size: int) -> bytes:
    """One gzip member (RFC 1952) of `size` zero bytes, a multiple of a MiB.

    Deflate's full flush forgets the past, so the same compressed MiB is repeated.
    """
    zeros = bytes(MEBIBYTE)
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = deflate.compress(zeros) + deflate.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(size // MEBIBYTE):
        checksum = zlib.crc32(zeros, checksum)
    trailer = struct.pack("<II", checksum, size % 2**32)
    return _GZIP_HEADER + block * (size // MEBIBYTE) + deflate.flush() + trailer


def gzip_members(members: int, size: int = MEBIBYTE) -> bytes:
    """Many members of `size` zero bytes, one after the other."""
    return gzip.compress(bytes(size), 9) * members


def zstd_of_zeros(size: int, window_log: int = 17) -> bytes:
    """One zstd frame (RFC 8878) of `size` zero bytes, a multiple of 128 KiB, all of it RLE blocks.

    The frame demands a window of 2**`window_log` bytes and names no content size.
    """
    header = _ZSTD_MAGIC + bytes([0, (window_log - 10) << 3])
    blocks = size // _ZSTD_BLOCK
    middle = _rle_block(last=False) * (blocks - 1)
    return header + middle + _rle_block(last=True)


def _rle_block(*, last: bool) -> bytes:
    return (_ZSTD_BLOCK << 3 | 1 << 1 | last).to_bytes(3, "little") + b"\0"


def _inside(path: tuple[int, ...], content: bytes) -> bytes:
    for number in reversed(path):
        size, length = len(content), bytearray()
        while size >= 0x80:
            length.append(size & 0x7F | 0x80)
            size >>= 7
        content = bytes([number << 3 | 2, *length, size]) + content
    return content


A_SCOPE: Final = (1, 2)
A_SPAN: Final = (1, 2, 2)


def empty_messages(path: tuple[int, ...], number: int, size: int) -> bytes:
    """About `size` bytes of a request with nothing but empty messages in field `number`.

    `path` leads to the message that has them: the numbers of the fields around it.
    """
    return _inside(path, bytes([number << 3 | 2, 0]) * (size // 2))


@cache
def gzip_of_empty_links(size: int) -> bytes:
    """A span of nothing but empty links, `size` bytes of them."""
    return gzip.compress(empty_messages(A_SPAN, 13, size), 1)


def empty_objects(before: bytes, size: int, after: bytes) -> bytes:
    """About `size` bytes of JSON with nothing but empty objects between two texts."""
    return before + b"{}" + b",{}" * (size // 3) + after


def deep_value(depth: int) -> bytes:
    """A binary request with a span whose attribute holds `depth` arrays inside one another."""
    value = b"\x18\x01"
    for _ in range(depth):
        value = _inside((5, 1), value)
    return _inside((1, 2, 2, 9, 2), value)


def deep_json_value(depth: int) -> bytes:
    """The same in JSON."""
    value = b'{"arrayValue":{"values":[' * depth + b'{"intValue":1}' + b"]}}" * depth
    spans = b'{"attributes":[{"key":"deep","value":' + value + b"}]}"
    return b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + spans + b"]}]}]}"
