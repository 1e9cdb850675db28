"""Blocks on the wire: Data packets out of and into Native blocks without BlockInfo."""

from collections.abc import Iterator

from rak_services.local.engine.column_reader import PlainBlock, read_plain_block
from rak_services.local.engine.errors import EngineError, ProtocolViolation
from rak_services.local.engine.frames import (
    CHECKSUM_BYTES,
    LZ4,
    FrameLimits,
    encode_frames,
    read_frame,
)
from rak_services.local.engine.protocol import BLOCK_INFO, ClientPacket, ErrorCode, ServerPacket
from rak_services.local.engine.wire import (
    EndOfInput,
    WireError,
    WireReader,
    encode_string,
    encode_varint,
    reader_of,
)

_NAME_LIMIT = 1024 * 1024
_DATA_HEAD = encode_varint(ServerPacket.DATA) + encode_string("")
_CLIENT_DATA_HEAD = encode_varint(ClientPacket.DATA) + encode_string("")
_COUNTS_BYTES = 20


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
        ProtocolViolation: malformed, or an uncompressed column of a type that is not known here.
    """
    reader.read_bytes(_NAME_LIMIT)  # name of an external table, empty for an INSERT
    if compressed:
        return _read_compressed_block(reader, limits)
    _check_block_info(reader.read(len(BLOCK_INFO)))
    try:
        block = read_plain_block(reader, limits.raw)
    except EngineError as error:  # where the next packet begins is not known any more
        raise ProtocolViolation(error.code, error.text) from error
    return block.data if block.columns else b""


def split_blocks(data: bytes) -> list[PlainBlock]:
    """The Native blocks that the engine wrote one after the other.

    Raises:
        EngineError: a type whose layout is not known.
    """
    reader = reader_of(data)
    blocks = []
    left = len(data)
    while left > 0:
        block = read_plain_block(reader, left)
        blocks.append(block)
        left -= len(block.data)
    return blocks


def _read_compressed_block(reader: WireReader, limits: FrameLimits) -> bytes:
    raw = read_frame(reader, limits)
    _check_block_info(raw[: len(BLOCK_INFO)])
    block = raw[len(BLOCK_INFO) :]
    columns, _ = _counts(block)
    if not columns:
        return b""
    frames = [block]
    size = len(block)
    while _is_frame_next(reader):
        raw = read_frame(reader, limits)
        size += len(raw)
        if size > limits.raw:
            raise ProtocolViolation(
                ErrorCode.TOO_LARGE_ARRAY_SIZE, f"A block is larger than {limits.raw} bytes"
            )
        frames.append(raw)
    return b"".join(frames) if len(frames) > 1 else block


def _is_frame_next(reader: WireReader) -> bool:
    """Whether the block goes on in another frame; some clients split large blocks.

    What follows a block of an INSERT is either a Data packet (type, empty name, frame), which is
    longer than what is looked at here, or Cancel, or a frame. A frame that looks like one of the
    others (one in millions) fails the INSERT, it is never taken for data.
    """
    reader.fill()
    if reader.peek_byte() == ClientPacket.CANCEL and reader.buffered == 1:
        return False
    head = reader.peek(len(_CLIENT_DATA_HEAD) + CHECKSUM_BYTES + 1)
    is_data = head.startswith(_CLIENT_DATA_HEAD) and head[-1] == LZ4
    return not is_data and head[CHECKSUM_BYTES] == LZ4


def _check_block_info(info: bytes) -> None:
    if len(info) != len(BLOCK_INFO) or (info[0], info[2], info[7]) != (1, 2, 0):
        raise ProtocolViolation(ErrorCode.CANNOT_READ_ALL_DATA, "A block has no valid BlockInfo")


def _counts(block: bytes) -> tuple[int, int]:
    """The numbers of columns and rows at the head of a Native block."""
    reader = reader_of(block[:_COUNTS_BYTES])
    try:
        return reader.read_varint(), reader.read_varint()
    except (EndOfInput, WireError):
        raise ProtocolViolation(
            ErrorCode.CANNOT_READ_ALL_DATA, "A block ends within its counts"
        ) from None
