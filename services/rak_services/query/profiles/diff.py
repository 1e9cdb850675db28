"""`GET /api/v1/profiles/diff`: what two merges differ in, as `pprof -diff_base`."""

import asyncio
from typing import Any, Final

import numpy as np

from rak_services.query.budget import Budget
from rak_services.query.endpoint import Question, Store
from rak_services.query.parameter_types import LabelFilters
from rak_services.query.problems import invalid
from rak_services.query.profiles.answers import DiffNode, DiffRow, DiffSide, ProfileDiff
from rak_services.query.profiles.flamegraph import MAX_TREE_DEPTH, ROOT, children_of
from rak_services.query.profiles.merged import MergedStacks, Side, merged_stacks
from rak_services.query.profiles.requests import DiffProfiles, ProfileFilters
from rak_services.query.profiles.selection import select_profiles
from rak_services.query.profiles.shown import (
    Grouping,
    ShownStacks,
    grouping_of,
    shown_stacks,
    wanted_of,
)
from rak_services.query.profiles.stacks import OTHER_NAME, Integers, Node
from rak_services.query.profiles.top import tops_of
from rak_services.query.profiles.tree import Tree, build_tree

_OF_BOTH: Final = ("start", "end", "service", "agent", "kind")
"""Filters of the comparison that hold for a baseline which does not have them itself."""

_OF_ONE: Final = ("invocation", "session", "trace_id", "span_id", "profile_id")


async def diff_profiles(
    store: Store,
    question: Question,  # noqa: ARG001 - handlers have one signature
    request: DiffProfiles,
) -> ProfileDiff:
    """Answer the merges of a baseline and of a comparison beside one another."""
    grouping = grouping_of(request.group_by)
    now = store.now()
    comparison = select_profiles(request, now)
    baseline = select_profiles(baseline_of(request), now)
    wanted = wanted_of(request.sample_type, request.focus, request.ignore, grouping)
    merged = await merged_stacks(Budget(store), [comparison, baseline], wanted)
    return await asyncio.to_thread(_diff, merged, grouping, request)


def baseline_of(request: DiffProfiles) -> ProfileFilters:
    """Return the filters of the baseline: its own and, of those that both can have, the others.

    Raises:
        InvalidParameters: Nothing says what the baseline is.
    """
    own: dict[str, Any] = {
        name: given
        for name in (*_OF_BOTH, *_OF_ONE)
        if (given := getattr(request, f"baseline_{name}"))
    }
    labels = request.baseline_label.pairs
    if not own and not labels:
        raise invalid("baseline_start", "a baseline: one of the parameters baseline_<filter>")
    shared = {name: getattr(request, name) for name in _OF_BOTH}
    if "start" in own or "end" in own:
        shared["start"] = shared["end"] = None
    label = LabelFilters(labels) if labels else request.label
    return ProfileFilters(**{**shared, **own}, label=label)


def _diff(merged: MergedStacks, grouping: Grouping, request: DiffProfiles) -> ProfileDiff:
    comparison, baseline = merged.sides
    scale = 1.0
    shown = shown_stacks(merged, grouping.by)
    if request.normalize == "true" and comparison.total:
        scale = baseline.total / comparison.total
        scaled = _scaled(shown.stacks.values, scale)
        shown = ShownStacks(shown.stacks.with_values(scaled), shown.nodes)
    tree = build_tree(shown.stacks, request.max_nodes, MAX_TREE_DEPTH)
    root = _root(tree, [*shown.nodes, Node(OTHER_NAME), ROOT])
    return ProfileDiff(
        profile_type=merged.kind,
        sample_type=merged.sample_type,
        unit=merged.unit,
        baseline=_side(baseline),
        comparison=_side(comparison),
        scale=scale,
        delta=root.delta_total,
        nodes=len(tree.parents),
        root=root,
        items=_rows(shown, request.limit),
        next_cursor=None,
        complete=merged.complete,
    )


def _scaled(values: Integers, scale: float) -> Integers:
    """Return values whose first column is scaled and rounded as pprof does: half away from 0."""
    scaled = values.copy()
    exact = values[:, 0] * scale
    scaled[:, 0] = np.copysign(np.floor(np.abs(exact) + 0.5), exact)
    return scaled


def _side(side: Side) -> DiffSide:
    return DiffSide(profiles=side.profiles, left_out=side.left_out, total=side.total)


def _root(tree: Tree, nodes: list[Node]) -> DiffNode:
    children = children_of(tree)
    made: dict[int, DiffNode] = {}
    own, totals, frames = tree.self_values.tolist(), tree.totals.tolist(), tree.frames.tolist()
    for number in reversed(range(len(frames))):
        made[number] = DiffNode(
            **_named(nodes[frames[number]]),
            **_values(own[number], totals[number]),
            children=[made.pop(child) for child in children[number]],
        )
    return made[0]


def _rows(shown: ShownStacks, most: int) -> list[DiffRow]:
    """Return the functions by the size of what they have by themselves more or less."""
    tops = tops_of(shown.stacks, len(shown.nodes))
    own, totals = tops.self_values.tolist(), tops.totals.tolist()
    rows = [
        DiffRow(**_named(node), **_values(own[number], totals[number]))
        for number, node in enumerate(shown.nodes)
        if any(own[number]) or any(totals[number])
    ]
    rows.sort(key=lambda row: (-abs(row.delta_self), -abs(row.delta_total), row.name))
    return rows[:most]


def _named(node: Node) -> dict[str, Any]:
    return {"name": node.name, "function": node.function, "file": node.file, "line": node.line}


def _values(own: list[int], total: list[int]) -> dict[str, Any]:
    return {
        "baseline_self": own[1],
        "comparison_self": own[0],
        "delta_self": own[0] - own[1],
        "baseline_total": total[1],
        "comparison_total": total[0],
        "delta_total": total[0] - total[1],
    }
