"""A profile is refused with what is wrong in it, before anything relies on it."""

from collections.abc import Callable

import pytest

from pprof_generation import profile_of, small_profile
from rak_libs.model.time_window import DAY_NS, HOUR_NS, time_window
from rak_libs.pprof import check
from rak_libs.pprof.check import profile_time, read_profile
from rak_libs.pprof.errors import InvalidProfile, ProfileTooLarge, UndecodableProfile
from rak_libs.pprof.profile_columns import ProfileColumns
from rak_libs.pprof.profile_pb2 import (
    Function,
    Label,
    Line,
    Location,
    Mapping,
    Profile,
    Sample,
    ValueType,
)

NOW_NS = 1_790_000_000 * 1_000_000_000
WINDOW = time_window(7, NOW_NS)
INT64_MAX = 2**63 - 1


def good_profile() -> Profile:
    profile = small_profile()
    profile.time_nanos = NOW_NS
    return profile


def read(profile: Profile) -> ProfileColumns:
    return read_profile(profile.SerializeToString(), WINDOW, NOW_NS)


def test_a_good_profile_is_read() -> None:
    profile = good_profile()
    assert profile_of(read(profile)) == profile


def test_a_profile_without_samples_is_good() -> None:
    profile = good_profile()
    profile.ClearField("sample")
    assert profile_of(read(profile)) == profile


def test_a_location_may_have_no_mapping_and_a_sample_no_stack() -> None:
    profile = good_profile()
    profile.mapping.add(id=7, filename=7)
    profile.location.add(id=3, mapping_id=7)
    profile.sample.add(value=[1, 2])
    assert profile_of(read(profile)) == profile


def test_the_time_of_a_profile_that_says_none_is_that_of_its_arrival() -> None:
    profile = good_profile()
    assert profile_time(read(profile), 5) == NOW_NS
    profile.time_nanos = 0
    assert profile_time(read(profile), 5) == 5


def test_a_profile_that_says_no_time_must_have_arrived_within_the_window() -> None:
    profile = good_profile()
    profile.time_nanos = 0
    with pytest.raises(InvalidProfile) as raised:
        read_profile(profile.SerializeToString(), WINDOW, NOW_NS - 8 * DAY_NS)
    assert raised.value.reason == "time_expired"


@pytest.mark.parametrize("content", [b"", b"no profile", b"\x0a\xff", b"\x32\x02\xff\xfe"])
def test_other_bytes_are_no_profile(content: bytes) -> None:
    with pytest.raises(UndecodableProfile, match="expected a serialized pprof Profile"):
        read_profile(content, WINDOW, NOW_NS)


