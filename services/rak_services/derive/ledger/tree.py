"""The unique spans of a trace as trees: who is whose parent, and an order from the leaves up."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from rak_services.derive.ledger.rows import SpanFacts

ROOT: Final = -1


class Tree(NamedTuple):
    """The spans of a trace; a span is told by its place in `spans`.

    Attributes:
        spans: Each span once.
        parents: The place of each span's parent, `ROOT` for a root.
        upward: Every place once, each after the places of all spans below it.
    """

    spans: list[SpanFacts]
    parents: list[int]
    upward: list[int]


def tree_of(rows: Iterable[SpanFacts]) -> Tree:
    """Make the tree of the rows of one trace; it does not depend on their order.

    Args:
        rows: Rows of one trace; several may tell of one span.
    """
    spans = _unique(rows)
    places = {span.span_id: place for place, span in enumerate(spans)}
    # An absent parent id is no id, whoever else has none.
    places.pop("", None)
    find = places.get
    parents = [find(span.parent_span_id, ROOT) for span in spans]
    return Tree(spans, parents, _upward(spans, parents))


def began_first(span: SpanFacts) -> tuple[int, str]:
    """Return the key by which spans of one trace are in the order in which they began."""
    return span.timestamp, span.span_id


def _unique(rows: Iterable[SpanFacts]) -> list[SpanFacts]:
    unique: dict[str, SpanFacts] = {}
    for row in rows:
        known = unique.setdefault(row.span_id, row)
        if known is not row and (row.ingested_at, row) < (known.ingested_at, known):
            unique[row.span_id] = row
    return list(unique.values())


def _upward(spans: list[SpanFacts], parents: list[int]) -> list[int]:
    """Order the places from the leaves up, and make a root in every cycle of `parents`."""
    waiting = [0] * len(parents)
    for parent in parents:
        if parent != ROOT:
            waiting[parent] += 1
    upward = [place for place, children in enumerate(waiting) if not children]
    for place in upward:  # grows meanwhile
        parent = parents[place]
        if parent != ROOT:
            waiting[parent] -= 1
            if not waiting[parent]:
                upward.append(parent)
    if len(upward) < len(spans):
        for place, children in enumerate(waiting):
            if children:
                _break_cycle(place, spans, parents, waiting, upward)
    return upward


def _break_cycle(
    start: int, spans: list[SpanFacts], parents: list[int], waiting: list[int], upward: list[int]
) -> None:
    """Make the first span of the cycle through `start` a root, and order the cycle.

    What hangs below a cycle is in `upward` already, so that each of its spans waits for the one
    before it alone.
    """
    cycle = [start]
    while (parent := parents[cycle[-1]]) != start:
        cycle.append(parent)
    root = min(range(len(cycle)), key=lambda at: began_first(spans[cycle[at]]))
    parents[cycle[root]] = ROOT
    upward += cycle[root + 1 :] + cycle[: root + 1]
    for place in cycle:
        waiting[place] = 0
