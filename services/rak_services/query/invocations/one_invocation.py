"""`GET /api/v1/invocations/{invocation_id}`: everything in every signal that belongs to it."""

import asyncio
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from msgspec import Struct

from rak_libs.clickhouse.parameters import Parameters
from rak_libs.clickhouse.select import Row
from rak_libs.model.time_text import format_time
from rak_services.query.answers import TraceList
from rak_services.query.budget import Budget
from rak_services.query.cursors import decode_cursor
from rak_services.query.endpoint import Question, Store
from rak_services.query.invocations.answers import (
    Invocation,
    InvocationLinks,
    InvocationMetrics,
    InvocationWork,
)
from rak_services.query.invocations.metrics import metrics_of
from rak_services.query.invocations.records import (
    Records,
    RecordsPosition,
    records_of_invocation,
)
from rak_services.query.invocations.requests import GetInvocation
from rak_services.query.invocations.spans_sql import (
    MOST_TRACES,
    Times,
    Traces,
    entries_sql,
    spans_sql,
    traces_sql,
)
from rak_services.query.logs.answers import LogList
from rak_services.query.problems import NotFound, QuestionTimedOut
from rak_services.query.profiles.answers import ProfileList
from rak_services.query.profiles.listing import profile_row
from rak_services.query.profiles.listing_sql import ProfilePlace, places_sql, rows_sql
from rak_services.query.profiles.requests import ProfileFilters
from rak_services.query.profiles.selection import SampleCondition
from rak_services.query.profiles.selection import Selection as ProfileSelection
from rak_services.query.profiles.span_sets import times_sql
from rak_services.query.sessions.reading_sql import TracePlace
from rak_services.query.snapshots import take_snapshot
from rak_services.query.spending import SPENDING_COLUMNS, spending_fields
from rak_services.query.time_ranges import Range
from rak_services.query.trace_search import SearchBudget, trace_rows
from rak_services.query.trace_search_sql import Candidate

_NAMES_IT: Final = "invocation_id = %(invocation)s"
_NAMES_A_TRACE: Final = (
    f"({_NAMES_IT} OR (invocation_id = ''"
    " AND (trace_id IN %(traces)s OR hasAny(`samples.trace_id`, %(traces)s))))"
)
"""A profile belongs to an invocation that it names, or else to that of a trace that it names."""


_NO_NAMES: Final = ((),) * 6
_NO_SUMS: Final = (0,) * (3 + len(SPENDING_COLUMNS))


class InvocationPosition(Struct, frozen=True, array_like=True):
    """Which of the lists goes on, and where; the other place is None."""

    trace: TracePlace | None
    records: RecordsPosition | None


@dataclass(frozen=True, slots=True)
class _Found:
    """What spans and ledger say of an invocation.

    Attributes:
        work: What is answered of it.
        traces: Its traces; None without any.
        complete: Whether these are all of them.
    """

    work: InvocationWork
    traces: Traces | None
    complete: bool


async def get_invocation(store: Store, question: Question, request: GetInvocation) -> Invocation:
    """Answer what is known of an invocation, and the first of each list or the next page of one."""
    budget = SearchBudget(store)
    after = InvocationPosition(None, None)
    if request.cursor is not None:
        after = decode_cursor(request.cursor, question.digest, InvocationPosition)
    rows = store.page_rows(request.limit)
    found = await _found(budget, request.invocation_id)
    traces, logs, metrics, profiles = await asyncio.gather(
        _traces(budget, question, found, after, rows),
        _logs(store, budget, question, request, found, after),
        _metrics(budget, request.invocation_id, found, after, rows),
        _profiles(store, budget, request.invocation_id, found, after),
    )
    nothing = found.traces is None and not ((logs and logs.items) or (profiles and profiles.items))
    if nothing and request.cursor is None and not (metrics and metrics.series):
        raise NotFound(f"nothing that is stored names the invocation {request.invocation_id!r}")
    return Invocation(
        invocation_id=request.invocation_id,
        work=found.work,
        traces=traces,
        logs=logs,
        metrics=metrics,
        profiles=profiles,
        links=_links(request.invocation_id),
    )


async def _found(budget: Budget, invocation_id: str) -> _Found:
    spans = await _one_row(budget, spans_sql(invocation_id))
    ids = sorted(spans[4])
    if not ids:
        return _Found(_work(spans, None), None, complete=True)
    # More than the rows that name it: a span below one of those may have begun or ended later.
    times = Times(*await _one_row(budget, times_sql(ids[:MOST_TRACES])))
    traces = Traces(ids[:MOST_TRACES], times)
    entries = await _one_row(budget, entries_sql(invocation_id, traces))
    return _Found(_work(spans, entries), traces, len(ids) <= MOST_TRACES)


