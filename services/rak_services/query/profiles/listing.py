"""`GET /api/v1/profiles`: profiles that meet every filter, newest first."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from msgspec import Struct

from rak_libs.clickhouse.errors import ClickHouseError
from rak_libs.clickhouse.select import Row
from rak_libs.model.time_text import format_time
from rak_services.query.budget import Budget
from rak_services.query.cursors import decode_cursor
from rak_services.query.endpoint import Question, Store
from rak_services.query.looks import looks_back
from rak_services.query.problems import hit_a_limit
from rak_services.query.profiles.answers import ProfileList, ProfileRow
from rak_services.query.profiles.listing_sql import ROW_NAMES, ProfilePlace, places_sql, rows_sql
from rak_services.query.profiles.requests import SearchProfiles
from rak_services.query.profiles.selection import Selection, select_profiles
from rak_services.query.snapshots import Snapshot, take_snapshot
from rak_services.query.time_ranges import Range, StoredTime

_MILLISECOND_NS: Final = 1_000_000
_LOOKS_SHARE: Final = 0.8
"""How much of the time may go into finding profiles, so that some is left to read them."""


class ProfilesPosition(Struct, frozen=True, array_like=True):
    """Where a page of profiles ended, and what the first page fixed for the whole walk."""

    since_ns: StoredTime | None
    until_ns: StoredTime | None
    snapshot: Snapshot
    place: ProfilePlace


@dataclass(frozen=True, slots=True)
class _Page:
    """Which part of the order a page is: `rows` profiles after `after` in what a walk sees."""

    selection: Selection
    snapshot: int
    after: ProfilePlace | None
    rows: int


async def search_profiles(store: Store, question: Question, request: SearchProfiles) -> ProfileList:
    """Answer one page of profiles."""
    budget = Budget(store)
    try:
        page = await _page(store, question, request)
    except ClickHouseError as error:
        if hit_a_limit(error):
            return ProfileList(items=[], next_cursor=None, complete=False)
        raise
    found, all_found = await _look(budget, page, store.now())
    shown = found[: page.rows]
    stored = await budget.select(rows_sql(shown), budget.left(1)) if shown else []
    complete = all_found and stored is not None
    cursor = None
    if complete and len(found) > page.rows:
        period = page.selection.period
        cursor = question.cursor_after(
            ProfilesPosition(period.since_ns, period.until_ns, page.snapshot, shown[-1])
        )
    by_id = {row[0]: row for row in stored or []}
    items = [profile_row(by_id[place.profile_id]) for place in shown if place.profile_id in by_id]
    return ProfileList(items=items, next_cursor=cursor, complete=complete)


async def _page(store: Store, question: Question, request: SearchProfiles) -> _Page:
    rows = store.page_rows(request.limit)
    if request.cursor is None:
        selection = select_profiles(request, store.now())
        return _Page(selection, await take_snapshot(store), None, rows)
    position = decode_cursor(request.cursor, question.digest, ProfilesPosition)
    selection = Selection(request, Range(position.since_ns, position.until_ns))
    return _Page(selection, position.snapshot, position.place, rows)


async def _look(budget: Budget, page: _Page, now_ns: int) -> tuple[list[ProfilePlace], bool]:
    """Return the places of a page and one more, and whether none of them is missing.

    A look at the last part in time finds every profile of it, so looks reach further back until the
    page is full.
    """
    found: list[ProfilePlace] = []
    for part in _looks(page.selection, page.after, now_ns):
        statement = places_sql(part, page.snapshot, page.after, page.rows + 1)
        seen = await budget.select(statement, budget.left(_LOOKS_SHARE))
        if seen is None:
            return found, False
        found = [ProfilePlace(*row) for row in seen]
        if len(found) > page.rows:
            break
    return found, True


def _looks(selection: Selection, after: ProfilePlace | None, now_ns: int) -> Iterator[Selection]:
    """Yield the parts of the range to look at, from its end back; the last is all of it."""
    period = selection.period
    until = now_ns if period.until_ns is None else period.until_ns
    latest = until if after is None else min(until, after.timestamp)
    for since in looks_back(period.since_ns, latest):
        begin = period.since_ns if since is None else since
        yield replace(selection, period=Range(begin, period.until_ns))


def profile_row(row: Row) -> ProfileRow:
    """Return a row of `rows_sql` as it is answered."""
    return ProfileRow(**row_fields(row))


def row_fields(row: Row) -> dict[str, Any]:
    """Return the fields of a row whose first columns are those of `ROW_NAMES`."""
    stored = dict(zip(ROW_NAMES, row, strict=False))
    del stored["duration_seconds"]
    stored["timestamp"] = format_time(stored["timestamp"])
    stored["ingested_at"] = format_time(stored["ingested_at"] * _MILLISECOND_NS)
    return stored
