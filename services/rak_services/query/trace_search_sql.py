"""The two statements behind a search: which traces, in order; then what to say about them.

Times inside the statements are integers of nanoseconds since 1970. No result column is given the
name of a stored one: the engine would take it for that column inside WHERE.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from msgspec import Struct

from rak_libs.clickhouse.parameters import Parameters
from rak_services.query.requests import SearchTraces, TraceOrder
from rak_services.query.span_conditions import Conditions, add_span_filters, add_time_range
from rak_services.query.span_identity import SPAN_IDENTITY


@dataclass(frozen=True, slots=True)
class Order:
    """A total order of traces: a key of each trace, then the trace id, in one direction."""

    key: str
    direction: str
    comparison: str


ORDERS: Final[dict[TraceOrder, Order]] = {
    "-start": Order("start_ns", "DESC", "<"),
    "start": Order("start_ns", "ASC", ">"),
    "-duration": Order("length_ns", "DESC", "<"),
    "duration": Order("length_ns", "ASC", ">"),
}


class Candidate(Struct, frozen=True, array_like=True):
    """A trace that matches, with the times of its spans.

    `start_ns` and `length_ns`, from there to the largest end, are as the snapshot has them;
    `first_ns` and `last_ns` bound all spans that are stored now.
    """

    trace_id: str
    start_ns: int
    length_ns: int
    first_ns: int
    last_ns: int

    def key(self, order: TraceOrder) -> int:
        """Return the value that the order sorts by."""
        return self.start_ns if ORDERS[order].key == "start_ns" else self.length_ns


@dataclass(frozen=True, slots=True)
class Scope:
    """The part of the stored spans and traces that one statement looks at.

    Attributes:
        since_ns: First time of a matching span; None is open.
        until_ns: First time after those of matching spans; None is open.
        starting_from_ns: First start of a trace; None is open.
        snapshot: Traces are as they were stored before this moment, in milliseconds since 1970.
        after: Key and trace id of the last row of the page before; None on the first page.
        rows: How many traces to return at most.
    """

    since_ns: int | None
    until_ns: int | None
    starting_from_ns: int | None
    snapshot: int
    after: tuple[int, str] | None
    rows: int


def candidates_sql(request: SearchTraces, scope: Scope) -> tuple[str, Parameters]:
    """Return the statement for the traces with a matching span: the columns of `Candidate`.

    What orders and bounds traces is read from rows of the snapshot only, so that a trace keeps its
    place in the order while more of it is stored.
    """
    order = ORDERS[request.order]
    spans = Conditions()
    add_time_range(spans, scope.since_ns, scope.until_ns)
    add_span_filters(spans, request)
    traces = _trace_conditions(request, order, scope)
    sql = f"""\
WITH inserted_at < fromUnixTimestamp64Milli(%(snapshot)s, 'UTC') AS seen
SELECT
    trace_id,
    toUnixTimestamp64Nano(minIf(start, seen)) AS start_ns,
    toUnixTimestamp64Nano(maxIf(`end`, seen)) - start_ns AS length_ns,
    toUnixTimestamp64Nano(min(start)),
    toUnixTimestamp64Nano(max(`end`))
FROM trace_times
WHERE trace_id IN (
    SELECT trace_id
    FROM spans
    WHERE {spans.where("    ")}
)
GROUP BY trace_id
HAVING {traces.where()}
ORDER BY {order.key} {order.direction}, trace_id {order.direction}
LIMIT %(rows)s
"""  # noqa: S608 - built from constants; values are bound
    bound: Parameters = {"snapshot": scope.snapshot, "rows": scope.rows}
    return sql, {**spans.parameters, **traces.parameters, **bound}


def _trace_conditions(request: SearchTraces, order: Order, scope: Scope) -> Conditions:
    traces = Conditions()
    traces.add("countIf(seen) > 0")
    if request.min_duration is not None:
        traces.add("length_ns >= %(min_duration)s", min_duration=int(request.min_duration))
    if request.max_duration is not None:
        traces.add("length_ns <= %(max_duration)s", max_duration=int(request.max_duration))
    if scope.starting_from_ns is not None:
        traces.add("start_ns >= %(starting_from)s", starting_from=scope.starting_from_ns)
    if scope.after is not None:
        key, trace_id = scope.after
        traces.add(
            f"({order.key} {order.comparison} %(after_key)s OR ({order.key} = %(after_key)s"
            f" AND trace_id {order.comparison} %(after_trace)s))",
            after_key=key,
            after_trace=trace_id,
        )
    return traces


def summaries_sql(candidates: Sequence[Candidate]) -> tuple[str, Parameters]:
    """Return the statement for what a row says of each trace.

    Columns: trace id, service and name of the root, spans, errors, services, agents. A span that
    is stored twice counts once. The root is the earliest span without a parent, or the earliest
    of all.
    """
    conditions = Conditions()
    conditions.add(
        "trace_id IN %(traces)s", traces=[candidate.trace_id for candidate in candidates]
    )
    conditions.add(
        "timestamp >= fromUnixTimestamp64Nano(%(since)s, 'UTC')",
        since=min(candidate.first_ns for candidate in candidates),
    )
    conditions.add(
        "timestamp <= fromUnixTimestamp64Nano(%(last)s, 'UTC')",
        last=max(candidate.last_ns for candidate in candidates),
    )
    sql = f"""\
SELECT
    trace_id,
    argMin(service_name, (parent_span_id != '', timestamp, span_id)),
    argMin(span_name, (parent_span_id != '', timestamp, span_id)),
    uniqExact({SPAN_IDENTITY}),
    uniqExactIf(({SPAN_IDENTITY}), status_code = 'ERROR'),
    arraySort(groupUniqArray(service_name)),
    arraySort(groupUniqArrayIf(agent_name, agent_name != ''))
FROM spans
WHERE {conditions.where()}
GROUP BY trace_id
"""  # noqa: S608 - built from constants; values are bound
    return sql, conditions.parameters
