"""`GET /api/v1/logs`: records that meet every filter, in the order of their time."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from msgspec import Struct

from rak_libs.clickhouse.errors import ClickHouseError
from rak_libs.clickhouse.select import Row
from rak_libs.model.time_text import MAX_NS
from rak_services.query.budget import Budget
from rak_services.query.cursors import decode_cursor
from rak_services.query.endpoint import EncodedAnswer, Question, Store
from rak_services.query.logs.answers import LogList
from rak_services.query.logs.pages import read_page
from rak_services.query.logs.places import (
    NEWEST_FIRST,
    OLDEST_FIRST,
    Key,
    Order,
    RecordPlace,
    passed_at,
)
from rak_services.query.logs.record_answers import otlp_records, records_of
from rak_services.query.logs.record_sql import (
    Selection,
    keys_sql,
    row_key,
    row_mapping,
)
from rak_services.query.logs.requests import SearchLogs
from rak_services.query.looks import looks_ahead, looks_back
from rak_services.query.problems import QuestionTimedOut, hit_a_limit
from rak_services.query.snapshots import Snapshot, take_snapshot
from rak_services.query.time_ranges import Range, StoredTime, resolve_range

_LOOKS_SHARE: Final = 0.8
_FALLBACK_PART: Final = 16


class SearchPosition(Struct, frozen=True, array_like=True):
    """Where a page of records ended, and what the first page fixed for the whole walk.

    That is the range that its relative times meant, and its snapshot of the stored records.
    """

    since_ns: StoredTime | None
    until_ns: StoredTime | None
    snapshot: Snapshot
    place: RecordPlace


@dataclass(frozen=True, slots=True)
class _Page:
    """Which part of the order a page is: `rows` records after `after` in what a walk sees."""

    selection: Selection
    order: Order
    after: RecordPlace | None
    rows: int

    def looks(self, now_ns: int) -> Iterator[Selection]:
        """Yield the parts of the range to look at, the largest and last being all of it."""
        period = self.selection.period
        after_ns = None if self.after is None else self.after.key[0]
        until = now_ns if period.until_ns is None else period.until_ns
        if self.order.descending:
            latest = min(until, MAX_NS if after_ns is None else after_ns + 1)
            for since in looks_back(period.since_ns, latest):
                begin = period.since_ns if since is None else since
                yield replace(self.selection, period=Range(begin, period.until_ns))
        else:
            first = period.since_ns if after_ns is None else after_ns
            for end in looks_ahead(first, until):
                end_ns = period.until_ns if end is None else end
                yield replace(self.selection, period=Range(period.since_ns, end_ns))


async def search_logs(
    store: Store, question: Question, request: SearchLogs
) -> LogList | EncodedAnswer:
    """Answer one page of a search, as plain JSON or as OTLP JSON."""
    budget = Budget(store)
    try:
        page = await _page(store, question, request)
    except ClickHouseError as error:
        if hit_a_limit(error):
            return await _answer(request, question, [], None, complete=False)
        raise
    found, all_found = await _look(budget, page, store.now())
    rows, all_read = await _read(budget, page, found[: page.rows])
    complete = all_found and all_read
    cursor = None
    if complete and rows and len(found) > len(rows):
        cursor = question.cursor_after(_position(page, [row_key(row) for row in rows]))
    return await _answer(request, question, rows, cursor, complete=complete)


async def _page(store: Store, question: Question, request: SearchLogs) -> _Page:
    order = NEWEST_FIRST if request.order == "newest" else OLDEST_FIRST
    rows = store.page_rows(request.limit)
    if request.cursor is None:
        period = resolve_range(request, store.now(), open_start=request.trace_id is not None)
        selection = Selection(request, period, await take_snapshot(store))
        return _Page(selection, order, None, rows)
    position = decode_cursor(request.cursor, question.digest, SearchPosition)
    period = Range(position.since_ns, position.until_ns)
    return _Page(Selection(request, period, position.snapshot), order, position.place, rows)


async def _look(budget: Budget, page: _Page, now_ns: int) -> tuple[list[Any], bool]:
    """Return a page's keys and one more, and whether none of them is missing.

    A look at the first part in time finds every record of it, so looks reach further until the page
    is full.
    """
    found: list[Row] = []
    for selection in page.looks(now_ns):
        statement = keys_sql(selection, page.order, page.after, page.rows + 1)
        seen = await budget.select(statement, budget.left(_LOOKS_SHARE))
        if seen is None:
            return found, False
        found = seen
        if len(found) > page.rows:
            break
    return found, True


async def _read(budget: Budget, page: _Page, keys: Sequence[Key]) -> tuple[list[Row], bool]:
    """Return the records with some keys, as many as fit a page.

    Returns:
        Them, and whether nothing is missing: of fewer keys when a limit of the engine was hit.
    """
    for part in (keys, keys[: len(keys) // _FALLBACK_PART]):
        try:
            rows = await read_page(budget.ask, page.selection, page.order, page.after, part)
        except ClickHouseError as error:
            if not hit_a_limit(error):
                raise
        else:
            return rows, len(part) == len(keys)
    return [], False


def _position(page: _Page, keys: Sequence[Any]) -> SearchPosition:
    selection = page.selection
    return SearchPosition(
        selection.period.since_ns,
        selection.period.until_ns,
        selection.snapshot,
        RecordPlace(keys[-1], passed_at(keys, page.after)),
    )


async def _answer(
    request: SearchLogs, question: Question, rows: list[Row], cursor: str | None, *, complete: bool
) -> LogList | EncodedAnswer:
    records = [row_mapping(row) for row in rows]
    if request.format == "otlp":
        if not complete:
            # OTLP JSON has no place to say so.
            raise QuestionTimedOut
        return await otlp_records(records, cursor, question.url)
    items = await asyncio.to_thread(records_of, records)
    return LogList(items=items, next_cursor=cursor, complete=complete)
