"""The statements that read a session's traces: where they are, and what may tell of messages."""

from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import Meta, Struct

from rak_libs.clickhouse.parameters import Parameters
from rak_libs.model.ledger import slot_of
from rak_libs.model.time_text import MAX_NS
from rak_libs.model.time_window import HOUR_NS
from rak_services.query.ledger_conditions import LEDGER_SETTINGS
from rak_services.query.sessions.span_content import CONTENT_EVENTS, CONTENT_KEYS, NUMBERED_KEYS
from rak_services.query.span_conditions import Conditions
from rak_services.query.spending import SPENDING_COLUMNS
from rak_services.query.time_ranges import StoredTime

MOST_ENTRIES: Final = 200_000
"""So many entries of the ledger are read of some traces."""

AROUND_NS: Final = HOUR_NS
"""How much earlier or later than its trace a record may have been written."""

_NUMBERS: Final = range(2)
_FIELDS: Final = ("role", "content", "tool_calls.0.name", "finish_reason")
_TOLD_BY_KEYS: Final = (
    *CONTENT_KEYS,
    *(
        f"{key}{number}.{field}"
        for key in NUMBERED_KEYS
        for number in _NUMBERS
        for field in _FIELDS
    ),
)
"""A span with messages has one of these keys, whichever way it tells them."""

_MAPS: Final = (
    "attributes_string",
    "attributes_int",
    "attributes_float",
    "attributes_bool",
    "attributes_json",
)


class TracePlace(Struct, frozen=True, array_like=True, order=True):
    """Where a trace is in the order of a session, by the time it began."""

    timestamp: StoredTime
    trace_id: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]


class TraceTimes(Struct, frozen=True, array_like=True, order=True):
    """When the part of a trace that belongs to a session was, in nanoseconds since 1970."""

    timestamp: int
    trace_id: str
    end: int


def traces_sql(session_id: str, after: TracePlace | None, rows: int) -> tuple[str, Parameters]:
    """Return the statement for a page of a session's traces, in the order in which they began.

    Columns: begin in nanoseconds, id, end, service and name of the root, spans, errors, agents,
    models, tools, runs of agents, calls of models, of tools, and those of `SPENDING_COLUMNS`.
    """
    having = Conditions()
    if after is not None:
        having.add(
            "(begin_ns, trace_id) > (%(after_time)s, %(after_trace)s)",
            after_time=after.timestamp,
            after_trace=after.trace_id,
        )
    names = ",\n    ".join(
        f"arraySort(groupUniqArrayArray({column}))" for column in ("agents", "models", "tools")
    )
    sums = ",\n    ".join(
        f"sum({column})" for column in ("agent_runs", "llm_calls", "tool_calls", *SPENDING_COLUMNS)
    )
    sql = f"""\
SELECT
    toUnixTimestamp64Nano(min(timestamp)) AS begin_ns,
    trace_id,
    toUnixTimestamp64Nano(max(end_timestamp)),
    any(root_service),
    any(root_name),
    sum(spans),
    sum(errors),
    {names},
    {sums}
FROM trace_totals FINAL
WHERE session_id = %(session_id)s
GROUP BY trace_id
HAVING {having.where()}
ORDER BY begin_ns, trace_id
LIMIT %(rows)s
{LEDGER_SETTINGS}
"""  # noqa: S608 - built from constants; values are bound
    return sql, {"session_id": session_id, **having.parameters, "rows": rows}


def trace_times_sql(session_id: str, traces: int) -> tuple[str, Parameters]:
    """Return the statement for when a session's first traces were, in order.

    One row of arrays, an element each trace: the fields of `TraceTimes`.
    """
    sql = f"""\
SELECT groupArray(begin_ns), groupArray(trace_id), groupArray(end_ns)
FROM (
    SELECT
        toUnixTimestamp64Nano(min(timestamp)) AS begin_ns,
        trace_id,
        toUnixTimestamp64Nano(max(end_timestamp)) AS end_ns
    FROM trace_totals FINAL
    WHERE session_id = %(session_id)s
    GROUP BY trace_id
    ORDER BY begin_ns, trace_id
    LIMIT %(traces)s
)
{LEDGER_SETTINGS}
"""  # noqa: S608 - built from constants; values are bound
    return sql, {"session_id": session_id, "traces": traces}