async def _one_row(budget: Budget, statement: tuple[str, Parameters]) -> Row:
    rows = await budget.select(statement, budget.left(1))
    if not rows:
        raise QuestionTimedOut
    return rows[0]


def _work(of_spans: Row, of_entries: Row | None) -> InvocationWork:
    spans, errors, first, last, traces, services = of_spans
    entries, last_entry, *names = of_entries[:8] if of_entries else (0, 0, *_NO_NAMES)
    runs, llm_calls, tool_calls, *spent = of_entries[8:] if of_entries else _NO_SUMS
    return InvocationWork(
        first_seen=format_time(first) if spans else None,
        last_seen=format_time(max(last, last_entry)) if spans else None,
        traces=len(traces),
        spans=spans,
        entries=entries,
        errors=errors,
        services=sorted({*services, *names[0]}),
        agents=sorted(names[1]),
        models=sorted(names[2]),
        tools=sorted(names[3]),
        sessions=names[4],
        users=names[5],
        agent_runs=runs,
        llm_calls=llm_calls,
        tool_calls=tool_calls,
        **spending_fields(spent),
    )


async def _traces(
    budget: SearchBudget, question: Question, found: _Found, after: InvocationPosition, rows: int
) -> TraceList | None:
    if after.records is not None:
        return None
    if found.traces is None:
        return TraceList(items=[], next_cursor=None, complete=True)
    statement = traces_sql(found.traces.ids, after.trace, rows + 1)
    stored = await budget.select(statement, budget.left(1))
    candidates = [Candidate(*row) for row in stored or []]
    items, all_told = await trace_rows(budget, candidates[:rows])
    cursor = None
    if len(candidates) > rows:
        last = candidates[rows - 1]
        place = TracePlace(last.start_ns, last.trace_id)
        cursor = question.cursor_after(InvocationPosition(place, None))
    complete = stored is not None and all_told and found.complete
    return TraceList(items=items, next_cursor=cursor, complete=complete)


async def _logs(
    store: Store,
    budget: Budget,
    question: Question,
    request: GetInvocation,
    found: _Found,
    after: InvocationPosition,
) -> LogList | None:
    if after.trace is not None:
        return None
    records = Records(request.invocation_id, found.traces)
    rows = store.page_rows(request.limit)
    page = await records_of_invocation(store, budget, records, after.records, rows)
    cursor = None
    if page.next_position is not None:
        cursor = question.cursor_after(InvocationPosition(None, page.next_position))
    return LogList(items=page.items, next_cursor=cursor, complete=page.complete)


async def _metrics(
    budget: Budget, invocation_id: str, found: _Found, after: InvocationPosition, rows: int
) -> InvocationMetrics | None:
    if after.trace is not None or after.records is not None:
        return None
    return await metrics_of(budget, invocation_id, found.traces, rows)


async def _profiles(
    store: Store, budget: Budget, invocation_id: str, found: _Found, after: InvocationPosition
) -> ProfileList | None:
    if after.trace is not None or after.records is not None:
        return None
    condition = SampleCondition("true", _NAMES_IT, {"invocation": invocation_id})
    if found.traces is not None:
        parameters = {**condition.parameters, "traces": found.traces.ids}
        condition = SampleCondition("true", _NAMES_A_TRACE, parameters)
    selection = ProfileSelection(ProfileFilters(), Range(None, None), condition)
    most = store.page_rows(None)
    statement = places_sql(selection, await take_snapshot(store), None, most)
    places = await budget.select(statement, budget.left(1))
    if not places:
        return ProfileList(items=[], next_cursor=None, complete=places is not None)
    stored = await budget.select(
        rows_sql([ProfilePlace(*place) for place in places]), budget.left(1)
    )
    complete = stored is not None and len(places) < most
    items = [profile_row(row) for row in stored or []]
    return ProfileList(items=items, next_cursor=None, complete=complete)


def _links(invocation_id: str) -> InvocationLinks:
    asked = urlencode({"invocation": invocation_id, "start": "0"})
    return InvocationLinks(
        traces=f"/api/v1/traces?{asked}",
        logs=f"/api/v1/logs?{asked}",
        profiles=f"/api/v1/profiles?{asked}",
        flamegraph=f"/api/v1/profiles/flamegraph?{asked}",
    )
