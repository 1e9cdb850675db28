"""The statements that find the spans of one invocation: in the spans, and in the ledger.

A span belongs to the invocation that it names itself and, in the ledger, to the one that a span
above it names.
"""

from dataclasses import dataclass
from typing import Final

from rak_libs.clickhouse.parameters import Parameters
from rak_services.query.ledger_conditions import LEDGER_SETTINGS
from rak_services.query.sessions.reading_sql import TracePlace
from rak_services.query.span_conditions import Conditions
from rak_services.query.spending import SPENDING_COLUMNS

MOST_TRACES: Final = 10_000
"""So many traces of an invocation are looked at."""

IN_SPANS: Final = (
    "(trace_id, span_id) IN (SELECT trace_id, span_id FROM spans"
    " WHERE invocation_id = %(invocation)s)"
)
IN_LEDGER: Final = (
    "(trace_id, span_id) IN (SELECT trace_id, span_id FROM ledger FINAL"
    " WHERE invocation_id = %(invocation)s)"
)
"""Conditions that hold for what was written in a span of the invocation."""


@dataclass(frozen=True, slots=True)
class Times:
    """When the spans of an invocation were, in nanoseconds since 1970: `end` of the last of all."""

    begin: int
    end: int


def spans_sql(invocation_id: str) -> tuple[str, Parameters]:
    """Return the statement for what the spans say that name the invocation; one row.

    Columns: spans, errors, begin of the first, end of the last, traces, services.
    """
    sql = f"""\
SELECT
    uniqExact(trace_id, span_id),
    uniqExactIf((trace_id, span_id), status_code = 'ERROR'),
    toUnixTimestamp64Nano(min(timestamp)),
    toUnixTimestamp64Nano(max(end_timestamp)),
    groupUniqArray({MOST_TRACES + 1})(trace_id),
    groupUniqArray(service_name)
FROM spans
WHERE invocation_id = %(invocation)s
"""  # noqa: S608 - built from constants; values are bound
    return sql, {"invocation": invocation_id}


def entries_sql(invocation_id: str) -> tuple[str, Parameters]:
    """Return the statement for what the ledger says of the invocation; one row.

    Columns: entries, begin of the first, end of the last, traces, services, agents, models, tools,
    sessions, users, runs of agents, calls of models, of tools, those of `SPENDING_COLUMNS`.
    """
    names = ",\n    ".join(
        f"groupUniqArrayIf({column}, {column} != '')"
        for column in ("service_name", "agent_name", "llm_model", "tool_name")
    )
    sums = ",\n    ".join(f"sum({column})" for column in SPENDING_COLUMNS)
    sql = f"""\
SELECT
    count(),
    toUnixTimestamp64Nano(min(timestamp)),
    max(toUnixTimestamp64Nano(timestamp)
        + toInt64(least(duration_ns, 9223372036854775807 - toUnixTimestamp64Nano(timestamp)))),
    groupUniqArray({MOST_TRACES + 1})(trace_id),
    {names},
    arraySort(groupUniqArrayIf(session_id, session_id != '')),
    arraySort(groupUniqArrayIf(user_id, user_id != '')),
    sum(counted AND operation = 'agent'),
    sum(counted AND operation = 'llm'),
    sum(counted AND operation = 'tool'),
    {sums}
FROM ledger FINAL
WHERE invocation_id = %(invocation)s
{LEDGER_SETTINGS}
"""  # noqa: S608 - built from constants; values are bound
    return sql, {"invocation": invocation_id}


def traces_sql(traces: list[str], after: TracePlace | None, rows: int) -> tuple[str, Parameters]:
    """Return the statement for a page of traces in order of their begin: fields of `Candidate`."""
    having = Conditions()
    if after is not None:
        having.add(
            "(begin_ns, trace_id) > (%(after_time)s, %(after_trace)s)",
            after_time=after.timestamp,
            after_trace=after.trace_id,
        )
    sql = f"""\
SELECT
    trace_id,
    toUnixTimestamp64Nano(min(start)) AS begin_ns,
    toUnixTimestamp64Nano(max(`end`)) - begin_ns,
    begin_ns,
    toUnixTimestamp64Nano(max(`end`))
FROM trace_times
WHERE trace_id IN %(traces)s
GROUP BY trace_id
HAVING {having.where()}
ORDER BY begin_ns, trace_id
LIMIT %(rows)s
"""  # noqa: S608 - built from constants; values are bound
    return sql, {"traces": traces, **having.parameters, "rows": rows}