def content_sql(traces: Sequence[TraceTimes]) -> tuple[str, Parameters]:
    """Return the statement for the spans of some traces that may tell of messages, each once.

    Columns: ids of the trace and the span, begin in nanoseconds, duration, operation, session,
    agent, tool, id of the tool's call, the five Maps with the attributes that matter, and times,
    names and attributes of the events that do.

    The traces come in PREWHERE: keys are looked at in their spans alone, and not in all that are
    stored beside those, which costs tenfold.
    """
    conditions = _in_traces(traces, 0)
    told = " OR ".join(
        f"arrayExists(key -> key IN %({name})s, {keys})"
        for keys, name in (
            ("mapKeys(attributes_string)", "keys"),
            ("mapKeys(attributes_json)", "keys"),
            ("`events.name`", "events"),
        )
    )
    numbered = " OR ".join(f"startsWith(key, '{begin}')" for begin in NUMBERED_KEYS)
    maps = ",\n    ".join(
        f"mapFilter((key, value) -> key IN %(content_keys)s OR {numbered}, {column})"
        for column in _MAPS
    )
    events = ",\n    ".join(
        f"arrayFilter((value, name) -> name IN %(events)s, {values}, `events.name`)"
        for values in (
            "arrayMap(time -> toUnixTimestamp64Nano(time), `events.timestamp`)",
            "`events.name`",
            "`events.attributes`",
        )
    )
    sql = f"""\
SELECT
    trace_id,
    span_id,
    toUnixTimestamp64Nano(timestamp),
    duration_ns,
    operation,
    session_id,
    agent_name,
    tool_name,
    tool_call_id,
    {maps},
    {events}
FROM spans
PREWHERE {conditions.where()}
WHERE {told}
ORDER BY ingested_at
LIMIT 1 BY trace_id, span_id
"""  # noqa: S608 - built from constants; values are bound
    return sql, {
        **conditions.parameters,
        "keys": list(_TOLD_BY_KEYS),
        "events": list(CONTENT_EVENTS),
        "content_keys": list(CONTENT_KEYS),
    }


def records_sql(traces: Sequence[TraceTimes]) -> tuple[str, Parameters]:
    """Return the statement for the log records in some traces that tell of messages.

    Columns: ids of the trace and the span, time in nanoseconds, name of the event, agent, `body`,
    `body_json` and the five Maps; by time. A record that was sent twice comes once.
    """
    conditions = _in_traces(traces, AROUND_NS)
    conditions.add(
        "(event_name IN %(events)s OR attributes_string['event.name'] IN %(events)s)",
        events=list(CONTENT_EVENTS),
    )
    columns = ", ".join(("body", "body_json", *_MAPS))
    sql = f"""\
SELECT
    trace_id,
    span_id,
    toUnixTimestamp64Nano(timestamp),
    if(event_name != '', toString(event_name), attributes_string['event.name']) AS told_name,
    agent_name,
    {columns}
FROM logs
WHERE {conditions.where()}
ORDER BY timestamp, ingested_at, position
LIMIT 1 BY trace_id, span_id, timestamp, told_name, cityHash64({columns})
"""  # noqa: S608 - built from constants; values are bound
    return sql, conditions.parameters


def entries_sql(traces: Sequence[TraceTimes]) -> tuple[str, Parameters]:
    """Return the statement for what the ledger says of the spans of some traces.

    One row of arrays, an element each span: ids of the trace and the span, begin in nanoseconds,
    duration, operation, session, agent, tool, and whether the span is counted.
    """
    conditions = _in_traces(traces, 0)
    conditions.add("slot >= toDateTime(%(first_slot)s, 'UTC')", first_slot=slot_of(_first(traces)))
    conditions.add("slot <= toDateTime(%(last_slot)s, 'UTC')", last_slot=slot_of(_last(traces)))
    columns = (
        "trace_id",
        "span_id",
        "toUnixTimestamp64Nano(timestamp)",
        "duration_ns",
        "operation",
        "session_id",
        "agent_name",
        "tool_name",
        "counted",
    )
    arrays = ",\n    ".join(f"groupArray({MOST_ENTRIES})({column})" for column in columns)
    sql = f"""\
SELECT
    {arrays}
FROM ledger FINAL
WHERE {conditions.where()}
{LEDGER_SETTINGS}
"""  # noqa: S608 - built from constants; values are bound
    return sql, conditions.parameters


def _in_traces(traces: Sequence[TraceTimes], around_ns: int) -> Conditions:
    conditions = Conditions()
    conditions.add("trace_id IN %(traces)s", traces=[trace.trace_id for trace in traces])
    conditions.add(
        "timestamp >= fromUnixTimestamp64Nano(%(first)s, 'UTC')",
        first=max(_first(traces) - around_ns, 0),
    )
    conditions.add(
        "timestamp <= fromUnixTimestamp64Nano(%(last)s, 'UTC')",
        last=min(_last(traces) + around_ns, MAX_NS),
    )
    return conditions


def _first(traces: Sequence[TraceTimes]) -> int:
    return min(trace.timestamp for trace in traces)


def _last(traces: Sequence[TraceTimes]) -> int:
    return max(trace.end for trace in traces)
