"""Which operation each span lies in, and which spans tell of a call that another one tells of."""

from collections.abc import Sequence
from typing import Final

from rak_services.derive.ledger.tree import ROOT, Tree, began_first

MODEL_OPERATIONS: Final = frozenset({"llm", "embedding"})
"""The operations that are calls of a model."""


def operations_above(tree: Tree) -> list[int]:
    """Return the place of the nearest operation above each span, `ROOT` where there is none."""
    spans, parents, upward = tree
    above = [ROOT] * len(spans)
    for place in reversed(upward):
        parent = parents[place]
        if parent != ROOT:
            above[place] = parent if spans[parent].operation else above[parent]
    return above


def echoes(tree: Tree, above: Sequence[int]) -> set[int]:
    """Return the places of calls of models that a span beside them tells of already.

    They have the answer's id from a call that began before them and had not ended when they began,
    and lie neither below nor above it.

    Args:
        tree: The trace.
        above: The place of the nearest operation above each span.
    """
    spans = tree.spans
    calls: dict[str, list[int]] = {}
    for place, span in enumerate(spans):
        if span.llm_response_id and span.operation in MODEL_OPERATIONS:
            calls.setdefault(span.llm_response_id, []).append(place)
    several = [places for places in calls.values() if len(places) > 1]
    if not several:
        return set()
    outermost = _outermost(tree, above)
    found: set[int] = set()
    for places in several:
        places.sort(key=lambda place: began_first(spans[place]))
        first = spans[places[0]]
        end = first.timestamp + first.duration_ns
        found.update(
            place
            for place in places
            if outermost[place] != outermost[places[0]] and spans[place].timestamp <= end
        )
    return found


def _outermost(tree: Tree, above: Sequence[int]) -> list[int]:
    """Return the place of the outermost of the calls of models that each span lies in directly."""
    outermost = list(range(len(above)))
    for place in reversed(tree.upward):
        outer = above[place]
        if outer != ROOT and tree.spans[outer].operation in MODEL_OPERATIONS:
            outermost[place] = outermost[outer]
    return outermost
