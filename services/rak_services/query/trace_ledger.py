"""`GET /api/v1/traces/{trace_id}/ledger`: what each span of a trace used and spent."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from rak_libs.clickhouse.parameters import Parameters
from rak_libs.clickhouse.select import Row
from rak_libs.model.ledger import slot_of
from rak_libs.model.time_text import format_time
from rak_services.query.answers import Complete, Nanoseconds, NextCursor, Settled, Time
from rak_services.query.budget import Budget
from rak_services.query.cursors import decode_cursor
from rak_services.query.endpoint import Question, Store
from rak_services.query.ledger_conditions import LEDGER_SETTINGS
from rak_services.query.parameter_types import TraceId
from rak_services.query.problems import NotFound, QuestionTimedOut
from rak_services.query.requests import CursorText, Limit
from rak_services.query.span_conditions import Conditions
from rak_services.query.span_rows import times_sql
from rak_services.query.spending import SPENDING_COLUMNS, Spending, spending_fields
from rak_services.query.time_ranges import StoredTime
from rak_services.query.trace_spending import TraceSpending, spending_of


class GetTraceLedger(Struct, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/traces/{trace_id}/ledger`."""

    trace_id: Annotated[TraceId, Meta(description="32 hexadecimal digits, in either case.")]
    limit: Limit | None = None
    cursor: CursorText | None = None


class LedgerEntry(Spending, frozen=True, kw_only=True):
    """What the ledger says of a span; its tokens and cost are those that the span itself owns."""

    span_id: str
    parent_span_id: str
    timestamp: Time
    duration_ns: Nanoseconds
    service_name: str
    caller_service: Annotated[
        str, Meta(description='The service of the parent, when it is another one; else "".')
    ]
    span_name: str
    span_kind: str
    status_code: str
    operation: str
    counted: Annotated[
        bool,
        Meta(description="Whether it counts as a run or call: one of the spans that tell of it."),
    ]
    retry: Annotated[
        bool, Meta(description="Whether the same call before it in its agent's run failed.")
    ]
    invocation_id: str
    session_id: str
    user_id: str
    conversation_id: str
    agent_name: str
    llm_model: Annotated[str, Meta(description="The one that answered, or else was asked.")]
    llm_request_model: str
    llm_system: str
    tool_name: str
    finish_reason: str
    time_to_first_token_ns: int
    resource_cpu_micros: int
    resource_memory_bytes: int
    resource_memory_peak: int
    total: Annotated[
        Spending, Meta(description="Of it and everything below it: sums of these are no use.")
    ]
    rules_version: int


class TraceSums(Spending, frozen=True, kw_only=True):
    """What a whole trace used and spent."""

    agent_runs: int
    llm_calls: int
    tool_calls: int


class TraceLedger(Struct, frozen=True, kw_only=True):
    """A page of a trace's entries, by time, then span id, and what the trace sums up to."""

    trace_id: str
    settled: Settled
    sums: TraceSums
    items: list[LedgerEntry]
    next_cursor: NextCursor
    complete: Complete


class EntryPlace(Struct, frozen=True, array_like=True):
    """Where a page of entries ended."""

    timestamp_ns: StoredTime
    span_id: Annotated[str, Meta(max_length=16)]


_COPIED: Final = (
    *("span_id", "parent_span_id", "duration_ns", "service_name", "caller_service", "span_name"),
    *("span_kind", "status_code", "operation", "invocation_id", "session_id", "user_id"),
    *("conversation_id", "agent_name", "llm_model", "llm_request_model", "llm_system"),
    *("tool_name", "finish_reason", "time_to_first_token_ns", "resource_cpu_micros"),
    *("resource_memory_bytes", "resource_memory_peak", "rules_version"),
)
_TOTALS: Final = tuple(f"total_{column}" for column in SPENDING_COLUMNS)


async def get_trace_ledger(
    store: Store, question: Question, request: GetTraceLedger
) -> TraceLedger:
    """Answer one page of the entries of a trace; none of a trace without operations and tokens."""
    after = None
    if request.cursor is not None:
        after = decode_cursor(request.cursor, question.digest, EntryPlace)
    budget = Budget(store)
    times = await store.pool.select(*times_sql(request.trace_id))
    if not times:
        raise NotFound(f"no trace {request.trace_id} is stored")
    first_ns, last_ns = times[0]
    rows = store.page_rows(request.limit)
    statement = entries_sql(request.trace_id, (first_ns, last_ns), after, rows + 1)
    found = await store.pool.select(*statement)
    spending = await spending_of(budget, [str(request.trace_id)], first_ns, last_ns)
    if spending is None:
        raise QuestionTimedOut
    spent = spending[request.trace_id]
    cursor = None
    if len(found) > rows:
        timestamp_ns, span_id = found[rows - 1][:2]
        cursor = question.cursor_after(EntryPlace(timestamp_ns, span_id))
    return TraceLedger(
        trace_id=str(request.trace_id),
        settled=spent.settled,
        sums=_sums(spent),
        items=[_entry(row) for row in found[:rows]],
        next_cursor=cursor,
        complete=True,
    )


def entries_sql(
    trace_id: str, times: tuple[int, int], after: EntryPlace | None, rows: int
) -> tuple[str, Parameters]:
    """Return the statement for a page of a trace's entries.

    Columns: time in nanoseconds, those of `_COPIED`, counted, retry, those of `SPENDING_COLUMNS`,
    and the same of everything below.
    """
    first_ns, last_ns = times
    conditions = Conditions()
    conditions.add("trace_id = %(trace_id)s", trace_id=trace_id)
    conditions.add("slot >= toDateTime(%(first_slot)s, 'UTC')", first_slot=slot_of(first_ns))
    conditions.add("slot <= toDateTime(%(last_slot)s, 'UTC')", last_slot=slot_of(last_ns))
    if after is not None:
        conditions.add(
            "(timestamp, span_id) >"
            " (fromUnixTimestamp64Nano(%(after_time)s, 'UTC'), %(after_span)s)",
            after_time=after.timestamp_ns,
            after_span=after.span_id,
        )
    columns = ",\n    ".join((*_COPIED, "counted", "retry", *SPENDING_COLUMNS, *_TOTALS))
    sql = f"""\
SELECT
    toUnixTimestamp64Nano(timestamp),
    {columns}
FROM ledger FINAL
WHERE {conditions.where()}
ORDER BY timestamp, span_id
LIMIT %(rows)s
{LEDGER_SETTINGS}
"""  # noqa: S608 - built from constants; values are bound
    return sql, {**conditions.parameters, "rows": rows}


def _sums(spent: TraceSpending) -> TraceSums:
    agent_runs, llm_calls, tool_calls = spent.counts
    return TraceSums(
        agent_runs=agent_runs,
        llm_calls=llm_calls,
        tool_calls=tool_calls,
        **spending_fields(spent.spent),
    )


def _entry(row: Row) -> LedgerEntry:
    timestamp_ns, *values = row
    copied, values = values[: len(_COPIED)], values[len(_COPIED) :]
    counted, retry, *amounts = values
    own, total = _halves(amounts)
    return LedgerEntry(
        timestamp=format_time(timestamp_ns),
        counted=bool(counted),
        retry=bool(retry),
        total=Spending(**spending_fields(total)),
        **dict(zip(_COPIED, copied, strict=True)),
        **spending_fields(own),
    )


def _halves(amounts: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
    return amounts[: len(SPENDING_COLUMNS)], amounts[len(SPENDING_COLUMNS) :]
