"""From stored rows to what spans tell: the spans of some of a session's traces, by trace."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from rak_libs.clickhouse.select import Row
from rak_libs.model.time_text import MAX_NS
from rak_libs.otlp.typed_json import text_to_plain
from rak_services.query.budget import Budget
from rak_services.query.sessions.reading_sql import (
    TraceTimes,
    content_sql,
    entries_sql,
    records_sql,
)
from rak_services.query.sessions.span_content import ContentEvent, SpanContent
from rak_services.query.stored_facts import attributes_of

_SpanKey = tuple[str, str]
_MAPS: Final = (
    "attributes_string",
    "attributes_int",
    "attributes_float",
    "attributes_bool",
    "attributes_json",
)


_BOUNDS: Final = {"max_result_bytes": str(64 * 1024 * 1024)}
"""More is not read at once: the service holds it as a whole."""


class Entry(NamedTuple):
    """What the ledger says of a span."""

    timestamp: int
    duration_ns: int
    operation: str
    session_id: str
    agent_name: str
    tool_name: str
    counted: int


async def read_traces(
    budget: Budget, session_id: str, traces: Sequence[TraceTimes]
) -> dict[str, list[SpanContent]] | None:
    """Return the spans of some traces that tell of messages; None when a limit was hit.

    Spans of another session are left out: a trace may be of several.

    Raises:
        ClickHouseError: The engine cannot be asked.
    """
    statements = (content_sql(traces), records_sql(traces), entries_sql(traces))
    found = await asyncio.gather(
        *(budget.select(one, budget.left(1), _BOUNDS) for one in statements)
    )
    if any(rows is None for rows in found):
        return None
    contents, records, (entries,) = (rows or [] for rows in found)
    return await asyncio.to_thread(spans_of, session_id, contents, records, entries)


def spans_of(
    session_id: str, contents: Iterable[Row], records: Iterable[Row], entries: Row
) -> dict[str, list[SpanContent]]:
    """Return the spans of a session by trace.

    Args:
        session_id: The session.
        contents: Rows of `content_sql`.
        records: Rows of `records_sql`.
        entries: The row of `entries_sql`.
    """
    known: dict[_SpanKey, Entry] = {
        (trace_id, span_id): Entry(*facts)
        for trace_id, span_id, *facts in zip(*entries, strict=True)
    }
    written: defaultdict[_SpanKey, list[Row]] = defaultdict(list)
    for row in records:
        written[row[0], row[1]].append(row)
    traces: defaultdict[str, list[SpanContent]] = defaultdict(list)
    for row in contents:
        key = (row[0], row[1])
        span = _span(row, known.get(key), written.pop(key, []))
        if known[key].session_id == session_id if key in known else row[5] in ("", session_id):
            traces[row[0]].append(span)
    for key, rows in written.items():
        entry = known.get(key)
        if entry is None or entry.session_id == session_id:
            traces[key[0]].append(_span_of_records(key, rows, entry))
    return traces


def _span(row: Row, entry: Entry | None, records: Sequence[Row]) -> SpanContent:
    trace_id, span_id, timestamp, duration, operation, _, agent, tool, tool_call_id = row[:9]
    maps = dict(zip(_MAPS, row[9:14], strict=True))
    events = [
        ContentEvent(time, name, text_to_plain(attributes))
        for time, name, attributes in zip(*row[14:17], strict=True)
    ]
    return SpanContent(
        trace_id=trace_id,
        span_id=span_id,
        timestamp=timestamp,
        end=min(timestamp + duration, MAX_NS),
        operation=operation if entry is None else entry.operation,
        agent=agent if entry is None else entry.agent_name,
        tool_name=tool,
        tool_call_id=tool_call_id,
        repeats=entry is not None and not entry.counted,
        attributes=attributes_of(maps),
        events=(*events, *map(_event, records)),
    )


def _span_of_records(key: _SpanKey, rows: Sequence[Row], entry: Entry | None) -> SpanContent:
    """Return a span that tells nothing itself, or is not stored, of the records written in it."""
    events = tuple(map(_event, rows))
    if entry is None:
        first, last = events[0].timestamp, events[-1].timestamp
        return SpanContent(*key, first, last, "llm", rows[0][4], events=events)
    return SpanContent(
        trace_id=key[0],
        span_id=key[1],
        timestamp=entry.timestamp,
        end=min(entry.timestamp + entry.duration_ns, MAX_NS),
        operation=entry.operation,
        agent=entry.agent_name,
        tool_name=entry.tool_name,
        repeats=not entry.counted,
        events=events,
    )


def _event(row: Row) -> ContentEvent:
    body: Any = text_to_plain(row[6]) if row[6] else row[5] or None
    attributes: Mapping[str, Any] = attributes_of(dict(zip(_MAPS, row[7:12], strict=True)))
    return ContentEvent(row[2], row[3], attributes, body)
