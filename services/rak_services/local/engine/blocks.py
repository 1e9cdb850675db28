"""Blocks on the wire: Data packets out of and into Native blocks without BlockInfo."""

from collections.abc import Iterator

from rak_services.local.engine.errors import EngineError, ProtocolViolation
from rak_services.local.engine.frames import FrameLimits, encode_frames, read_frame
from rak_services.local.engine.protocol import BLOCK_INFO, ErrorCode, ServerPacket
from rak_services.local.engine.wire import WireReader, encode_string, encode_varint

_NAME_LIMIT = 1024 * 1024
_DATA_HEAD = encode_varint(ServerPacket.DATA) + encode_string("")


def encode_data(block: bytes, *, compressed: bool) -> Iterator[bytes]:
    """The Data packet of a Native block, in pieces of about a mebibyte when compressed."""
    yield _DATA_HEAD
    if compressed:
        yield from encode_frames(BLOCK_INFO + block)
    else:
        yield BLOCK_INFO
        yield block


def check_row_count(block: bytes, rows: int) -> None:
    """Makes sure that the engine handed over exactly one block.

    Raises:
        EngineError: code 49; the client would read the rest as garbage.
    """
    _, block_rows = _counts(block)
    if block_rows != rows:
        raise EngineError(
            ErrorCode.LOGICAL_ERROR,
            f"The engine gave {rows} rows where its block says {block_rows}",
        )


def read_block(reader: WireReader, limits: FrameLimits, *, compressed: bool) -> bytes:
    """The body of a Data packet after its type, as a Native block without BlockInfo.

    Returns:
        The block, or no bytes at all for the empty block (no columns) that ends a stream.

    Raises:
        ProtocolViolation: malformed, or data in a form that this server does not read.
    """
    reader.read_bytes(_NAME_LIMIT)  # name of an external table, empty for an INSERT
    if not compressed:
        return _read_plain_block(reader)
    raw = read_frame(reader, limits)
    _check_block_info(raw[: len(BLOCK_INFO)])
    block = raw[len(BLOCK_INFO) :]
    columns, _ = _counts(block)
    return block if columns else b""


def _read_plain_block(reader: WireReader) -> bytes:
    _check_block_info(reader.read(len(BLOCK_INFO)))
    columns = reader.read_varint()
    reader.read_varint()
    if columns:
        raise ProtocolViolation(
            ErrorCode.NOT_IMPLEMENTED,
            "Blocks without compression are not read here; connect with compression='lz4'",
        )
    return b""


def _check_block_info(info: bytes) -> None:
    if len(info) != len(BLOCK_INFO) or (info[0], info[2], info[7]) != (1, 2, 0):
        raise ProtocolViolation(ErrorCode.CANNOT_READ_ALL_DATA, "A block has no valid BlockInfo")


def _counts(block: bytes) -> tuple[int, int]:
    """The numbers of columns and rows at the head of a Native block."""
    columns, position = _varint(block, 0)
    rows, _ = _varint(block, position)
    return columns, rows


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for index in range(10):
        if position >= len(data):
            break
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position
    raise ProtocolViolation(ErrorCode.CANNOT_READ_ALL_DATA, "A block ends within its counts")
