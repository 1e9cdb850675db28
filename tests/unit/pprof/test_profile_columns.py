"""Profiles read as columns are what protobuf reads, however oddly they were written."""

import tracemalloc

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from pprof_generation import profile_of, small_profile
from profile_generation import profiles, realistic_profile
from rak_libs.pprof import profile_columns
from rak_libs.pprof.errors import ProfileTooLarge, UndecodableProfile
from rak_libs.pprof.profile_columns import read_columns
from rak_libs.pprof.profile_pb2 import Location, Profile, Sample

MANY = 1_000_000


def read(content: bytes) -> Profile:
    return profile_of(read_columns(content, MANY))


def field(number: int, content: bytes) -> bytes:
    """A field of bytes, of fewer than 128."""
    return bytes([number << 3 | 2, len(content)]) + content


@settings(max_examples=100)
@given(profiles())
def test_columns_hold_the_whole_profile(profile: Profile) -> None:
    assert read(profile.SerializeToString()) == profile


@settings(max_examples=200)
@given(profiles(max_samples=3), st.data())
def test_damaged_profiles_are_read_or_refused_as_protobuf_does(
    profile: Profile, data: st.DataObject
) -> None:
    content = bytearray(profile.SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    try:
        expected = Profile.FromString(bytes(content))
    except DecodeError:
        with pytest.raises(UndecodableProfile):
            read(bytes(content))
        return
    expected.DiscardUnknownFields()
    assert read(bytes(content)) == expected


@pytest.mark.parametrize(
    "sample",
    [
        b"\x08\x01\x08\x02\x10\x05\x10\x06",
        b"\x12\x02\x05\x06\x0a\x02\x01\x02",
        b"\x0a\x01\x01\x12\x02\x05\x06\x0a\x01\x02",
        b"\x0a\x81\x00\x01\x08\x02\x10\x05\x10\x06",
        b"\x0a\x02\x01\x02\x12\x02\x05\x06\x50\x07",
        b"\x0a\x02\x01\x02\x12\x02\x05\x06\x55\x07\x08\x09\x0a",
        b"\x88\x00\x01\x08\x02\x12\x02\x05\x06",
    ],
    ids=["unpacked", "values first", "in pieces", "long length", "unknown", "fixed", "long tag"],
)
def test_every_way_to_write_a_sample_is_read(sample: bytes) -> None:
    profile = read(field(2, sample))
    assert profile.sample[0] == Sample(location_id=[1, 2], value=[5, 6])


def test_of_a_field_that_is_given_twice_the_last_counts() -> None:
    profile = read(field(4, b"\x08\x01\x18\x05\x08\x02"))
    assert profile.location[0] == Location(id=2, address=5)


def test_many_labels_are_read_and_too_many_refused() -> None:
    profile = small_profile(samples=1)
    for _ in range(500):
        profile.sample[0].label.add(key=8, num=7)
    assert read(profile.SerializeToString()) == profile
    for _ in range(profile_columns.MAX_FIELDS):
        profile.sample[0].label.add(key=8, num=7)
    with pytest.raises(ProfileTooLarge, match="too many labels"):
        read(profile.SerializeToString())


def test_a_profile_in_pieces_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    profile = realistic_profile(1, samples=100, functions=50, locations=100)
    monkeypatch.setattr(profile_columns, "_PIECE_BYTES", 500)
    assert read(profile.SerializeToString()) == profile


def test_a_profile_of_many_samples_takes_bounded_memory() -> None:
    """Too many are refused before any is looked at; numbers are made of a megabyte at a time."""
    content = field(2, b"\x0a\x02\x01\x02\x12\x02\x05\x06") * 250_000
    tracemalloc.start()
    try:
        with pytest.raises(ProfileTooLarge, match="more than 249999 samples"):
            read_columns(content, 249_999)
        refusing = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        read_columns(content, 250_000)
        reading = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refusing < 1 << 20
    assert reading < 130 << 20
