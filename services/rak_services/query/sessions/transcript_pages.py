"""A page of a transcript, read portion by portion of a session's traces.

Portions are always the same traces, whatever the pages are, and each is put together knowing the
portion before it alone: every call of a model repeats what was said, so that says what is old. A
page is therefore the same whether it was reached by a cursor or not.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Meta, Struct

from rak_services.query.budget import Budget
from rak_services.query.sessions.answers import TranscriptMessage
from rak_services.query.sessions.reading import read_traces
from rak_services.query.sessions.reading_sql import TracePlace, TraceTimes, trace_times_sql
from rak_services.query.sessions.shown_parts import shown
from rak_services.query.sessions.span_content import SpanContent
from rak_services.query.sessions.transcript import Line, Transcript
from rak_services.query.time_ranges import StoredTime

MOST_TRACES: Final = 10_000
"""So many traces of a session are looked at; with more, its transcript is not complete."""

PORTION_TRACES: Final = 50
PAGE_BYTES: Final = 32 * 1024 * 1024
"""A page ends early when its messages are larger than this."""


class LinePlace(Struct, frozen=True, array_like=True):
    """Where a page ended: behind this message of this trace."""

    trace: TracePlace
    timestamp: StoredTime
    span_id: Annotated[str, Meta(max_length=16)]
    ordinal: Annotated[int, Meta(ge=0)]


class TranscriptPage(NamedTuple):
    """Messages in order, where the next page begins (None: there is none), and if all are there."""

    items: list[TranscriptMessage]
    next_place: LinePlace | None
    complete: bool


class _Told(NamedTuple):
    trace: TracePlace
    line: Line

    @property
    def place(self) -> LinePlace:
        return LinePlace(self.trace, self.line.timestamp, self.line.span_id, self.line.ordinal)


_Contents = Mapping[str, Sequence[SpanContent]]


async def transcript_page(
    budget: Budget, session_id: str, after: LinePlace | None, limit: int, max_content: int
) -> TranscriptPage:
    """Return one page of what was said in a session.

    A page ends early when the time is over, and then another follows.

    Raises:
        ClickHouseError: The engine cannot be asked.
    """
    rows = await budget.select(trace_times_sql(session_id, MOST_TRACES + 1), budget.left(1))
    if not rows:
        return TranscriptPage([], None, complete=False)
    known = [TraceTimes(*times) for times in zip(*rows[0], strict=True)]
    traces, complete = known[:MOST_TRACES], len(known) <= MOST_TRACES
    first = _portion_of(traces, after)
    before: _Contents = {}
    if first > 0:
        before, all_read = await _read(budget, session_id, _portion(traces, first - 1))
        complete = complete and all_read
    told: list[_Told] = []
    more = False
    for number in range(first, -(-len(traces) // PORTION_TRACES)):
        if told and budget.left(1) <= 0:
            more = True
            break
        portion = _portion(traces, number)
        contents, all_read = await _read(budget, session_id, portion)
        complete = complete and all_read
        told += await asyncio.to_thread(_tell, before, contents, portion, after)
        before = contents
        if len(told) > limit:
            break
    return await asyncio.to_thread(_page, told, limit, max_content, more=more, complete=complete)


def _portion_of(traces: Sequence[TraceTimes], after: LinePlace | None) -> int:
    if after is None:
        return 0
    place = TraceTimes(after.trace.timestamp, after.trace.trace_id, 0)
    return bisect_left(traces, place) // PORTION_TRACES


def _portion(traces: Sequence[TraceTimes], number: int) -> Sequence[TraceTimes]:
    return traces[number * PORTION_TRACES :][:PORTION_TRACES]


async def _read(
    budget: Budget, session_id: str, traces: Sequence[TraceTimes]
) -> tuple[dict[str, list[SpanContent]], bool]:
    """Return the spans of traces, and whether all: those of fewer at once when they are large."""
    found = await read_traces(budget, session_id, traces)
    if found is not None:
        return found, True
    if len(traces) < 2 or budget.left(1) <= 0:
        return {}, False
    half = len(traces) // 2
    first, all_first = await _read(budget, session_id, traces[:half])
    rest, all_rest = await _read(budget, session_id, traces[half:])
    return {**first, **rest}, all_first and all_rest


def _tell(
    before: _Contents, contents: _Contents, portion: Sequence[TraceTimes], after: LinePlace | None
) -> list[_Told]:
    """Return what a portion tells behind a place."""
    transcript = Transcript()
    for spans in before.values():
        transcript.lines_of(spans)
    told: list[_Told] = []
    for times in portion:
        trace = TracePlace(times.timestamp, times.trace_id)
        lines = transcript.lines_of(contents.get(times.trace_id, ()))
        if after is None or trace > after.trace:
            told += [_Told(trace, line) for line in lines]
        elif trace == after.trace:
            told += [_Told(trace, line) for line in _behind(lines, after)]
    return told


def _behind(lines: Sequence[Line], after: LinePlace) -> Sequence[Line]:
    """Return the lines of a trace behind one, or behind its time when it is there no more."""
    for number, line in enumerate(lines):
        if (line.span_id, line.ordinal) == (after.span_id, after.ordinal):
            return lines[number + 1 :]
    return [line for line in lines if line.timestamp > after.timestamp]


def _page(
    told: Sequence[_Told], limit: int, max_content: int, *, more: bool, complete: bool
) -> TranscriptPage:
    items: list[TranscriptMessage] = []
    size = 0
    for one in told[:limit]:
        item = shown(one.line, max_content)
        size += len(msgspec.json.encode(item))
        if items and size > PAGE_BYTES:
            break
        items.append(item)
    more = more or len(items) < len(told)
    return TranscriptPage(items, told[len(items) - 1].place if more else None, complete)
