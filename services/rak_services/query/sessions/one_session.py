"""`GET /api/v1/sessions/{session_id}`: what a session sums up to, its traces, and what was said.

One answer holds two lists, so a cursor says which of them goes on: the answer to it holds the next
page of that list alone.
"""

import asyncio

from msgspec import Struct

from rak_libs.clickhouse.parameters import Parameters
from rak_libs.clickhouse.select import Row
from rak_libs.model.time_text import format_time
from rak_services.query.budget import Budget
from rak_services.query.cursors import decode_cursor
from rak_services.query.endpoint import Question, Store
from rak_services.query.problems import NotFound, QuestionTimedOut
from rak_services.query.sessions.activity_rows import session_row
from rak_services.query.sessions.answers import (
    SessionPage,
    SessionRow,
    SessionTrace,
    SessionTraces,
    Transcript,
)
from rak_services.query.sessions.listing_sql import SESSIONS, rows_sql
from rak_services.query.sessions.reading_sql import TracePlace, traces_sql
from rak_services.query.sessions.requests import GetSession
from rak_services.query.sessions.transcript_pages import LinePlace, transcript_page
from rak_services.query.spending import spending_fields
from rak_services.query.time_ranges import Range

_TRACE_FIELDS = (
    "root_service",
    "root_name",
    "spans",
    "errors",
    "agents",
    "models",
    "tools",
    "agent_runs",
    "llm_calls",
    "tool_calls",
)


class SessionPosition(Struct, frozen=True, array_like=True):
    """Which of the two lists goes on, and where; the other place is None."""

    trace: TracePlace | None
    line: LinePlace | None


async def get_session(store: Store, question: Question, request: GetSession) -> SessionPage:
    """Answer what a session sums up to, and a page of its traces, of its transcript, or of both."""
    budget = Budget(store)
    after = SessionPosition(None, None)
    if request.cursor is not None:
        after = decode_cursor(request.cursor, question.digest, SessionPosition)
    rows = store.page_rows(request.limit)
    session, traces, transcript = await asyncio.gather(
        _session(budget, request.session_id),
        _traces(budget, question, request, after, rows),
        _transcript(budget, question, request, after, rows),
    )
    return SessionPage(session=session, traces=traces, transcript=transcript)


async def _session(budget: Budget, session_id: str) -> SessionRow:
    statement = rows_sql(SESSIONS, [session_id], Range(None, None))
    found = await budget.select(statement, budget.left(1))
    if found is None:
        raise QuestionTimedOut
    if not found:
        raise NotFound(f"the ledger has no session {session_id!r}")
    return session_row(found[0], [])


async def _traces(
    budget: Budget, question: Question, request: GetSession, after: SessionPosition, rows: int
) -> SessionTraces | None:
    if after.line is not None:
        return None
    found = await _select(budget, traces_sql(request.session_id, after.trace, rows + 1))
    if found is None:
        return SessionTraces(items=[], next_cursor=None, complete=False)
    cursor = None
    if len(found) > rows:
        begin_ns, trace_id = found[rows - 1][:2]
        cursor = question.cursor_after(SessionPosition(TracePlace(begin_ns, trace_id), None))
    items = [_trace(row) for row in found[:rows]]
    return SessionTraces(items=items, next_cursor=cursor, complete=True)


async def _transcript(
    budget: Budget, question: Question, request: GetSession, after: SessionPosition, rows: int
) -> Transcript | None:
    if after.trace is not None:
        return None
    page = await transcript_page(budget, request.session_id, after.line, rows, request.max_content)
    cursor = None
    if page.next_place is not None:
        cursor = question.cursor_after(SessionPosition(None, page.next_place))
    return Transcript(items=page.items, next_cursor=cursor, complete=page.complete)


async def _select(budget: Budget, statement: tuple[str, Parameters]) -> list[Row] | None:
    return await budget.select(statement, budget.left(1))


def _trace(row: Row) -> SessionTrace:
    begin_ns, trace_id, end_ns, *values = row
    fields = len(_TRACE_FIELDS)
    return SessionTrace(
        trace_id=trace_id,
        timestamp=format_time(begin_ns),
        duration_ns=max(end_ns - begin_ns, 0),
        **dict(zip(_TRACE_FIELDS, values[:fields], strict=True)),
        **spending_fields(values[fields:]),
    )
