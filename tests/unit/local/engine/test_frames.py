"""Compression frames: what goes in comes out, and nothing else does."""

import struct
from io import BytesIO

import pytest
from clickhouse_driver.streams.compressed import CompressedBlockInputStream
from hypothesis import given
from hypothesis import strategies as st

from rak_services.local.engine.errors import ProtocolViolation
from rak_services.local.engine.frames import (
    RAW_BYTES_PER_FRAME,
    FrameLimits,
    encode_frame,
    encode_frames,
    read_frame,
)
from rak_services.local.engine.wire import EndOfInput, reader_of

LIMITS = FrameLimits(compressed=1 << 20, raw=1 << 20)


@given(st.binary(min_size=1, max_size=5000))
def test_a_frame_comes_back(data: bytes) -> None:
    assert read_frame(reader_of(encode_frame(data)), LIMITS) == data


def test_a_large_block_is_split_into_frames_of_a_mebibyte() -> None:
    data = bytes(range(256)) * (RAW_BYTES_PER_FRAME // 256) * 2 + b"rest"
    frames = list(encode_frames(data))
    reader = reader_of(b"".join(frames))
    assert [len(read_frame(reader, LIMITS)) for _ in frames] == [1 << 20, 1 << 20, 4]


@given(st.binary(max_size=200))
def test_random_bytes_are_refused_in_words(data: bytes) -> None:
    with pytest.raises((ProtocolViolation, EndOfInput)):
        read_frame(reader_of(data), LIMITS)


@given(st.binary(min_size=1, max_size=300), st.data())
def test_one_flipped_bit_is_always_seen(data: bytes, draw: st.DataObject) -> None:
    frame = bytearray(encode_frame(data))
    position = draw.draw(st.integers(0, len(frame) - 1))
    frame[position] ^= 1 << draw.draw(st.integers(0, 7))
    with pytest.raises((ProtocolViolation, EndOfInput)):
        read_frame(reader_of(bytes(frame)), LIMITS)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (struct.pack("<BII", 0x90, 20, 20), 89),
        (struct.pack("<BII", 0x82, 9, 20), 39),
        (struct.pack("<BII", 0x82, (1 << 20) + 1, 20), 39),
        (struct.pack("<BII", 0x82, 20, 0), 39),
        (struct.pack("<BII", 0x82, 20, (1 << 20) + 1), 39),
        (struct.pack("<BII", 0x82, 20, 20), 40),
    ],
)
def test_each_fault_of_a_header_has_its_code(header: bytes, code: int) -> None:
    with pytest.raises(ProtocolViolation) as caught:
        read_frame(reader_of(bytes(16) + header + bytes(64)), LIMITS)
    assert caught.value.code == code


def test_the_driver_reads_our_frames() -> None:
    frame = encode_frame(b"some data")
    assert CompressedBlockInputStream(BytesIO(frame), None).read_block() == b"some data"
