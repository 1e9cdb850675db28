"""The statements that find the spans of one invocation: in the spans, and in the ledger.

A span belongs to the invocation that it names itself and, in the ledger, to the one that a span
above it names.
"""

from dataclasses import dataclass
from typing import Final

from rak_libs.clickhouse.parameters import Parameters
from rak_libs.model.ledger import slot_of
from rak_services.query.ledger_conditions import LEDGER_SETTINGS
from rak_services.query.sessions.reading_sql import TracePlace
from rak_services.query.span_conditions import Conditions
from rak_services.query.spending import SPENDING_COLUMNS

MOST_TRACES: Final = 10_000
"""So many traces of an invocation are looked at."""


@dataclass(frozen=True, slots=True)
class Times:
    """When spans were, in nanoseconds since 1970: `end` of the last of all."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Traces:
    """The traces in which spans name an invocation.

    Attributes:
        ids: Of them; in the ledger it has spans in no other.
        times: When their spans were, all of them.
    """

    ids: list[str]
    times: Times

    def add_slots(self, conditions: Conditions) -> None:
        """Keep entries of the ledger in these traces."""
        conditions.add("trace_id IN %(traces)s", traces=self.ids)
        times = self.times
        conditions.add("slot >= toDateTime(%(begin)s, 'UTC')", begin=slot_of(times.begin))
        conditions.add("slot <= toDateTime(%(end)s, 'UTC')", end=slot_of(times.end))

    def add_inside(self, conditions: Conditions, invocation_id: str) -> None:
        """Keep what was written in a span of the invocation, or names it: columns of a record."""
        entries = Conditions()
        self.add_slots(entries)
        entries.add("invocation_id = %(invocation)s")
        own = "SELECT trace_id, span_id FROM spans WHERE invocation_id = %(invocation)s"
        inherited = f"SELECT trace_id, span_id FROM ledger FINAL WHERE {entries.where('    ')}"  # noqa: S608
        conditions.add(
            "(invocation_id = %(invocation)s OR (invocation_id = '' AND trace_id IN %(traces)s"
            f" AND ((trace_id, span_id) IN ({own}) OR (trace_id, span_id) IN ({inherited}))))",
            invocation=invocation_id,
            **entries.parameters,
        )


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


def entries_sql(invocation_id: str, traces: Traces) -> tuple[str, Parameters]:
    """Return the statement for what the ledger says of the invocation; one row.

    Columns: entries, end of the last, services, agents, models, tools, sessions, users, runs of
    agents, calls of models, of tools, those of `SPENDING_COLUMNS`.
    """
    conditions = Conditions()
    conditions.add("invocation_id = %(invocation)s", invocation=invocation_id)
    traces.add_slots(conditions)
    names = ",\n    ".join(
        f"groupUniqArrayIf({column}, {column} != '')"
        for column in ("service_name", "agent_name", "llm_model", "tool_name")
    )
    sums = ",\n    ".join(f"sum({column})" for column in SPENDING_COLUMNS)
    sql = f"""\
SELECT
    count(),
    max(toUnixTimestamp64Nano(timestamp)
        + toInt64(least(duration_ns, 9223372036854775807 - toUnixTimestamp64Nano(timestamp)))),
    {names},
    arraySort(groupUniqArrayIf(session_id, session_id != '')),
    arraySort(groupUniqArrayIf(user_id, user_id != '')),
    sum(counted AND operation = 'agent'),
    sum(counted AND operation = 'llm'),
    sum(counted AND operation = 'tool'),
    {sums}
FROM ledger FINAL
WHERE {conditions.where()}
{LEDGER_SETTINGS}
"""  # noqa: S608 - built from constants; values are bound
    return sql, conditions.parameters


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
