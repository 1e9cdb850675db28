"""Profiles that would become too many objects are found out before they are parsed."""

import pytest

from pprof_generation import profile_of, small_profile
from rak_libs.pprof import field_flood, profile_columns
from rak_libs.pprof.errors import ProfileTooLarge, UndecodableProfile
from rak_libs.pprof.field_flood import MAX_MESSAGE_BYTES, limit_fields
from rak_libs.pprof.profile_columns import read_columns
from rak_libs.pprof.profile_pb2 import Label, Sample

MANY = 250_000


@pytest.fixture(autouse=True)
def no_profile_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(field_flood, "_SMALL_BYTES", 0)


def test_what_a_profile_may_hold_passes() -> None:
    profile = small_profile(300)
    profile.comment.extend(range(9))
    profile.sample[0].label.extend([Label(key=8, num=-1)] * 1_000)
    # A double, a float and a text of fields that are not known.
    unknown = b"\xa1\x06" + bytes(8) + b"\xa5\x06" + bytes(4) + b"\xa2\x06\x81\x00\x01"
    limit_fields(profile.SerializeToString() + unknown, 300)


def test_samples_are_counted_before_any_is_made() -> None:
    content = small_profile(300).SerializeToString()
    with pytest.raises(ProfileTooLarge, match="more than 299 samples"):
        limit_fields(content, 299)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (b"\x0a\x00" * 63, "more than 64 sample types"),
        (b"\x1a\x00" * 65_537, "more than 65536 mappings"),
        (b"\x68\x01" * 65_537, "more than 65536 comments"),
        (b"\x6a\x7f" + bytes(127), "more than 126 comments"),
    ],
)
def test_other_fields_are_counted_too(
    monkeypatch: pytest.MonkeyPatch, field: bytes, text: str
) -> None:
    if "126" in text:
        monkeypatch.setitem(field_flood._MOST, 13, (126, "comments"))
    with pytest.raises(ProfileTooLarge, match=text):
        limit_fields(small_profile().SerializeToString() + field, MANY)


def test_all_fields_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(field_flood, "MAX_FIELDS", 10)
    with pytest.raises(ProfileTooLarge, match="more than 10 samples, mappings, locations"):
        limit_fields(small_profile().SerializeToString(), MANY)


@pytest.mark.parametrize(
    ("tag", "name"), [(0x12, "sample"), (0x22, "location"), (0x2A, "function")]
)
def test_a_message_may_be_so_large_and_no_larger(tag: int, name: str) -> None:
    limit_fields(bytes([tag, 0x80, 0x80, 0x10]) + bytes(MAX_MESSAGE_BYTES), MANY)
    with pytest.raises(ProfileTooLarge, match=f"a {name} has 262145 bytes; at most 262144"):
        limit_fields(bytes([tag, 0x81, 0x80, 0x10]) + bytes(MAX_MESSAGE_BYTES + 1), MANY)


def test_groups_are_no_part_of_a_profile() -> None:
    with pytest.raises(UndecodableProfile, match="groups"):
        limit_fields(small_profile().SerializeToString() + b"\xa3\x06\xa4\x06", MANY)


@pytest.mark.parametrize("content", [b"\x12", b"\x12\xff", b"\x12\x05a", b"\xff\xff", b"\x08\x80"])
def test_what_is_cut_off_is_left_to_protobuf(content: bytes) -> None:
    limit_fields(content, MANY)
    with pytest.raises(UndecodableProfile):
        read_columns(content, MANY)


def test_many_labels_are_read_and_too_many_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """In pieces, as a large profile is."""
    profile = small_profile(20)
    for sample in profile.sample:
        sample.label.extend([Label(key=8, str=5)] * 100)
    content = profile.SerializeToString()
    monkeypatch.setattr(profile_columns, "_PIECE_BYTES", 1_000)
    assert profile_of(read_columns(content, MANY)) == profile
    monkeypatch.setattr(profile_columns, "MAX_ENTRIES", 2_000)
    with pytest.raises(ProfileTooLarge, match="more than 2000 locations of stacks, values, labels"):
        read_columns(content, MANY)


def test_a_large_profile_that_protobuf_would_write_otherwise_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    profile = small_profile()
    strange = b"\xa0\x06\x01" + Sample(location_id=[1], value=[1, 2]).SerializeToString()
    content = profile.SerializeToString() + bytes([0x12, len(strange)]) + strange
    assert len(read_columns(content, MANY).samples.depths) == 4
    monkeypatch.setattr(profile_columns, "_MAX_IRREGULAR_BYTES", 10)
    with pytest.raises(ProfileTooLarge, match="exceeds 10 bytes and has fields that are unknown"):
        read_columns(content, MANY)