BREAKS: list[tuple[str, str, Callable[[Profile], object]]] = [
    ("no_sample_types", "no sample types", lambda p: p.ClearField("sample_type")),
    ("string_table", "begin with ''", lambda p: p.ClearField("string_table")),
    ("string_table", "begin with ''", lambda p: p.string_table.__setitem__(0, "first")),
    ("string_index", "sample or period type is text 9", lambda p: p.sample_type.add(type=9)),
    ("string_index", "period type", lambda p: p.period_type.MergeFrom(ValueType(unit=-1))),
    ("string_index", "default sample type", lambda p: setattr(p, "default_sample_type", 9)),
    ("string_index", "drop_frames", lambda p: setattr(p, "drop_frames", 99)),
    ("string_index", "keep_frames", lambda p: setattr(p, "keep_frames", -1)),
    ("string_index", "comment", lambda p: p.comment.append(9)),
    ("string_index", "doc_url", lambda p: setattr(p, "doc_url", INT64_MAX)),
    ("string_index", "mapping's filename", lambda p: p.mapping.add(id=1, filename=9)),
    ("string_index", "mapping's build_id", lambda p: p.mapping.add(id=1, build_id=9)),
    ("string_index", "function's name", lambda p: p.function.add(id=3, name=9)),
    ("string_index", "function's system_name", lambda p: p.function.add(id=3, system_name=9)),
    ("string_index", "function's filename", lambda p: p.function.add(id=3, filename=-9)),
    ("string_index", "label", lambda p: p.sample[2].label.append(Label(key=9))),
    ("string_index", "label", lambda p: p.sample[2].label.append(Label(key=8, str=-1))),
    ("string_index", "label", lambda p: p.sample[0].label.append(Label(key=8, num_unit=9))),
    ("id", "a mapping has the id 0", lambda p: p.mapping.append(Mapping())),
    ("id", "a location has the id 0", lambda p: p.location.append(Location())),
    ("id", "a function has the id 0", lambda p: p.function.append(Function())),
    ("id", "several mappings", lambda p: p.mapping.extend([Mapping(id=1), Mapping(id=1)])),
    ("id", "several locations", lambda p: p.location.append(Location(id=2))),
    ("id", "several functions", lambda p: p.function.append(Function(id=1))),
    ("unknown_id", "location 99", lambda p: p.sample[1].location_id.append(99)),
    ("unknown_id", "mapping 99", lambda p: p.location.add(id=3, mapping_id=99)),
    ("unknown_id", "function 99", lambda p: p.location[0].line.append(Line(function_id=99))),
    ("unknown_id", "function 0", lambda p: p.location[0].line.append(Line())),
    ("value_count", "has 1 values; expected 2", lambda p: p.sample[1].value.pop()),
    ("value_count", "has 3 values; expected 2", lambda p: p.sample[1].value.append(0)),
    ("value_count", "has 0 values; expected 2", lambda p: p.sample.append(Sample())),
    ("duration", "duration is -1 ns", lambda p: setattr(p, "duration_nanos", -1)),
    ("duration", "duration is 9", lambda p: setattr(p, "duration_nanos", INT64_MAX)),
    ("time_overflow", "time is -1 ns", lambda p: setattr(p, "time_nanos", -1)),
    ("time_future", "ns; expected one from", lambda p: setattr(p, "time_nanos", INT64_MAX)),
    ("time_future", "expected", lambda p: setattr(p, "time_nanos", NOW_NS + HOUR_NS + 1)),
    ("time_expired", "time is 1 ns", lambda p: setattr(p, "time_nanos", 1)),
]


@pytest.mark.parametrize(("reason", "text", "break_it"), BREAKS)
def test_what_contradicts_the_format_is_named(
    reason: str, text: str, break_it: Callable[[Profile], object]
) -> None:
    profile = good_profile()
    break_it(profile)
    with pytest.raises(InvalidProfile, match=text) as raised:
        read(profile)
    assert raised.value.reason == reason


def test_every_reason_is_listed() -> None:
    assert {reason for reason, _, _ in BREAKS} | {"time_zero"} == set(check.REASONS)


def test_the_number_of_samples_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "MAX_SAMPLES", 3)
    read(good_profile())
    monkeypatch.setattr(check, "MAX_SAMPLES", 2)
    with pytest.raises(ProfileTooLarge, match="3 samples; at most 2"):
        read(good_profile())


@pytest.mark.parametrize("lines", [1, 3])
def test_the_depth_of_a_stack_is_limited(lines: int) -> None:
    profile = good_profile()
    profile.location[1].line.extend([Line(function_id=2)] * (lines - 1))
    profile.sample[1].location_id.extend([2] * ((check.MAX_DEPTH - 1 - lines) // lines))
    read(profile)
    profile.sample[1].location_id.extend([2, 2])
    with pytest.raises(ProfileTooLarge, match=rf"frames; at most {check.MAX_DEPTH}"):
        read(profile)


@pytest.mark.parametrize("lines", [1, 3])
def test_the_frames_of_all_stacks_are_limited(lines: int, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = good_profile()
    profile.location[1].line.extend([Line(function_id=2)] * (lines - 1))
    frames = 3 * (1 + lines)
    monkeypatch.setattr(check, "MAX_STACK_ENTRIES", frames)
    read(profile)
    monkeypatch.setattr(check, "MAX_STACK_ENTRIES", frames - 1)
    with pytest.raises(ProfileTooLarge, match=f"have {frames} frames together"):
        read(profile)
