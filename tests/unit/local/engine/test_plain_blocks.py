"""Finding the end of an uncompressed block from the types of its columns."""

from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from clickhouse_driver.block import ColumnOrientedBlock
from clickhouse_driver.bufferedwriter import CompressedBufferedWriter
from clickhouse_driver.context import Context
from clickhouse_driver.streams.native import BlockOutputStream
from hypothesis import given
from hypothesis import strategies as st

from rak_services.local.engine.blocks import (
    check_row_count,
    encode_data,
    read_block,
    split_blocks,
)
from rak_services.local.engine.column_reader import Column, columns_of, read_plain_block
from rak_services.local.engine.column_types import (
    Array,
    Fixed,
    LowCardinality,
    Nullable,
    Text,
    Tuple,
    read_type,
)
from rak_services.local.engine.errors import EngineError, ProtocolViolation
from rak_services.local.engine.frames import FrameLimits, encode_frame
from rak_services.local.engine.protocol import BLOCK_INFO
from rak_services.local.engine.wire import EndOfInput, WireError, reader_of

LIMITS = FrameLimits(compressed=1 << 20, raw=1 << 20)
TERMINATOR = b"\x00" + BLOCK_INFO + b"\x00\x00"


def driver_block(columns: dict[str, list[Any]]) -> bytes:
    """A block as the driver writes it, without BlockInfo."""
    context = Context()
    context.server_info = SimpleNamespace(
        used_revision=54453, get_timezone=lambda: "UTC", version_tuple=lambda: (26, 9, 2)
    )
    context.client_settings = {
        "strings_as_bytes": False, "strings_encoding": "utf-8", "use_numpy": False,
        "namedtuple_as_json": True, "server_side_params": False, "input_format_null_as_default":
        False, "input_format_json_read_as_string": False,
    }  # fmt: skip
    context.settings = {}
    names = [(f"c{index}", type_name) for index, type_name in enumerate(columns)]
    written = BytesIO()
    stream = BlockOutputStream(CompressedBufferedWriter(written, 1 << 20), context)
    stream.write(ColumnOrientedBlock(names, list(columns.values())))
    return written.getvalue()[len(BLOCK_INFO) :]


COLUMNS: dict[str, list[Any]] = {
    "UInt64": [1, 2, 3],
    "Float64": [0.5, 1.5, 2.5],
    "String": ["", "a" * 300, "ü"],
    "FixedString(16)": ["a" * 16, "", "b"],
    "DateTime64(9, 'UTC')": [1, 2, 3],
    "Enum8('a)' = 1, 'b\\'' = -2)": ["a)", "b'", "a)"],
    "Nullable(UInt32)": [None, 1, None],
    "Array(String)": [[], ["x", ""], ["y"]],
    "Array(Array(UInt8))": [[], [[], [1]], [[2, 3]]],
    "LowCardinality(String)": ["k", "k", ""],
    "LowCardinality(Nullable(String))": [None, "k", "k"],
    "Array(LowCardinality(String))": [[], [], []],
    "Map(LowCardinality(String), Float64)": [{}, {"a": 1.0}, {"a": 1.0, "b": 2.0}],
    "Map(LowCardinality(String), LowCardinality(String))": [{}, {"a": "b"}, {}],
    "Tuple(a UInt8, `b c` String)": [(1, "x"), (2, ""), (3, "z")],
    "SimpleAggregateFunction(sum, UInt64)": [1, 2, 3],
}


def test_every_type_is_read_exactly_to_its_end() -> None:
    block = driver_block(COLUMNS)
    reader = reader_of(block + b"next")
    found = read_plain_block(reader, 1 << 20)
    assert found.data == block
    assert [column.type for column in found.columns] == list(COLUMNS)
    assert reader.read(4) == b"next"


@given(
    st.lists(
        st.dictionaries(st.text(max_size=5), st.lists(st.text(max_size=5), max_size=3), max_size=3),
        min_size=1,
        max_size=8,
    )
)
def test_any_map_of_arrays_is_read_exactly_to_its_end(rows: list[dict[str, list[str]]]) -> None:
    block = driver_block({"Map(LowCardinality(String), Array(LowCardinality(String)))": rows})
    assert read_plain_block(reader_of(block + b"x"), 1 << 20).data == block


@given(st.lists(st.sampled_from(sorted(COLUMNS)), max_size=6), st.integers(1, 3))
def test_a_whole_block_tells_its_columns(names: list[str], rows: int) -> None:
    columns = {name: COLUMNS[name][:rows] for name in names}
    block = driver_block(columns)
    assert columns_of(block) == read_plain_block(reader_of(block), 1 << 20).columns


def test_long_texts_are_passed() -> None:
    texts = ["", "x" * 127, "x" * 128, "x" * 70_000]
    block = driver_block({"String": texts, "Array(String)": [texts] * 4, "UInt8": [1] * 4})
    assert [column.type for column in columns_of(block)] == ["String", "Array(String)", "UInt8"]


