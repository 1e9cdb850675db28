"""`GET /api/v1/traces`: traces that have a span meeting every filter."""

import time
from collections.abc import Iterator
from typing import Annotated, Final

from msgspec import Meta, Struct

from rak_libs.clickhouse.errors import ClickHouseError
from rak_services.query.answers import TraceList, TraceRow
from rak_services.query.cursors import decode_cursor
from rak_services.query.endpoint import Question, Store
from rak_services.query.problems import hit_a_limit, invalid
from rak_services.query.requests import SearchTraces
from rak_services.query.time_ranges import Range, StoredTime, resolve_range
from rak_services.query.time_text import MAX_NS, SECOND_NS, format_time
from rak_services.query.trace_search_sql import Candidate, Scope, candidates_sql, summaries_sql

_FIRST_LOOK_NS: Final = 60 * SECOND_NS
_LOOK_FURTHER: Final = 16
_FIRST_SHARE: Final = 0.75
_FALLBACK_PART: Final = 16


class Position(Struct, frozen=True, array_like=True):
    """Where a page of traces ended, and the range that its relative times meant."""

    since_ns: StoredTime | None
    until_ns: StoredTime | None
    key: StoredTime
    trace_id: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]


async def search_traces(store: Store, question: Question, request: SearchTraces) -> TraceList:
    """Answer one page of a search; every row summarises the whole trace."""
    _check_durations(request)
    period = resolve_range(request, store.now(), open_start=request.trace_id is not None)
    after = None
    if request.cursor is not None:
        position = decode_cursor(request.cursor, question.digest, Position)
        period = Range(position.since_ns, position.until_ns)
        after = (position.key, position.trace_id)
    rows = store.page_rows(request.limit)
    look = _newest_first if request.order == "-start" else _over_whole_range
    found, complete = await look(store, request, period, after, rows + 1)
    page = found[:rows]
    last = page[-1] if complete and len(found) > rows else None
    return TraceList(
        items=await _rows(store, page),
        next_cursor=None if last is None else question.cursor_after(_after(last, request, period)),
        complete=complete,
    )


def _check_durations(request: SearchTraces) -> None:
    shortest, longest = request.min_duration, request.max_duration
    if shortest is not None and longest is not None and shortest > longest:
        raise invalid("min_duration", "at most max_duration")


def _after(last: Candidate, request: SearchTraces, period: Range) -> Position:
    return Position(period.since_ns, period.until_ns, last.key(request.order), last.trace_id)


def _scope(
    period: Range, after: tuple[int, str] | None, rows: int, starting_from_ns: int | None = None
) -> Scope:
    since = period.since_ns if starting_from_ns is None else starting_from_ns
    return Scope(since, period.until_ns, starting_from_ns, after, rows)


class _Budget:
    """The time that all looks of one search may take together."""

    def __init__(self, store: Store) -> None:
        self._deadline = time.monotonic() + store.limits.max_query_time_seconds
        self._pool = store.pool

    async def look(
        self, request: SearchTraces, scope: Scope, share: float = 1
    ) -> list[Candidate] | None:
        """Return the candidates in a scope; None when a limit of the engine was hit."""
        seconds = (self._deadline - time.monotonic()) * share
        if seconds <= 0:
            return None
        sql, parameters = candidates_sql(request, scope)
        try:
            rows = await self._pool.select(sql, parameters, seconds=seconds)
        except ClickHouseError as error:
            if hit_a_limit(error):
                return None
            raise
        return [Candidate(*row) for row in rows]


async def _newest_first(
    store: Store,
    request: SearchTraces,
    period: Range,
    after: tuple[int, str] | None,
    rows: int,
) -> tuple[list[Candidate], bool]:
    """Return the newest `rows` traces after a position, and whether none of them is missing.

    A trace that starts at or after a time has no span before it, so a look at the latest spans
    finds every trace that starts among them. Looks reach back further until the page is full.
    """
    budget = _Budget(store)
    latest = min(
        store.now() if period.until_ns is None else period.until_ns,
        MAX_NS if after is None else after[0] + 1,
    )
    found: list[Candidate] = []
    for starting_from in looks_back(period.since_ns, latest):
        seen = await budget.look(request, _scope(period, after, rows, starting_from))
        if seen is None:
            return found, False
        found = seen
        if len(found) >= rows:
            break
    return found, True


def looks_back(since_ns: int | None, latest_ns: int) -> Iterator[int | None]:
    """Yield first starts of traces, further back each time; None last, for the whole range."""
    reach = _FIRST_LOOK_NS
    while since_ns is not None and latest_ns - reach > since_ns:
        yield latest_ns - reach
        reach *= _LOOK_FURTHER
    yield None


async def _over_whole_range(
    store: Store,
    request: SearchTraces,
    period: Range,
    after: tuple[int, str] | None,
    rows: int,
) -> tuple[list[Candidate], bool]:
    """Return the first `rows` traces after a position in an order that needs to see them all.

    When a limit of the engine is hit, the latest part of the range is looked at instead.
    """
    budget = _Budget(store)
    found = await budget.look(request, _scope(period, after, rows), _FIRST_SHARE)
    if found is not None:
        return found, True
    until = store.now() if period.until_ns is None else period.until_ns
    if period.since_ns is None or period.since_ns >= until:
        return [], False
    recent = until - (until - period.since_ns) // _FALLBACK_PART
    part = _scope(Range(recent, period.until_ns), after, rows)
    return await budget.look(request, part) or [], False


async def _rows(store: Store, page: list[Candidate]) -> list[TraceRow]:
    if not page:
        return []
    sql, parameters = summaries_sql(page)
    summaries = {row[0]: row[1:] for row in await store.pool.select(sql, parameters)}
    # A trace whose spans expired between the two statements has no summary.
    return [
        _row(candidate, *summaries[candidate.trace_id])
        for candidate in page
        if candidate.trace_id in summaries
    ]


def _row(
    candidate: Candidate,
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
    )
