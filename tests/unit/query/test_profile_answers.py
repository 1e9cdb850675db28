"""What merged stacks become: groupings, files of other tools, and baselines."""

import gzip
import json
from typing import Any

import numpy as np
import pytest

from rak_libs.pprof.profile_pb2 import Profile
from rak_services.query.parameter_types import BaselineLabelFilters, LabelFilters, TimePoint
from rak_services.query.problems import InvalidParameters
from rak_services.query.profiles.diff import baseline_of
from rak_services.query.profiles.folded import folded_file
from rak_services.query.profiles.merge_sql import Root
from rak_services.query.profiles.merged import MergedStacks, Side
from rak_services.query.profiles.pprof_file import pprof_file
from rak_services.query.profiles.requests import DiffProfiles
from rak_services.query.profiles.shown import Grouping, grouping_of, shown_stacks
from rak_services.query.profiles.speedscope import speedscope_file
from rak_services.query.profiles.stacks import Frame, Stacks

BY_FUNCTION = Grouping("function", ())
BY_AGENT = Grouping("function", (Root("agent"), Root("label.env")))
MAIN, WORK = Frame("main", "/src/a.go", 10), Frame("work;er", "/src/a.go", 20)
SMALL = Frame("small", "/src/b.go", 3, inlined=True)
NAMELESS = Frame("", mapping="/lib/libc.so", address=0x1F0)


def merged(*root_texts: tuple[str, ...]) -> MergedStacks:
    """Three stacks: main > work > small (7 ns), main (2 ns), [libc.so] (5 ns)."""
    return MergedStacks(
        kind="CPU",
        sample_type="cpu/nanoseconds",
        sides=(Side(1, 0, 14, 14),),
        stacks=Stacks(np.array([0, 3, 4, 5]), np.array([2, 1, 0, 0, 3]), np.array([[7], [2], [5]])),
        frames=[MAIN, WORK, SMALL, NAMELESS],
        roots=np.array([0, 0, len(root_texts) - 1]),
        root_texts=root_texts,
        complete=True,
    )


def test_without_roots_a_stack_is_its_frames() -> None:
    shown = shown_stacks(merged(()), "function")
    assert shown.stacks.frames.tolist() == [2, 1, 0, 0, 3]


def test_roots_come_above_every_stack_in_their_order() -> None:
    shown = shown_stacks(merged(("ann", "test"), ("bob", "")), "function")
    names = [shown.nodes[frame].name for frame in shown.stacks.frames.tolist()]
    ann, bob = ["test", "ann"], ["(none)", "bob"]
    assert names == ["small", "work;er", "main", *ann, "main", *ann, "[libc.so]", *bob]
    assert shown.stacks.starts.tolist() == [0, 5, 8, 11]


def test_folded_text_has_a_line_a_stack_from_the_root() -> None:
    answer = folded_file(merged(()), BY_FUNCTION)
    assert answer.body == b"[libc.so] 5\nmain 2\nmain;work:er;small 7\n"


def test_a_speedscope_file_has_every_stack_and_its_weight() -> None:
    file: Any = json.loads(speedscope_file(merged(()), BY_FUNCTION).body)
    frames = [frame["name"] for frame in file["shared"]["frames"]]
    (profile,) = file["profiles"]
    stacks = [[frames[frame] for frame in stack] for stack in profile["samples"]]
    assert stacks == [["main", "work;er", "small"], ["main"], ["[libc.so]"]]
    assert profile["weights"] == [7, 2, 5]
    assert (profile["unit"], profile["endValue"]) == ("nanoseconds", 14)


def test_a_pprof_file_has_the_frames_as_they_were_sent() -> None:
    answer = pprof_file(merged(("ann", "test"), ("bob", "")), BY_AGENT)
    profile = Profile.FromString(gzip.decompress(answer.body))
    texts = profile.string_table
    functions = {function.id: texts[function.name] for function in profile.function}
    locations = {
        location.id: (location.address, [functions[line.function_id] for line in location.line])
        for location in profile.location
    }
    found = [
        (
            [locations[number] for number in sample.location_id],
            list(sample.value),
            {texts[label.key]: texts[label.str] for label in sample.label},
        )
        for sample in profile.sample
    ]
    assert found == [
        (
            [(0, ["small", "work;er"]), (0, ["main"])],
            [7],
            {"agent": "ann", "env": "test"},
        ),
        ([(0, ["main"])], [2], {"agent": "ann", "env": "test"}),
        ([(0x1F0, [])], [5], {"agent": "bob"}),
    ]
    assert [(texts[t.type], texts[t.unit]) for t in profile.sample_type] == [("cpu", "nanoseconds")]


def test_group_by_names_one_granularity_and_any_roots() -> None:
    assert grouping_of(()) == Grouping("function", ())
    found = grouping_of(("service", "line", "label.env"))
    assert found == Grouping("line", (Root("service"), Root("label.env")))


@pytest.mark.parametrize(
    "group_by", [("line", "file"), ("service", "service"), ("label.",), ("colour",)]
)
def test_what_group_by_cannot_mean_is_told(group_by: tuple[str, ...]) -> None:
    with pytest.raises(InvalidParameters, match=r"group_by: expected one of function, file"):
        grouping_of(group_by)


def test_a_baseline_has_the_filters_of_the_comparison_that_it_does_not_have_itself() -> None:
    time = TimePoint.parse("now-2h")
    request = DiffProfiles(
        service="checkout",
        agent="planner",
        start=TimePoint.parse("now-1h"),
        invocation="i-1",
        label=LabelFilters((("env", "new"),)),
        baseline_agent="writer",
        baseline_start=time,
        baseline_label=BaselineLabelFilters((("env", "old"),)),
    )
    baseline = baseline_of(request)
    assert (baseline.service, baseline.agent, baseline.invocation) == ("checkout", "writer", None)
    assert (baseline.start, baseline.end) == (time, None)
    assert baseline.label.pairs == (("env", "old"),)


def test_a_diff_needs_to_be_told_its_baseline() -> None:
    with pytest.raises(InvalidParameters, match="one of the parameters baseline_<filter>"):
        baseline_of(DiffProfiles(service="checkout"))
