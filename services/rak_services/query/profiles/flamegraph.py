"""The call tree of all profiles that match, or of what of them was spent in spans; or their stacks.

`GET /api/v1/profiles/flamegraph` and `GET /api/v1/traces/{trace_id}/profile`.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from rak_services.query.budget import Budget
from rak_services.query.endpoint import EncodedAnswer, Question, Store
from rak_services.query.profiles.answers import FlameGraph, FlameNode
from rak_services.query.profiles.attribution import (
    InsideSpans,
    attribution,
    inside_spans,
    inside_trace,
)
from rak_services.query.profiles.folded import folded_file
from rak_services.query.profiles.merged import MergedStacks, merged_stacks
from rak_services.query.profiles.pprof_file import pprof_file
from rak_services.query.profiles.requests import GetFlameGraph, GetTraceProfile, ProfileFilters
from rak_services.query.profiles.selection import Selection, select_profiles
from rak_services.query.profiles.shown import Grouping, grouping_of, shown_stacks, wanted_of
from rak_services.query.profiles.span_answers import Attribution
from rak_services.query.profiles.speedscope import speedscope_file
from rak_services.query.profiles.stacks import OTHER_NAME, Node
from rak_services.query.profiles.tree import OTHER_FRAME, Tree, build_tree
from rak_services.query.requests import SpanFilters

MAX_TREE_DEPTH: Final = 250
"""How deep a tree is in JSON at most. Each level is two of the text's, and many readers of JSON
give up at a thousand; the stacks of the other formats are whole."""

ROOT: Final = Node("total")
"""What the root of a tree is called."""

_FILES: Final[dict[str, Callable[[MergedStacks, Grouping], EncodedAnswer]]] = {
    "folded": folded_file,
    "pprof": pprof_file,
    "speedscope": speedscope_file,
}


async def get_flamegraph(
    store: Store,
    question: Question,  # noqa: ARG001 - handlers have one signature
    request: GetFlameGraph,
) -> FlameGraph | EncodedAnswer:
    """Answer the merge of all profiles that match or, of spans, of what was spent in them."""
    of_spans = any(asked is not None for asked in (request.tool, request.model, request.name))
    if not of_spans and request.agent is None:
        return await _answer(Budget(store), request, select_profiles(request, store.now()))
    spans = SpanFilters(
        agent=request.agent, tool=request.tool, model=request.model, name=request.name
    )
    # An agent has profiles of any kind without being asked for as that of spans.
    kind = "CPU" if of_spans and request.kind is None else request.kind
    profiles = msgspec.structs.replace(request, agent=None, kind=kind)
    budget = Budget(store)
    inside = await inside_spans(budget, select_profiles(profiles, store.now()), spans)
    return await _answer(budget, request, inside.selection, inside)


async def get_trace_profile(
    store: Store,
    question: Question,  # noqa: ARG001 - handlers have one signature
    request: GetTraceProfile,
) -> FlameGraph | EncodedAnswer:
    """Answer the merge of what was spent in one trace."""
    budget = Budget(store)
    inside = await inside_trace(budget, ProfileFilters(kind=request.kind), request.trace_id)
    return await _answer(budget, request, inside.selection, inside)


async def _answer(
    budget: Budget,
    request: GetFlameGraph | GetTraceProfile,
    selection: Selection,
    inside: InsideSpans | None = None,
) -> FlameGraph | EncodedAnswer:
    """Answer the merge of a selection in the form that a request asks for."""
    grouping = grouping_of(request.group_by)
    wanted = wanted_of(request.sample_type, request.focus, request.ignore, grouping)
    merged = await merged_stacks(budget, [selection], wanted)
    told = None
    if inside is not None:
        told = await attribution(budget, inside, merged.kind, merged.sample_type)
    if request.format in _FILES:
        file = await asyncio.to_thread(_FILES[request.format], merged, grouping)
        return file if told is None else _with_attribution(file, told)
    graph = await asyncio.to_thread(_flamegraph, merged, grouping, request.max_nodes)
    if inside is None or told is None:
        return graph
    return msgspec.structs.replace(
        graph,
        # The condition of spans is on samples: of these profiles some have none of them.
        profiles=sum(each.profiles for each in told),
        attribution=told,
        complete=graph.complete and inside.complete,
    )


def _with_attribution(file: EncodedAnswer, told: list[Attribution]) -> EncodedAnswer:
    text = ", ".join(f"{each.method};profiles={each.profiles};value={each.value}" for each in told)
    return EncodedAnswer(file.body, {**file.headers, "Attribution": text})


def _flamegraph(merged: MergedStacks, grouping: Grouping, max_nodes: int) -> FlameGraph:
    shown = shown_stacks(merged, grouping.by)
    tree = build_tree(shown.stacks, max_nodes, MAX_TREE_DEPTH)
    (side,) = merged.sides
    return FlameGraph(
        profile_type=merged.kind,
        sample_type=merged.sample_type,
        unit=merged.unit,
        profiles=side.profiles,
        left_out=side.left_out,
        total=side.total,
        nodes=len(tree.parents),
        root=_root(tree, [*shown.nodes, Node(OTHER_NAME), ROOT]),
        complete=merged.complete,
    )


def _root(tree: Tree, nodes: list[Node]) -> FlameNode:
    """Return the root of a tree; the last of the nodes are `(other)` and the root."""
    children = children_of(tree)
    made: dict[int, FlameNode] = {}
    own, totals = tree.self_values[:, 0].tolist(), tree.totals[:, 0].tolist()
    frames = tree.frames.tolist()
    # Children have larger numbers than their parents.
    for number in reversed(range(len(frames))):
        node = nodes[frames[number]]
        made[number] = FlameNode(
            name=node.name,
            function=node.function,
            file=node.file,
            line=node.line,
            self=own[number],
            total=totals[number],
            children=[made.pop(child) for child in children[number]],
        )
    return made[0]


def children_of(tree: Tree) -> list[list[int]]:
    """Return the children of each node: the largest first, `(other)` last."""
    children: list[list[int]] = [[] for _ in tree.parents]
    for number, parent in enumerate(tree.parents.tolist()):
        if parent >= 0:
            children[parent].append(number)
    sizes = abs(tree.totals).sum(axis=1).tolist()
    frames = tree.frames.tolist()
    for each in children:
        each.sort(key=lambda number: (frames[number] == OTHER_FRAME, -sizes[number]))
    return children
