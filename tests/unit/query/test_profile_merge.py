"""What is merged of what the engine answers, and what of it is shown."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, cast

from rak_services.query.budget import Budget
from rak_services.query.profiles.merge_sql import FrameMatch, Root
from rak_services.query.profiles.merged import MergedStacks, Side, Wanted, merged_stacks
from rak_services.query.profiles.requests import ProfileFilters
from rak_services.query.profiles.selection import Selection
from rak_services.query.time_ranges import Range

DAY = date(2026, 5, 1)
CPU, HEAP = ["samples/count", "cpu/nanoseconds"], ["alloc_space/bytes", "inuse_space/bytes"]
MAIN, WORK = 2**64 - 1, 5
ROOT_STACK, WORK_STACK, GONE_STACK = 7, 2**63 + 1, 9
NOTHING_ELSE = ("", 0, "", 0, 0, False)


@dataclass
class Engine:
    """Answers the statements of a merge: profiles by service, sums by stack, two frames."""

    kinds: Mapping[str, list[tuple[str, str, list[str], int]]]
    sums: Mapping[str, dict[int, int]]
    cut: int = 0
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def ask(self, sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        self.asked.append(parameters)
        if "uniqExact" in sql:
            service = parameters["service"]
            rows = self.kinds[service]
            return [(*row, DAY, DAY, [service]) for row in rows]
        if "sample_values" in sql:
            return [self._sums(sql, self.sums[parameters["service"]])]
        if "length(frames)" in sql:
            stored = {WORK_STACK: [WORK, MAIN], ROOT_STACK: [MAIN]}
            found = sorted(set(json.loads(parameters["stacks"])) & set(stored))
            frames = [frame for number in found for frame in stored[number]]
            return [(found, [len(stored[number]) for number in found], frames)]
        rows = [("work", "a.go", 2, *NOTHING_ELSE), ("main", "a.go", 1, *NOTHING_ELSE)]
        columns = [list(column) for column in zip(*rows, strict=True)]
        return [([WORK, MAIN], ["focus" in parameters, False], [False, False], *columns)]

    def _sums(self, sql: str, sums: dict[int, int]) -> tuple[Any, ...]:
        texts = [["ann"] * len(sums)] if "root_0" in sql else []
        total = sum(sums.values()) + self.cut
        return total, abs(total), [*sums], [*sums.values()], *texts


def merge(engine: Engine, *services: str, wanted: Wanted | None = None) -> MergedStacks:
    selections = [
        Selection(ProfileFilters(service=service), Range(None, None)) for service in services
    ]
    budget = cast("Budget", engine)
    return asyncio.run(merged_stacks(budget, selections, wanted or Wanted()))


def shown(merged: MergedStacks) -> list[tuple[list[str], list[int]]]:
    """Return the functions of each stack and its values."""
    starts, frames = merged.stacks.starts.tolist(), merged.stacks.frames.tolist()
    return [
        ([merged.frames[frame].function for frame in frames[begin:end]], values)
        for begin, end, values in zip(
            starts, starts[1:], merged.stacks.values.tolist(), strict=False
        )
    ]


ONE = {"a": [("CPU", "cpu/nanoseconds", CPU, 3)]}


def test_stacks_are_shown_with_their_frames_and_sums() -> None:
    merged = merge(Engine(ONE, {"a": {WORK_STACK: 10, ROOT_STACK: 4}}), "a")
    assert shown(merged) == [(["work", "main"], [10]), (["main"], [4])]
    assert (merged.kind, merged.sample_type, merged.unit) == ("CPU", CPU[1], "nanoseconds")
    assert merged.sides == (Side(3, 0, 14, 14),)
    assert merged.complete


def test_a_stack_that_is_not_stored_any_more_still_counts() -> None:
    merged = merge(Engine(ONE, {"a": {WORK_STACK: 10, GONE_STACK: 4}}), "a")
    assert shown(merged) == [(["work", "main"], [10]), ([], [4])]


def test_kinds_are_not_mixed_and_those_left_out_are_counted() -> None:
    kinds = {"a": [("HEAP", HEAP[1], HEAP, 5), *ONE["a"]]}
    merged = merge(Engine(kinds, {"a": {WORK_STACK: 10}}), "a")
    assert (merged.kind, merged.sides) == ("CPU", (Side(3, 5, 10, 10),))


def test_the_first_kind_that_has_the_value_is_merged() -> None:
    kinds = {"a": [*ONE["a"], ("HEAP", HEAP[1], HEAP, 5), ("ALLOCS", HEAP[0], HEAP, 9)]}
    engine = Engine(kinds, {"a": {WORK_STACK: 10}})
    merged = merge(engine, "a", wanted=Wanted(sample_type="alloc_space"))
    assert (merged.kind, merged.sample_type) == ("HEAP", "alloc_space/bytes")
    assert merged.sides == (Side(5, 12, 10, 10),)


def test_of_two_units_the_one_of_most_profiles_is_merged() -> None:
    micros = ["cpu/microseconds"]
    kinds = {"a": [("CPU", micros[0], micros, 4), *ONE["a"]]}
    merged = merge(Engine(kinds, {"a": {WORK_STACK: 10}}), "a", wanted=Wanted(sample_type="cpu"))
    assert (merged.sample_type, merged.sides) == (micros[0], (Side(4, 3, 10, 10),))


def test_without_the_value_nothing_is_merged() -> None:
    merged = merge(Engine(ONE, {}), "a", wanted=Wanted(sample_type="delay"))
    assert (merged.kind, merged.sample_type, merged.sides) == ("", "", (Side(0, 3, 0, 0),))
    assert shown(merged) == []
    assert merged.complete


def test_what_there_is_too_much_of_is_one_stack() -> None:
    engine = Engine(ONE, {"a": {WORK_STACK: 10}}, cut=90)
    merged = merge(engine, "a", wanted=Wanted(roots=(Root("agent"),)))
    assert shown(merged) == [(["work", "main"], [10]), (["(other)"], [90])]
    assert [merged.root_texts[number] for number in merged.roots] == [("ann",), ("(other)",)]
    assert merged.sides == (Side(3, 0, 100, 100),)
    assert not merged.complete


def test_with_focus_only_its_stacks_are_shown_and_the_total_stays() -> None:
    engine = Engine(ONE, {"a": {WORK_STACK: 10, ROOT_STACK: 4, GONE_STACK: 1}}, cut=90)
    merged = merge(engine, "a", wanted=Wanted(match=FrameMatch(focus="wor")))
    assert shown(merged) == [(["work", "main"], [10])]
    assert merged.sides == (Side(3, 0, 105, 105),)
    assert not merged.complete


def test_two_selections_lie_side_by_side() -> None:
    kinds = {**ONE, "b": [("CPU", CPU[1], CPU, 1), ("HEAP", HEAP[1], HEAP, 1)]}
    engine = Engine(kinds, {"a": {WORK_STACK: 10}, "b": {ROOT_STACK: 3, WORK_STACK: 1}})
    merged = merge(engine, "a", "b")
    assert shown(merged) == [(["work", "main"], [10, 1]), (["main"], [0, 3])]
    assert merged.sides == (Side(3, 0, 10, 10), Side(1, 1, 4, 4))