def test_a_block_that_ends_within_its_columns_does_not_tell_them() -> None:
    block = driver_block({"String": ["x" * 300], "UInt8": [1]})
    for end in range(2, 300):
        with pytest.raises(IndexError):
            columns_of(block[:end])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("UInt256", Fixed(32)),
        ("Decimal(38, 3)", Fixed(16)),
        ("Decimal64(3)", Fixed(8)),
        ("DateTime('Europe/Berlin')", Fixed(4)),
        ("Nested(a UInt8, b String)", Array(Tuple((Fixed(1), Text())))),
        ("LowCardinality(Nullable(FixedString(3)))", LowCardinality(Fixed(3))),
        ("Array(Nullable(UUID))", Array(Nullable(Fixed(16)))),
        ("SimpleAggregateFunction(anyLast, Nullable(String))", Nullable(Text())),
        (" Tuple( UInt8 , Array( String ) ) ", Tuple((Fixed(1), Array(Text())))),
    ],
)
def test_a_types_layout(name: str, expected: object) -> None:
    assert read_type(name) == expected


@pytest.mark.parametrize(
    "name",
    ["", "JSON", "AggregateFunction(sum, UInt64)", "Array(", "Array(UInt8", "Array()", "UInt8)",
     "FixedString(0)", "FixedString(x)", "Decimal(77, 1)", "Tuple()", "Variant(UInt8, String)",
     "Array(" * 100 + "UInt8" + ")" * 100],
)  # fmt: skip
def test_a_type_of_unknown_layout_is_error_48(name: str) -> None:
    with pytest.raises(EngineError) as caught:
        read_type(name)
    assert caught.value.code == 48


@given(st.text(alphabet="ArayTuple()UInt8, 'x'=1Map`", max_size=40))
def test_any_text_is_a_type_or_error_48(name: str) -> None:
    assert outcome(name) in {"type", 48}


def outcome(name: str) -> object:
    try:
        read_type(name)
    except EngineError as error:
        return error.code
    return "type"


@given(st.binary(max_size=300))
def test_any_bytes_for_a_plain_block_are_read_or_refused(data: bytes) -> None:
    try:
        block = read_plain_block(reader_of(data), 1000)
    except (EngineError, EndOfInput, WireError):
        return
    assert len(block.data) <= 1000 + len(data)


@given(st.data())
def test_a_damaged_block_is_read_or_refused(draw: st.DataObject) -> None:
    block = bytearray(driver_block(COLUMNS))
    for _ in range(draw.draw(st.integers(1, 3))):
        block[draw.draw(st.integers(0, len(block) - 1))] = draw.draw(st.integers(0, 255))
    try:
        read_plain_block(reader_of(bytes(block)), 1 << 16)
    except (EngineError, EndOfInput, WireError):
        return


def test_a_block_larger_than_the_limit_is_refused() -> None:
    block = driver_block({"String": ["x" * 500] * 10})
    with pytest.raises(ProtocolViolation, match="larger than 1000 bytes"):
        read_plain_block(reader_of(block), 1000)


def test_blocks_one_after_the_other_are_told_apart() -> None:
    first, second = driver_block({"String": ["a"]}), driver_block({"String": ["b", "c"]})
    blocks = split_blocks(first + second)
    assert [block.data for block in blocks] == [first, second]
    assert blocks[0].columns == [Column("c0", "String")]
    assert split_blocks(b"") == []


@pytest.mark.parametrize("frame_bytes", [1 << 20, 100, 25])
def test_a_compressed_block_comes_back_from_any_number_of_frames(frame_bytes: int) -> None:
    block = driver_block(COLUMNS)
    raw = BLOCK_INFO + block
    frames = b"".join(
        encode_frame(raw[start : start + frame_bytes]) for start in range(0, len(raw), frame_bytes)
    )
    terminator = b"\x02\x00" + encode_frame(BLOCK_INFO + b"\x00\x00")
    reader = reader_of(b"\x00" + frames + terminator)
    assert read_block(reader, LIMITS, compressed=True) == block
    assert reader.read(1) == b"\x02"
    assert read_block(reader, LIMITS, compressed=True) == b""


def test_a_cancel_behind_a_block_ends_it() -> None:
    block = driver_block({"UInt64": [1]})
    reader = reader_of(b"\x00" + encode_frame(BLOCK_INFO + block) + b"\x03")
    assert read_block(reader, LIMITS, compressed=True) == block
    assert reader.read(1) == b"\x03"


def test_many_frames_may_not_outgrow_the_limit() -> None:
    frame = encode_frame(BLOCK_INFO + b"\x01\x01" + bytes(100_000))
    with pytest.raises(ProtocolViolation, match="larger than 1048576 bytes"):
        read_block(reader_of(b"\x00" + frame * 20), LIMITS, compressed=True)


def test_an_uncompressed_block_and_the_empty_one() -> None:
    block = driver_block({"UInt64": [1, 2]})
    reader = reader_of(b"\x00" + BLOCK_INFO + block + TERMINATOR)
    assert read_block(reader, LIMITS, compressed=False) == block
    assert read_block(reader, LIMITS, compressed=False) == b""


@given(st.binary(min_size=1, max_size=200))
def test_a_data_packet_is_read_back(block: bytes) -> None:
    plain = b"".join(encode_data(block, compressed=False))
    assert plain == b"\x01\x00" + BLOCK_INFO + block
    framed = b"".join(encode_data(block, compressed=True))
    assert framed == b"\x01\x00" + encode_frame(BLOCK_INFO + block)


def test_a_chunk_that_is_not_one_block_is_error_49() -> None:
    block = driver_block({"UInt64": [1, 2]})
    check_row_count(block, 2)
    with pytest.raises(EngineError, match="gave 4 rows where its block says 2") as caught:
        check_row_count(block + block, 4)
    assert caught.value.code == 49
