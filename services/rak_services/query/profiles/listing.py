"""`GET /api/v1/profiles`: profiles that meet every filter, newest first."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

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

_MILLISECOND_NS = 1_000_000


class ProfilesPosition(Struct, frozen=True, array_like=True):
    """Where a page of profiles ended, and what the first page fixed for the whole walk."""

    since_ns: StoredTime | None
    until_ns: StoredTime | None
    snapshot: Snapshot
    place: ProfilePlace


async def search_profiles(store: Store, question: Question, request: SearchProfiles) -> ProfileList:
    """Answer one page of profiles."""
    budget = Budget(store)
    after = None
    if request.cursor is None:
        selection = select_profiles(request, store.now())
        snapshot = await take_snapshot(store)
    else:
        position = decode_cursor(request.cursor, question.digest, ProfilesPosition)
        selection = Selection(request, Range(position.since_ns, position.until_ns))
        snapshot, after = position.snapshot, position.place
    rows = store.page_rows(request.limit)
    places: list[ProfilePlace] = []
    try:
        for part in _looks(selection, after, store.now()):
            found = await budget.ask(*places_sql(part, snapshot, after, rows + 1))
            places = [ProfilePlace(*row) for row in found]
            if len(places) > rows:
                break
        shown = places[:rows]
        stored = await budget.ask(*rows_sql(shown)) if shown else []
    except ClickHouseError as error:
        if hit_a_limit(error):
            return ProfileList(items=[], next_cursor=None, complete=False)
        raise
    cursor = None
    if len(places) > rows:
        period = selection.period
        cursor = question.cursor_after(
            ProfilesPosition(period.since_ns, period.until_ns, snapshot, shown[-1])
        )
    by_id = {row[0]: row for row in stored}
    items = [profile_row(by_id[place.profile_id]) for place in shown if place.profile_id in by_id]
    return ProfileList(items=items, next_cursor=cursor, complete=True)


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
