"""VarUInts, strings and the reader that takes them off a socket."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rak_services.local.engine.wire import (
    EndOfInput,
    WireError,
    WireReader,
    encode_string,
    encode_varint,
    reader_of,
)


def dripping(data: bytes) -> WireReader:
    """A reader of a source that gives one to three bytes at a time."""
    source = io.BytesIO(data)
    return WireReader(lambda view: source.readinto(view[: 1 + source.tell() % 3]))


@given(st.integers(0, 2**64 - 1))
def test_a_varint_comes_back(value: int) -> None:
    assert reader_of(encode_varint(value)).read_varint() == value
    assert dripping(encode_varint(value)).read_varint() == value


@pytest.mark.parametrize(
    ("value", "encoded"), [(0, b"\x00"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02")]
)
def test_a_varint_has_seven_bits_a_byte_low_ones_first(value: int, encoded: bytes) -> None:
    assert encode_varint(value) == encoded


@pytest.mark.parametrize("data", [b"\xff" * 10, b"\xff" * 9 + b"\x02"])
def test_a_varint_beyond_64_bits_is_refused(data: bytes) -> None:
    with pytest.raises(WireError, match="64 bits"):
        reader_of(data).read_varint()


@given(st.lists(st.text()))
def test_strings_come_back_one_after_the_other(texts: list[str]) -> None:
    reader = dripping(b"".join(encode_string(text) for text in texts))
    assert [reader.read_text(1 << 20) for _ in texts] == texts
    with pytest.raises(EndOfInput):
        reader.fill()


@given(st.binary(max_size=2000), st.lists(st.integers(0, 500)))
def test_reading_in_any_portions_gives_the_same_bytes(data: bytes, sizes: list[int]) -> None:
    reader = dripping(data)
    read = b""
    try:
        for size in sizes:
            read += reader.read(size)
    except EndOfInput:
        assert len(read) <= len(data)
    assert data.startswith(read)


def test_a_large_read_crosses_the_buffer() -> None:
    data = bytes(range(256)) * 4096
    reader = reader_of(b"\x01" + data + b"\x02")
    assert reader.read_byte() == 1
    assert reader.read(len(data)) == data
    assert reader.read_byte() == 2


@given(st.binary(min_size=20, max_size=100), st.integers(0, 10))
def test_peeking_takes_nothing(data: bytes, offset: int) -> None:
    reader = dripping(data)
    reader.read(offset)
    assert reader.peek(10) == data[offset : offset + 10]
    assert reader.peek_byte() == data[offset]
    assert reader.read(len(data) - offset) == data[offset:]


def test_the_end_inside_a_value_is_told_from_the_end_before_it() -> None:
    with pytest.raises(EndOfInput) as before:
        reader_of(b"").read(5)
    with pytest.raises(EndOfInput) as inside:
        reader_of(b"abc").read(5)
    assert (before.value.partial, inside.value.partial) == (False, True)


def test_strings_beyond_the_limit_and_beyond_utf8_are_refused() -> None:
    with pytest.raises(WireError, match="5 bytes is above the limit of 4"):
        reader_of(encode_string("hello")).read_text(4)
    with pytest.raises(WireError, match="not UTF-8"):
        reader_of(b"\x02\xff\xfe").read_text(4)
