"""`GET /api/v1/sessions` and `/users`: what their traces sum up to, by session or by user.

A page goes on behind the place of the last one in the same order. While a walk goes on, what is
sorted by only moves towards the begin of the order (except where traces are priced anew), so that
nothing comes twice; what has moved past the place of a page meanwhile does not come in this walk.
"""

from typing import Final

from msgspec import Struct

from rak_libs.clickhouse.select import Row
from rak_services.query.budget import Budget
from rak_services.query.cursors import decode_cursor
from rak_services.query.endpoint import Question, Store
from rak_services.query.problems import invalid
from rak_services.query.sessions.activity_rows import series_of, session_row, user_row
from rak_services.query.sessions.answers import ActivityPoint, SessionList, UserList
from rak_services.query.sessions.listing_sql import (
    SESSIONS,
    USERS,
    Place,
    Subject,
    keys_sql,
    rows_sql,
    series_sql,
)
from rak_services.query.sessions.requests import ActivityFilters, ListSessions, ListUsers
from rak_services.query.time_ranges import Range, StoredTime, resolve_range

_MILLISECOND_NS: Final = 1_000_000
_MOST_POINTS: Final = 1_000_000
"""How many windows the rows of a page may have together."""


class ActivityPosition(Struct, frozen=True, array_like=True):
    """Where a page ended, and the range that its relative times meant."""

    since_ns: StoredTime | None
    until_ns: StoredTime | None
    place: Place


class _Listing(Struct, frozen=True):
    """One page: rows of `rows_sql` in order, what each did over time, and what follows."""

    rows: list[Row]
    series: dict[str, list[ActivityPoint]]
    next_cursor: str | None
    complete: bool


async def list_sessions(store: Store, question: Question, request: ListSessions) -> SessionList:
    """Answer one page of sessions; every row sums up the whole session in the time range."""
    page = await _listing(store, question, SESSIONS, request, request.order)
    items = [session_row(row, page.series.get(row[0], [])) for row in page.rows]
    return SessionList(items=items, next_cursor=page.next_cursor, complete=page.complete)


async def list_users(store: Store, question: Question, request: ListUsers) -> UserList:
    """Answer one page of users; every row sums up all that a user did in the time range."""
    page = await _listing(store, question, USERS, request, request.order)
    items = [user_row(row, page.series.get(row[0], [])) for row in page.rows]
    return UserList(items=items, next_cursor=page.next_cursor, complete=page.complete)


async def _listing(
    store: Store, question: Question, subject: Subject, request: ActivityFilters, order: str
) -> _Listing:
    budget = Budget(store)
    limit = store.page_rows(request.limit)
    period, after = _period(store, question, request)
    step_ms = _step_ms(request, period, limit)
    keys = keys_sql(subject, request, order, period, after, limit + 1)
    found = await budget.select(keys, budget.left(1))
    shown = [row[0] for row in found or []][:limit]
    if found is None or not shown:
        return _Listing([], {}, None, found is not None)
    rows = await budget.select(rows_sql(subject, shown, period), budget.left(1))
    series: list[Row] | None = []
    if step_ms is not None:
        series = await budget.select(series_sql(subject, shown, period, step_ms), budget.left(1))
    if rows is None or series is None:
        return _Listing([], {}, None, complete=False)
    cursor = None
    if len(found) > limit:
        place = Place(found[limit - 1][2], shown[-1])
        cursor = question.cursor_after(ActivityPosition(period.since_ns, period.until_ns, place))
    by_id = {row[0]: row for row in rows}
    in_order = [by_id[id_] for id_ in shown if id_ in by_id]
    return _Listing(in_order, series_of(series), cursor, complete=True)


def _period(
    store: Store, question: Question, request: ActivityFilters
) -> tuple[Range, Place | None]:
    if request.cursor is not None:
        position = decode_cursor(request.cursor, question.digest, ActivityPosition)
        return Range(position.since_ns, position.until_ns), position.place
    now = store.now()
    period = resolve_range(request, now, open_start=request.trace_id is not None)
    return Range(period.since_ns, now if period.until_ns is None else period.until_ns), None


def _step_ms(request: ActivityFilters, period: Range, rows: int) -> int | None:
    if request.step is None:
        return None
    if request.step < _MILLISECOND_NS or request.step % _MILLISECOND_NS:
        raise invalid("step", "a whole number of milliseconds, at least 1ms")
    if period.since_ns is None or period.until_ns is None:
        # Of a trace's own session or user alone.
        return request.step // _MILLISECOND_NS
    if (period.until_ns - period.since_ns) // request.step * rows > _MOST_POINTS:
        raise invalid("step", f"one that gives at most {_MOST_POINTS:,} windows of all {rows} rows")
    return request.step // _MILLISECOND_NS
