"""`GET /api/v1/traces/{trace_id}`: every span of a trace, page by page."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from rak_libs.clickhouse.select import Row
from rak_libs.otlp.rebuild_spans import rebuild_traces
from rak_services.query.answers import TracePage
from rak_services.query.cursors import decode_cursor
from rak_services.query.endpoint import EncodedAnswer, Question, Store
from rak_services.query.otlp_answers import otlp_answer
from rak_services.query.problems import NotFound
from rak_services.query.requests import GetTrace
from rak_services.query.span_answers import spans_of
from rak_services.query.span_rows import (
    SpanPosition,
    keys_sql,
    page_sql,
    row_mapping,
    row_position,
    times_sql,
)

PAGE_BYTES: Final = 32 * 1024 * 1024
"""A page ends early when its spans are larger than this, so that no trace is too large to read."""


async def get_trace(
    store: Store, question: Question, request: GetTrace
) -> TracePage | EncodedAnswer:
    """Answer one page of a trace as plain JSON or as OTLP JSON."""
    after = None
    if request.cursor is not None:
        after = decode_cursor(request.cursor, question.digest, SpanPosition)
    times = await store.pool.select(*times_sql(request.trace_id))
    if not times:
        raise NotFound(f"no trace {request.trace_id} is stored")
    rows = store.page_rows(request.limit)
    found = await store.pool.select(*keys_sql(request.trace_id, times[0], after, rows + 1))
    places = _fitting(found, rows)
    stored: list[Row] = []
    if places:
        stored = await store.pool.select(*page_sql(request.trace_id, after, places))
    cursor = None
    if stored and (len(places) < len(found) or row_position(stored[-1]) < places[-1]):
        cursor = question.cursor_after(row_position(stored[-1]))
    spans = [row_mapping(row) for row in stored]
    if request.format == "otlp":
        return await asyncio.to_thread(_otlp_answer, spans, cursor, question.url)
    items = await asyncio.to_thread(spans_of, spans)
    return TracePage(trace_id=str(request.trace_id), items=items, next_cursor=cursor, complete=True)


def _fitting(found: Sequence[Row], rows: int) -> list[SpanPosition]:
    """Return the places of the first spans that fit a page; at least one when there is any."""
    places: list[SpanPosition] = []
    size = 0
    for timestamp_ns, span_id, span_hash, span_bytes in found[:rows]:
        size += span_bytes
        if places and size > PAGE_BYTES:
            break
        places.append(SpanPosition(timestamp_ns, span_id, span_hash))
    return places


def _otlp_answer(spans: list[dict[str, Any]], cursor: str | None, url: str) -> EncodedAnswer:
    return otlp_answer(rebuild_traces(spans), cursor, url)
