"""Profiles to rows: every sample is there with its stack, its values and what its labels say."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings

from pprof_generation import small_profile
from profile_generation import (
    SPAN_ID,
    TIME_NS,
    TRACE_ID,
    Frame,
    expected_samples,
    profiles,
    realistic_profile,
)
from rak_libs.model.batch import (
    ArrayValues,
    ColumnBatch,
    MapValues,
    NestedArrayValues,
    WordValues,
    new_batch,
)
from rak_libs.model.message import Message
from rak_libs.model.profiles import PROFILE_TABLES, ProfileType
from rak_libs.model.time_window import DAY_NS, time_window
from rak_libs.pprof.context import ProfileContext
from rak_libs.pprof.decode_profile import decode_profiles
from rak_libs.pprof.errors import UndecodableProfile
from rak_libs.pprof.profile_id import profile_id
from rak_libs.pprof.profile_pb2 import Label, Line, Profile

WINDOW = time_window(7, TIME_NS)
NOW_MS = TIME_NS // 1_000_000
CONTEXT = ProfileContext(
    profile_type=ProfileType.CPU,
    service_name="planner",
    invocation_id="i-1",
    session_id="s-1",
    trace_id=TRACE_ID,
    span_id=SPAN_ID.lower(),
    agent_name="shopper",
    labels=(("version", "7"), ("region", "eu")),
)

Tables = dict[str, ColumnBatch]


def once() -> Callable[[int, int], bool]:
    """Let each stack's row be written once."""
    known = set()

    def is_new(stack: int, day: int) -> bool:
        new = (stack, day) not in known
        known.add((stack, day))
        return new

    return is_new


def message_of(profile: Profile, context: ProfileContext = CONTEXT) -> Message:
    return Message(profile.SerializeToString(), NOW_MS, context.to_headers())


def decode(*messages: Message) -> Tables:
    tables = {table.name: new_batch(table) for table in PROFILE_TABLES}
    is_new = once()
    for message in messages:
        assert decode_profiles(message, WINDOW, tables, is_new) == []
    return tables


def rows(batch: ColumnBatch) -> list[dict[str, Any]]:
    columns = {name: list(_values(values)) for name, values in batch.columns.items()}
    assert {len(values) for values in columns.values()} == {batch.rows}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _values(values: Any) -> list[Any]:
    if isinstance(values, list):
        return values
    bounds = list(zip([0, *values.offsets], values.offsets, strict=False))
    if isinstance(values, MapValues):
        pairs = list(zip(values.keys, values.values, strict=True))
        return [dict(pairs[begin:end]) for begin, end in bounds]
    assert isinstance(values, ArrayValues | NestedArrayValues)
    inner: Any = values.values
    if isinstance(inner, ArrayValues):
        inner = _values(inner)
    elif isinstance(inner, WordValues):
        inner = [list(inner.words)[place] for place in inner.places]
    return [list(inner[begin:end]) for begin, end in bounds]


def stacks(tables: Tables) -> dict[int, tuple[Frame, ...]]:
    """Return the frames of every stack."""
    return {
        row["stack"]: tuple(
            Frame(*frame)
            for frame in zip(
                *(
                    row[name]
                    for name in (
                        "functions", "system_names", "files", "start_lines", "lines", "columns",
                        "inlined", "mappings", "addresses",
                    )
                ),
                strict=True,
            )
        )
        for row in rows(tables["profile_stacks"])
    }  # fmt: skip


def one(profile: Profile, context: ProfileContext = CONTEXT) -> tuple[dict[str, Any], Tables]:
    tables = decode(message_of(profile, context))
    (row,) = rows(tables["cpu_profiles"])
    return row, tables


def good_profile() -> Profile:
    profile = small_profile()
    profile.time_nanos = TIME_NS
    return profile


@settings(max_examples=100)
@given(profiles())
def test_rows_and_stacks_say_what_the_profile_says(profile: Profile) -> None:
    row, tables = one(profile)
    frames = stacks(tables)
    expected = expected_samples(profile)
    assert [frames[stack] for stack in row["samples.stack"]] == [each.frames for each in expected]
    assert row["samples.values"] == [list(each.values) for each in expected]
    said = [json.loads(text) if text else {} for text in row["samples.label_texts"]]
    assert said == [each.labels for each in expected]
    assert row["raw_pprof"] == profile.SerializeToString()


@settings(max_examples=30)
@given(profiles(), profiles())
def test_equal_stacks_have_equal_numbers_in_all_profiles(first: Profile, second: Profile) -> None:
    """And unequal ones have others, whatever ids the profiles gave them."""
    tables = decode(message_of(first), message_of(second))
    frames = stacks(tables)
    assert len(set(frames.values())) == len(frames) == tables["profile_stacks"].rows
    numbers = [number for row in rows(tables["cpu_profiles"]) for number in row["samples.stack"]]
    expected = [each.frames for each in [*expected_samples(first), *expected_samples(second)]]
    assert [frames[number] for number in numbers] == expected


