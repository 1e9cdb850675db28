"""Which spans count as a piece of work, and which of these are retries."""

from collections.abc import Container, Sequence
from typing import Final

from rak_services.derive.ledger.operations import MODEL_OPERATIONS
from rak_services.derive.ledger.rows import SpanFacts
from rak_services.derive.ledger.tree import ROOT, Tree, began_first

FAILED: Final = "ERROR"


def counted_spans(
    tree: Tree, above: Sequence[int], echoes: Container[int], agents: Sequence[str]
) -> list[bool]:
    """Return of each span, by its place, whether it counts: see `rak_libs.model.ledger`.

    Args:
        tree: The trace.
        above: The place of the nearest operation above each span.
        echoes: The places of calls that another span tells of.
        agents: The agent that each span belongs to.
    """
    spans = tree.spans
    tools = _tools(tree, above)
    counted = [bool(span.operation) and place not in echoes for place, span in enumerate(spans)]
    for place, span in enumerate(spans):
        outer = above[place]
        if not span.operation or outer == ROOT or spans[outer].operation != span.operation:
            continue
        if span.operation in MODEL_OPERATIONS:
            counted[outer] = False
        elif span.operation == "agent":
            counted[place] = agents[place] != agents[outer]
        elif span.operation == "tool":
            counted[place] = tools[place] != tools[outer]
    return counted


def _tools(tree: Tree, above: Sequence[int]) -> list[str]:
    """Return the tool that each call of a tool is of: its own, or that of the call it lies in."""
    tools = [span.tool_name for span in tree.spans]
    for place in reversed(tree.upward):
        outer = above[place]
        if not tools[place] and outer != ROOT and tree.spans[outer].operation == "tool":
            tools[place] = tools[outer]
    return tools


def retries(tree: Tree, above: Sequence[int], counted: Sequence[bool]) -> set[int]:
    """Return the places of the calls that repeat one that had failed."""
    spans = tree.spans
    calls = [
        place
        for place, span in enumerate(spans)
        if counted[place] and (span.operation == "tool" or span.operation in MODEL_OPERATIONS)
    ]
    if len(calls) < 2:
        return set()
    calls.sort(key=lambda place: began_first(spans[place]))
    runs = _runs(tree, above, counted)
    found: set[int] = set()
    last: dict[tuple[int, str, str], SpanFacts] = {}
    for place in calls:
        span = spans[place]
        subject = _subject(span)
        if not subject:
            continue
        key = (runs[place], span.operation, subject)
        before = last.get(key)
        if (
            before is not None
            and before.status_code == FAILED
            and before.timestamp + before.duration_ns <= span.timestamp
        ):
            found.add(place)
        last[key] = span
    return found


def _subject(span: SpanFacts) -> str:
    """Return the tool or the model that was called, as asked: failed calls have no other."""
    if span.operation == "tool":
        return span.tool_name
    return span.llm_request_model or span.llm_model


def _runs(tree: Tree, above: Sequence[int], counted: Sequence[bool]) -> list[int]:
    """Return the place of the nearest counted run of an agent above each span."""
    runs = [ROOT] * len(above)
    for place in reversed(tree.upward):
        outer = above[place]
        if outer != ROOT:
            is_run = counted[outer] and tree.spans[outer].operation == "agent"
            runs[place] = outer if is_run else runs[outer]
    return runs
