"""Golden statements of sessions, users, transcripts, invocations and the ledger of a trace.

`UPDATE_GOLDEN=1 pytest tests/unit/query/test_session_sql.py` writes the files anew.
"""

import os
from pathlib import Path

import pytest

from rak_libs.clickhouse.parameters import Parameters, bind
from rak_services.query.invocations import metrics_sql, spans_sql
from rak_services.query.invocations.records import Records
from rak_services.query.parameter_types import AttributeFilters, Duration, TraceId
from rak_services.query.sessions.listing_sql import (
    SESSIONS,
    USERS,
    Place,
    keys_sql,
    rows_sql,
    series_sql,
)
from rak_services.query.sessions.reading_sql import (
    TracePlace,
    TraceTimes,
    content_sql,
    entries_sql,
    records_sql,
    trace_times_sql,
    traces_sql,
)
from rak_services.query.sessions.requests import ListSessions, ListUsers
from rak_services.query.span_conditions import Conditions
from rak_services.query.time_ranges import Range
from rak_services.query.trace_ledger import EntryPlace
from rak_services.query.trace_ledger import entries_sql as ledger_entries_sql
from rak_services.query.trace_spending import settled_sql, sums_sql

GOLDEN = Path(__file__).parent / "session_sql"
FIRST, LAST = 1_777_636_800_000_000_001, 1_777_640_400_000_000_000
DAY = Range(FIRST, LAST)
TRACE = "0af7651916cd43dd8448eb211c80319c"
ID = "it's / %2F"
TRACES = [TraceTimes(FIRST, TRACE, FIRST + 5), TraceTimes(FIRST + 1, "f" * 32, LAST)]
EVERY_FILTER = ListSessions(
    service="s",
    name="n",
    kind="CLIENT",
    status="ERROR",
    min_duration=Duration(1),
    max_duration=Duration(2),
    agent="a",
    session=ID,
    invocation="i",
    user="u",
    model="meta-llama/Llama-3.1-70B",
    tool="t",
    trace_id=TraceId(TRACE),
    attr=AttributeFilters((("k", "1"),)),
    q="text",
)
OF_TOTALS = ListSessions(session=ID, user="u", trace_id=TraceId(TRACE))
TIMES = spans_sql.Times(FIRST, LAST)
IN_TRACES = spans_sql.Traces([TRACE], TIMES)


def records_of(traces: spans_sql.Traces | None) -> tuple[str, Parameters]:
    conditions = Conditions()
    Records(ID, traces).add_to(conditions)
    return conditions.where() + "\n", conditions.parameters


STATEMENTS: dict[str, tuple[str, Parameters]] = {
    "sessions": keys_sql(SESSIONS, ListSessions(), "-last_seen", DAY, None, 51),
    "sessions_next_page": keys_sql(
        SESSIONS, ListSessions(), "-cost", DAY, Place("0.001234", ID), 51
    ),
    "sessions_by_name": keys_sql(
        SESSIONS, ListSessions(), "session_id", Range(None, LAST), Place("0", ID), 51
    ),
    "sessions_every_filter": keys_sql(SESSIONS, EVERY_FILTER, "-tokens", DAY, None, 51),
    "sessions_of_totals": keys_sql(SESSIONS, OF_TOTALS, "first_seen", DAY, None, 51),
    "sessions_of_a_model": keys_sql(
        SESSIONS, ListSessions(model="meta-llama/Llama-3.1-70B"), "-duration", DAY, None, 51
    ),
    "users_of_a_session": keys_sql(USERS, ListUsers(session=ID), "-sessions", DAY, None, 51),
    "session_rows": rows_sql(SESSIONS, [ID, "s-2"], DAY),
    "user_rows": rows_sql(USERS, [ID], Range(None, None)),
    "session_series": series_sql(SESSIONS, [ID], DAY, 60_000),
    "session_traces": traces_sql(ID, None, 51),
    "session_traces_next_page": traces_sql(ID, TracePlace(FIRST, TRACE), 51),
    "transcript_traces": trace_times_sql(ID, 10_001),
    "transcript_spans": content_sql(TRACES),
    "transcript_records": records_sql(TRACES),
    "transcript_entries": entries_sql(TRACES),
    "trace_ledger": ledger_entries_sql(TRACE, (FIRST, LAST), None, 51),
    "trace_ledger_next_page": ledger_entries_sql(
        TRACE, (FIRST, LAST), EntryPlace(FIRST, "00f067aa0ba902b7"), 51
    ),
    "trace_spending": sums_sql([TRACE, "f" * 32], FIRST, LAST),
    "traces_settled": settled_sql([TRACE]),
    "invocation_spans": spans_sql.spans_sql(ID),
    "invocation_entries": spans_sql.entries_sql(ID, IN_TRACES),
    "invocation_records": records_of(IN_TRACES),
    "invocation_records_without_traces": records_of(None),
    "invocation_traces": spans_sql.traces_sql([TRACE], TracePlace(FIRST, TRACE), 21),
    "invocation_exemplars": metrics_sql.exemplars_sql(ID, [TRACE], TIMES, 21),
    "invocation_series": metrics_sql.series_sql(ID, TIMES, 21),
    "invocation_series_of_exemplars": metrics_sql.series_of_sql(["m"], [1, 2**64 - 1]),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_is_as_reviewed(name: str) -> None:
    path = GOLDEN / f"{name}.sql"
    statement = bind(*STATEMENTS[name])
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(statement)
    assert path.read_text() == statement


def test_every_golden_file_is_of_a_statement() -> None:
    assert {path.stem for path in GOLDEN.glob("*.sql")} == set(STATEMENTS)
