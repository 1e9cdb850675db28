"""Which operation each span lies in, and which spans tell of a call that another one tells of."""

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


def echoes(tree: Tree) -> set[int]:
    """Return the places of calls of models that a span beside them tells of already.

    They have the answer's id from a call that began before them and had not ended when they began.
    Spans above one another tell of one call as well, but own its tokens only once.
    """
    spans = tree.spans
    if not any(span.llm_response_id for span in spans):
        return set()
    outer = _same_answer_above(tree)
    beside: dict[tuple[str, int], list[int]] = {}
    for place, above in outer.items():
        beside.setdefault((spans[place].llm_response_id, above), []).append(place)
    found: set[int] = set()
    for places in beside.values():
        first = min((spans[place] for place in places), key=began_first)
        end = first.timestamp + first.duration_ns
        found.update(
            place for place in places if spans[place] is not first and spans[place].timestamp <= end
        )
    for place in reversed(tree.upward):
        if outer.get(place) in found:
            found.add(place)
    return found


def _same_answer_above(tree: Tree) -> dict[int, int]:
    """Return the places of the calls that tell their answer's id, and of those that they lie in.

    That is the nearest call above that tells an id, if it is the same one, or else `ROOT`.
    """
    spans, parents, upward = tree
    telling = [ROOT] * len(spans)
    outer: dict[int, int] = {}
    for place in reversed(upward):
        span, parent = spans[place], parents[place]
        above = ROOT if parent == ROOT else telling[parent]
        telling[place] = above
        if span.llm_response_id and span.operation in MODEL_OPERATIONS:
            telling[place] = place
            same = above != ROOT and spans[above].llm_response_id == span.llm_response_id
            outer[place] = above if same else ROOT
    return outer
