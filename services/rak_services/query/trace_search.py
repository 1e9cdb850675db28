"""`GET /api/v1/traces`: traces that have a span meeting every filter."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from msgspec import Meta, Struct

from rak_libs.clickhouse.errors import ClickHouseError
from rak_libs.clickhouse.select import Row
from rak_libs.model.time_text import MAX_NS, format_time
from rak_services.query.answers import TraceList, TraceRow
from rak_services.query.budget import Budget
from rak_services.query.cursors import decode_cursor
from rak_services.query.endpoint import Question, Store
from rak_services.query.looks import looks_back
from rak_services.query.problems import hit_a_limit
from rak_services.query.requests import SearchTraces
from rak_services.query.snapshots import Snapshot, take_snapshot
from rak_services.query.span_conditions import check_durations
from rak_services.query.spending import spending_fields
from rak_services.query.time_ranges import Range, StoredTime, resolve_range
from rak_services.query.trace_search_sql import Candidate, Scope, candidates_sql, summaries_sql
from rak_services.query.trace_spending import TraceSpending, spending_of

_LOOKS_SHARE: Final = 0.8
_FIRST_SHARE: Final = 0.75
_FALLBACK_PART: Final = 16


class Position(Struct, frozen=True, array_like=True):
    """Where a page of traces ended, and what the first page fixed for the whole walk.

    That is the range that its relative times meant, and its snapshot of the stored traces.
    """

    since_ns: StoredTime | None
    until_ns: StoredTime | None
    snapshot: Snapshot
    key: StoredTime
    trace_id: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]


@dataclass(frozen=True, slots=True)
class _Page:
    """Which part of the order a page is: `rows` traces after `after` in what a walk sees."""

    period: Range
    snapshot: int
    after: tuple[int, str] | None
    rows: int

    def scope(self, period: Range, starting_from_ns: int | None = None) -> Scope:
        since = period.since_ns if starting_from_ns is None else starting_from_ns
        return Scope(
            since, period.until_ns, starting_from_ns, self.snapshot, self.after, self.rows + 1
        )


async def search_traces(store: Store, question: Question, request: SearchTraces) -> TraceList:
    """Answer one page of a search; every row summarises the whole trace."""
    check_durations(request)
    budget = SearchBudget(store)
    try:
        page = await _page(store, question, request)
    except ClickHouseError as error:
        if hit_a_limit(error):
            return TraceList(items=[], next_cursor=None, complete=False)
        raise
    look = _newest_first if request.order == "-start" else _over_whole_range
    found, all_found = await look(store, budget, request, page)
    shown = found[: page.rows]
    items, all_told = await trace_rows(budget, shown)
    complete = all_found and all_told
    cursor = None
    if complete and len(found) > page.rows:
        cursor = question.cursor_after(_position(page, shown[-1], request))
    return TraceList(items=items, next_cursor=cursor, complete=complete)


async def _page(store: Store, question: Question, request: SearchTraces) -> _Page:
    rows = store.page_rows(request.limit)
    period = resolve_range(request, store.now(), open_start=request.trace_id is not None)
    if request.cursor is None:
        return _Page(period, await take_snapshot(store), None, rows)
    position = decode_cursor(request.cursor, question.digest, Position)
    period = Range(position.since_ns, position.until_ns)
    return _Page(period, position.snapshot, (position.key, position.trace_id), rows)


def _position(page: _Page, last: Candidate, request: SearchTraces) -> Position:
    return Position(
        page.period.since_ns,
        page.period.until_ns,
        page.snapshot,
        last.key(request.order),
        last.trace_id,
    )


class SearchBudget(Budget):
    """The time that all statements of one search may take together.

    Looking for traces leaves a part of it for what to say about them.
    """

    async def look(
        self, request: SearchTraces, scope: Scope, share: float = 1
    ) -> list[Candidate] | None:
        """Return the candidates in a scope; None when a limit of the engine was hit."""
        seconds = self.left(_LOOKS_SHARE) * share
        rows = await self.select(candidates_sql(request, scope), seconds)
        return None if rows is None else [Candidate(*row) for row in rows]

    async def summaries(self, candidates: Sequence[Candidate]) -> list[Row] | None:
        """Return what a row says of each trace; None when a limit of the engine was hit."""
        return await self.select(summaries_sql(candidates), self.left(1))

    async def spending(self, candidates: Sequence[Candidate]) -> Mapping[str, TraceSpending] | None:
        """Return what each trace spent; None when a limit of the engine was hit."""
        first_ns = min(candidate.first_ns for candidate in candidates)
        last_ns = max(candidate.last_ns for candidate in candidates)
        traces = [candidate.trace_id for candidate in candidates]
        return await spending_of(self, traces, first_ns, last_ns)


async def _newest_first(
    store: Store, budget: SearchBudget, request: SearchTraces, page: _Page
) -> tuple[list[Candidate], bool]:
    """Return a page's traces and one more, newest first, and whether none of them is missing.

    A trace that starts at or after a time has no span before it, so a look at the latest spans
    finds every trace that starts among them. Looks reach back further until the page is full.
    """
    period = page.period
    latest = min(
        store.now() if period.until_ns is None else period.until_ns,
        MAX_NS if page.after is None else page.after[0] + 1,
    )
    found: list[Candidate] = []
    for starting_from in looks_back(period.since_ns, latest):
        seen = await budget.look(request, page.scope(period, starting_from))
        if seen is None:
            return found, False
        found = seen
        if len(found) > page.rows:
            break
    return found, True


async def _over_whole_range(
    store: Store, budget: SearchBudget, request: SearchTraces, page: _Page
) -> tuple[list[Candidate], bool]:
    """Return a page's traces and one more in an order that needs to see them all.

    When a limit of the engine is hit, the latest part of the range is looked at instead.
    """
    period = page.period
    found = await budget.look(request, page.scope(period), _FIRST_SHARE)
    if found is not None:
        return found, True
    until = store.now() if period.until_ns is None else period.until_ns
    if period.since_ns is None or period.since_ns >= until:
        return [], False
    recent = until - (until - period.since_ns) // _FALLBACK_PART
    part = page.scope(Range(recent, period.until_ns))
    return await budget.look(request, part) or [], False


async def trace_rows(
    budget: SearchBudget, shown: Sequence[Candidate]
) -> tuple[list[TraceRow], bool]:
    """Return the rows of traces, and whether all of them: fewer when a limit of the engine was hit.

    A trace whose spans expired since it was found has no row.
    """
    for part in (shown, shown[: len(shown) // _FALLBACK_PART]):
        if not part:
            break
        found, spending = await asyncio.gather(budget.summaries(part), budget.spending(part))
        if found is not None and spending is not None:
            summaries = {row[0]: row[1:] for row in found}
            rows = [
                _row(trace, spending[trace.trace_id], *summaries[trace.trace_id])
                for trace in part
                if trace.trace_id in summaries
            ]
            return rows, len(part) == len(shown)
    return [], not shown


def _row(
    candidate: Candidate,
    spending: TraceSpending,
    root_service: str,
    root_name: str,
    spans: int,
    errors: int,
    services: list[str],
    agents: list[str],
) -> TraceRow:
    return TraceRow(
        trace_id=candidate.trace_id,
        root_service=root_service,
        root_name=root_name,
        timestamp=format_time(candidate.start_ns),
        duration_ns=candidate.length_ns,
        spans=spans,
        errors=errors,
        services=services,
        agents=agents,
        settled=spending.settled,
        **spending_fields(spending.spent),
    )