def test_a_stack_has_the_same_number_on_every_machine() -> None:
    """What is stored already is found by these."""
    row, tables = one(good_profile())
    assert set(row["samples.stack"]) == {0xEC117259A8326868}
    (stack,) = rows(tables["profile_stacks"])
    assert stack["frames"] == [0x8774ED19BB1F0A22, 0xBDC7648B96F959C9]


def test_everything_that_is_said_of_a_profile_has_a_column() -> None:
    profile = good_profile()
    row, _ = one(profile)
    assert row["profile_id"] == profile_id(row["raw_pprof"], CONTEXT)
    expected = {
        "timestamp": TIME_NS,
        "time_is_received": False,
        "duration_seconds": 1,
        "duration_ns": 1_000_000_000,
        "service_name": "planner",
        "invocation_id": "i-1",
        "session_id": "s-1",
        "trace_id": TRACE_ID,
        "span_id": SPAN_ID.lower(),
        "agent_name": "shopper",
        "labels": {"version": "7", "region": "eu"},
        "profile_type": ProfileType.CPU.value,
        "sample_type": "cpu/nanoseconds",
        "sample_types": ["samples/count", "cpu/nanoseconds"],
        "totals": [3, 30_000_000],
        "period_type": "cpu/nanoseconds",
        "period": 10_000_000,
        "functions.id": [1, 2],
        "functions.name": ["main.work", "main.main"],
        "functions.filename": ["main.go", "main.go"],
        "functions.start_line": [0, 0],
        "ingested_at": NOW_MS,
    }
    assert {name: row[name] for name in expected} == expected


def test_a_profile_without_a_time_or_a_type_takes_those_of_its_message_and_values() -> None:
    profile = good_profile()
    profile.time_nanos = 0
    row, _ = one(profile, ProfileContext())
    assert (row["timestamp"], row["time_is_received"]) == (NOW_MS * 1_000_000, True)
    assert (row["profile_type"], row["service_name"], row["trace_id"]) == (1, "", "")


def test_the_default_sample_type_is_the_named_one_or_the_last() -> None:
    profile = good_profile()
    profile.default_sample_type = 1
    assert one(profile)[0]["sample_type"] == "samples/count"
    profile.default_sample_type = 5
    assert one(profile)[0]["sample_type"] == "cpu/nanoseconds"


@pytest.mark.parametrize("key", ["trace_id", "TraceID", "trace.id", "trace id"])
def test_labels_tell_the_span_of_a_sample(key: str) -> None:
    profile = good_profile()
    for name, value in ((key, TRACE_ID.upper()), ("span_id", SPAN_ID), ("span_name", "search")):
        profile.sample[1].label.append(
            Label(key=len(profile.string_table), str=len(profile.string_table) + 1)
        )
        profile.string_table.extend([name, value])
    row, _ = one(profile)
    assert row["samples.trace_id"] == ["", TRACE_ID, ""]
    assert row["samples.span_id"] == ["", SPAN_ID.lower(), ""]
    assert row["samples.span_name"] == ["", "search", ""]


@pytest.mark.parametrize("value", ["", "0" * 32, "abc", SPAN_ID])
def test_a_label_that_is_no_trace_id_names_none(value: str) -> None:
    profile = good_profile()
    profile.sample[0].label.append(Label(key=9, str=10))
    profile.string_table.extend(["trace_id", value])
    assert one(profile)[0]["samples.trace_id"] == ["", "", ""]


def test_an_inlined_frame_is_part_of_the_stack_and_says_so() -> None:
    profile = good_profile()
    profile.location[0].line.append(Line(function_id=2, line=99))
    row, tables = one(profile)
    frames = stacks(tables)[row["samples.stack"][0]]
    assert [(each.function, each.line, each.inlined) for each in frames] == [
        ("main.work", 12, True),
        ("main.main", 99, False),
        ("main.main", 34, False),
    ]


def test_a_frame_without_a_function_is_a_place_in_its_program() -> None:
    """The same one wherever the program was loaded."""

    def loaded_at(start: int) -> Profile:
        profile = good_profile()
        profile.mapping.add(id=3, memory_start=start, file_offset=0x1000, filename=9)
        profile.string_table.append("/srv/agent")
        profile.location.add(id=3, mapping_id=3, address=start + 0x234)
        profile.sample[0].location_id[:] = [3]
        return profile

    row, tables = one(loaded_at(0x40_0000))
    (frame,) = stacks(tables)[row["samples.stack"][0]]
    assert (frame.function, frame.mapping, frame.address) == ("", "/srv/agent", 0x1234)
    again, _ = one(loaded_at(0x7F00_0000_0000))
    assert again["samples.stack"] == row["samples.stack"]


def test_a_function_of_which_nothing_is_said_is_none() -> None:
    profile = good_profile()
    profile.function.add(id=9)
    profile.location.add(id=3, address=7)
    profile.location.add(id=4, address=7).line.add(function_id=9)
    profile.sample[0].location_id[:] = [3]
    profile.sample[1].location_id[:] = [4]
    row, _ = one(profile)
    assert row["samples.stack"][0] == row["samples.stack"][1]


