"""`GET /api/v1/traces/{trace_id}/logs`: what was logged in one trace, page by page."""

import asyncio

from msgspec import Struct

from rak_services.query.cursors import decode_cursor
from rak_services.query.endpoint import EncodedAnswer, Question, Store
from rak_services.query.logs.answers import TraceLogs
from rak_services.query.logs.pages import read_page
from rak_services.query.logs.places import OLDEST_FIRST, RecordPlace, passed_at
from rak_services.query.logs.record_answers import otlp_records, records_of
from rak_services.query.logs.record_sql import (
    Selection,
    keys_sql,
    row_key,
    row_mapping,
)
from rak_services.query.logs.requests import GetTraceLogs, RecordFilters
from rak_services.query.problems import NotFound
from rak_services.query.snapshots import Snapshot, take_snapshot
from rak_services.query.span_rows import times_sql
from rak_services.query.time_ranges import Range


class TraceLogPosition(Struct, frozen=True, array_like=True):
    """Where a page of a trace's records ended, and the snapshot of the walk."""

    snapshot: Snapshot
    place: RecordPlace


async def get_trace_logs(
    store: Store, question: Question, request: GetTraceLogs
) -> TraceLogs | EncodedAnswer:
    """Answer one page of a trace's records, oldest first; without a bound on time."""
    after = None
    if request.cursor is None:
        snapshot = await take_snapshot(store)
    else:
        position = decode_cursor(request.cursor, question.digest, TraceLogPosition)
        snapshot, after = position.snapshot, position.place
    selection = Selection(RecordFilters(trace_id=request.trace_id), Range(None, None), snapshot)
    rows = store.page_rows(request.limit)
    found = await store.pool.select(*keys_sql(selection, OLDEST_FIRST, after, rows + 1))
    nothing = after is None and not found
    if nothing and not await store.pool.select(*times_sql(request.trace_id)):
        raise NotFound(f"no trace {request.trace_id} is stored")
    stored = await read_page(store.pool.select, selection, OLDEST_FIRST, after, found[:rows])
    cursor = None
    if stored and len(found) > len(stored):
        last = [row_key(row) for row in stored]
        place = RecordPlace(last[-1], passed_at(last, after))
        cursor = question.cursor_after(TraceLogPosition(snapshot, place))
    records = [row_mapping(row) for row in stored]
    if request.format == "otlp":
        return await otlp_records(records, cursor, question.url)
    items = await asyncio.to_thread(records_of, records)
    return TraceLogs(trace_id=str(request.trace_id), items=items, next_cursor=cursor, complete=True)