def test_stacks_that_are_known_are_left_out_and_those_of_other_services_are_others() -> None:
    asked: list[tuple[int, int]] = []
    tables = {table.name: new_batch(table) for table in PROFILE_TABLES}
    for service in ("a", "b"):
        message = message_of(good_profile(), ProfileContext(service_name=service))
        decode_profiles(message, WINDOW, tables, lambda *key: bool(asked.append(key)))
    assert tables["profile_stacks"].rows == 0
    assert len(asked) == len(set(asked)) == 2
    assert {day for _, day in asked} == {TIME_NS // DAY_NS}


def test_bytes_that_are_no_profile_are_an_error_and_leave_the_rows_alone() -> None:
    tables = {table.name: new_batch(table) for table in PROFILE_TABLES}
    with pytest.raises(UndecodableProfile):
        decode_profiles(Message(b"no profile", NOW_MS), WINDOW, tables, once())
    assert all(batch.rows == 0 for batch in tables.values())


def test_a_profile_that_fails_a_check_is_returned_whole_with_the_reason() -> None:
    expired, twice = good_profile(), good_profile()
    expired.time_nanos = 1
    twice.function.add(id=1)
    deep = good_profile()
    deep.sample[0].location_id.extend([1] * 5_000)
    tables = {table.name: new_batch(table) for table in PROFILE_TABLES}
    for profile, reason in ((expired, "time_expired"), (twice, "id"), (deep, "too_large")):
        message = message_of(profile)
        (rejected,) = decode_profiles(message, WINDOW, tables, once())
        assert (rejected.reason, rejected.count, rejected.value) == (reason, 1, message.value)
    assert all(batch.rows == 0 for batch in tables.values())


def test_a_busy_profile_is_told_sample_by_sample() -> None:
    profile = realistic_profile(1, samples=100, functions=100, locations=200)
    row, tables = one(profile)
    frames = stacks(tables)
    assert [frames[stack] for stack in row["samples.stack"]] == [
        each.frames for each in expected_samples(profile)
    ]


def heap_profile(*types: str) -> Profile:
    """Two sites; the values of each sample are 1, 10, 100, … times its number."""
    profile = good_profile()
    profile.ClearField("sample_type")
    for name in types:
        profile.sample_type.add(type=len(profile.string_table))
        profile.string_table.append(name)
    profile.sample[1].location_id[:] = [2]
    for number, sample in enumerate(profile.sample, 1):
        sample.value[:] = [number * 10**place for place in range(len(types))]
    return profile


HEAP_TYPES = ("alloc_objects", "alloc_space", "inuse_objects", "inuse_space")


def test_a_heap_profile_is_a_row_of_memory_too() -> None:
    context = ProfileContext(
        ProfileType.HEAP, "planner", labels=(("rss_bytes", "4096"), ("peak_bytes", "8192"))
    )
    profile = heap_profile(*HEAP_TYPES)
    profile.comment.append(len(profile.string_table))
    profile.string_table.append("virtual_bytes=65536")
    tables = decode(message_of(profile, context))
    (row,) = rows(tables["memory_profiles"])
    (whole,) = rows(tables["cpu_profiles"])
    assert row["profile_id"] == whole["profile_id"]
    expected = {
        "service_name": "planner",
        "total_allocated": 60,
        "allocation_count": 6,
        "current_usage": 6000,
        "current_count": 600,
        "peak_usage": 8192,
        "rss_bytes": 4096,
        "virtual_bytes": 65536,
        "allocations.location": ["main.work", "main.main"],
        "allocations.filename": ["main.go", "main.go"],
        "allocations.line": [12, 34],
        "allocations.size": [40, 20],
        "allocations.count": [4, 2],
        "allocations.current_size": [4000, 2000],
        "allocations.current_count": [400, 200],
    }
    assert {name: row[name] for name in expected} == expected


def test_a_heap_profile_of_what_is_in_use_alone_ranks_by_that() -> None:
    (row,) = rows(decode(message_of(heap_profile("objects", "space")))["memory_profiles"])
    assert (row["total_allocated"], row["current_usage"], row["current_count"]) == (0, 60, 6)
    assert row["allocations.current_size"] == [40, 20]


def test_the_hundred_sites_with_most_bytes_are_kept() -> None:
    profile = heap_profile("space")
    profile.ClearField("sample")
    for number in range(150):
        profile.location.add(id=100 + number).line.add(function_id=1, line=number)
        profile.sample.add(location_id=[100 + number], value=[number])
    (row,) = rows(decode(message_of(profile))["memory_profiles"])
    assert row["allocations.line"] == list(range(149, 49, -1))


def test_other_profiles_make_no_row_of_memory() -> None:
    assert decode(message_of(good_profile()))["memory_profiles"].rows == 0


def test_a_sum_below_zero_is_none() -> None:
    """As in a difference of two heap profiles."""
    profile = heap_profile("space")
    profile.sample[0].value[:] = [-100]
    (row,) = rows(decode(message_of(profile))["memory_profiles"])
    assert row["current_usage"] == 0
