"""`GET /api/v1/sessions` and `/users`, over known work of agents."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from integration.agent_queries.known_work import (
    LLAMA,
    Turn,
    Work,
    activity_of,
    make_work,
    settle,
    spending_of,
)
from integration.query.api_client import Api
from integration.query.conftest import query_service
from integration.query.known_spans import SECOND, KnownSpan, request_of, store
from rak_libs.clickhouse.connection import connect
from rak_libs.model.time_text import format_time, parse_time
from rak_libs.runtime.settings import Config, QuerySettings


@pytest.fixture(scope="module")
def work(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Work:
    folder: Path = tmp_path_factory.mktemp("work")
    hour = 3_600 * SECOND
    return make_work(config, folder, (time.time_ns() - 12 * 86_400 * SECOND) // hour * hour)


def sessions_of(work: Work) -> list[dict[str, Any]]:
    """Return the rows that a list of sessions must answer, in no order."""
    rows = []
    for session, activity in work.activity(lambda turn: turn.session).items():
        turns = [turn for turn in work.turns if turn.session == session]
        length = parse_time(activity["last_seen"]) - parse_time(activity["first_seen"])
        users = sorted({turn.user for turn in turns} - {""})
        rows.append(
            {**activity, "session_id": session, "duration_ns": length, "users": users, "series": []}
        )
    return rows


def users_of(work: Work) -> list[dict[str, Any]]:
    """Return the rows that a list of users must answer, in no order."""
    return [
        {
            **activity,
            "user_id": user,
            "sessions": len({turn.session for turn in work.turns if turn.user == user}),
            "series": [],
        }
        for user, activity in work.activity(lambda turn: turn.user).items()
    ]


def tokens(row: dict[str, Any]) -> int:
    return int(row["input_tokens"] + row["output_tokens"] + row["unsplit_tokens"])


KEYS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "-last_seen": lambda row: row["last_seen"],
    "first_seen": lambda row: row["first_seen"],
    "-duration": lambda row: row["duration_ns"],
    "-sessions": lambda row: row["sessions"],
    "-traces": lambda row: row["traces"],
    "-errors": lambda row: row["errors"],
    "-llm_calls": lambda row: row["llm_calls"],
    "-tool_calls": lambda row: row["tool_calls"],
    "-tokens": tokens,
    "-cost": lambda row: float(row["cost"]),
    "session_id": lambda _: 0,
    "user_id": lambda _: 0,
}


def ordered(rows: list[dict[str, Any]], order: str, id_: str) -> list[dict[str, Any]]:
    return sorted(
        rows,
        key=lambda row: (KEYS[order](row), row[id_].encode()),
        reverse=order.startswith("-"),
    )


@pytest.mark.parametrize("order", [key for key in KEYS if key not in {"-sessions", "user_id"}])
def test_sessions_are_summed_up_and_walked_in_every_order(api: Api, work: Work, order: str) -> None:
    expected = ordered(sessions_of(work), order, "session_id")
    for limit in ("2", "100"):
        asked = {**work.period, "order": order, "limit": limit}
        assert api.items("/api/v1/sessions", asked) == expected


@pytest.mark.parametrize("order", [key for key in KEYS if key not in {"-duration", "session_id"}])
def test_users_are_summed_up_and_walked_in_every_order(api: Api, work: Work, order: str) -> None:
    expected = ordered(users_of(work), order, "user_id")
    for limit in ("1", "100"):
        asked = {**work.period, "order": order, "limit": limit}
        assert api.items("/api/v1/users", asked) == expected


def has(turn: Turn, **columns: str) -> bool:
    """Whether one span of a turn, as the ledger has it, has all of these."""
    return any(
        all(entry_of(turn, span).get(name) == text for name, text in columns.items())
        for span in turn.spans
        if "gen_ai.operation.name" in span.attributes
    )


def entry_of(turn: Turn, span: KnownSpan) -> dict[str, str]:
    return {
        "session": turn.session,
        "user": turn.user,
        "trace_id": turn.trace_id,
        "invocation": turn.spans[0].attributes.get("invocation_id", ""),
        "agent": turn.agent,
        "service": span.service,
        "name": span.name,
        "kind": span.kind,
        "status": span.status,
        "model": span.attributes.get("gen_ai.request.model", ""),
        "tool": span.attributes.get("gen_ai.tool.name", ""),
    }


@pytest.mark.parametrize(
    "asked",
    [
        {"session": "team/β/one"},
        {"user": "bob/δ"},
        {"model": LLAMA},
        {"tool": "sh/run"},
        {"agent": "o'brien/2"},
        {"service": "gamma/δ"},
        {"invocation": "i/1"},
        {"model": LLAMA, "status": "ERROR"},
        {"agent": "planner", "tool": "search", "status": "ERROR", "user": "ann"},
        {"name": f"chat {LLAMA}", "kind": "CLIENT", "session": "query"},
        {"user": "ann", "session": "s-1"},
        {"model": "no such"},
    ],
)
def test_a_session_is_listed_whole_when_one_entry_meets_every_filter(
    api: Api, work: Work, asked: dict[str, str]
) -> None:
    """And so is a user."""
    turns = [turn for turn in work.turns if has(turn, **asked)]
    for path, rows, id_ in (
        ("/api/v1/sessions", sessions_of(work), "session_id"),
        ("/api/v1/users", users_of(work), "user_id"),
    ):
        found = {turn.session if id_ == "session_id" else turn.user for turn in turns}
        expected = [row for row in rows if row[id_] in found]
        answer = api.items(path, {**work.period, **asked, "order": id_})
        assert answer == ordered(expected, id_, id_)


def test_attributes_texts_and_durations_are_those_of_an_entrys_span(api: Api, work: Work) -> None:
    call = max((span for turn in work.turns for span in turn.of("chat")), key=lambda s: s.duration)
    (session,) = {turn.session for turn in work.turns if call in turn.spans}
    used = str(call.attributes["gen_ai.usage.input_tokens"])
    for asked in (
        {"attr.gen_ai.usage.input_tokens": used, "trace_id": call.trace_id},
        {"q": "CHAT", "attr.gen_ai.usage.input_tokens": used, "trace_id": call.trace_id},
        {
            "min_duration": f"{call.duration}ns",
            "max_duration": f"{call.duration}ns",
            "trace_id": call.trace_id,
        },
    ):
        (row,) = api.items("/api/v1/sessions", {**work.period, **asked})
        assert row["session_id"] == session


def test_the_time_range_is_that_of_the_begin_of_traces(api: Api, work: Work) -> None:
    middle = sorted(turn.start for turn in work.turns)[30]
    for since, until in ((work.start, middle), (middle, work.end)):
        inside = [turn for turn in work.turns if since <= turn.start < until]
        expected = Work(inside, since, until)
        asked = {**expected.period, "order": "session_id"}
        assert api.items("/api/v1/sessions", asked) == ordered(
            sessions_of(expected), "session_id", "session_id"
        )


def test_a_series_tells_the_work_of_each_step(api: Api, work: Work) -> None:
    step = 600 * SECOND
    rows = api.items("/api/v1/sessions", {**work.period, "step": "10m"})
    assert len(rows) == len(sessions_of(work))
    for row in rows:
        turns = [turn for turn in work.turns if turn.session == row["session_id"]]
        expected = []
        for begin in sorted({turn.start // step * step for turn in turns}):
            summed = activity_of([turn for turn in turns if turn.start // step * step == begin])
            names = [name for name in row["series"][0] if name != "timestamp"]
            point = {name: summed[name] for name in names}
            expected.append({"timestamp": format_time(begin), **point})
        assert row["series"] == expected


@pytest.mark.parametrize("step", ["0s", "1ns", "1500us"])
def test_a_step_that_is_no_whole_number_of_milliseconds_is_refused(api: Api, step: str) -> None:
    answer = api.get("/api/v1/users", {"step": step})
    assert (answer.status, answer.json["parameter"]) == (400, "step")


def test_a_step_that_gives_too_many_windows_is_refused(api: Api, work: Work) -> None:
    answer = api.get("/api/v1/users", {**work.period, "step": "1ms"})
    assert (answer.status, answer.json["parameter"]) == (400, "step")
    assert "1,000,000 windows" in answer.json["detail"]


def test_few_result_rows_make_shorter_pages_and_nothing_less(
    config: Config, work: Work, tmp_path: Path
) -> None:
    """What is read beside a page's rows is not cut by `[query] max_result_rows`."""
    with query_service(config, tmp_path, QuerySettings(max_result_rows=2)) as (api, _):
        asked = {**work.period, "order": "session_id", "step": "1m", "limit": "100"}
        pages = list(api.pages("/api/v1/sessions", asked))
        assert [len(page) for page in pages] == [2, 2, 2]
        assert all(len(row["series"]) > 2 for page in pages for row in page)
        answer = api.get("/api/v1/sessions/s-1", {"limit": "100"}).json
        assert len(answer["traces"]["items"]) == 2
        assert answer["transcript"] == {"items": [], "next_cursor": None, "complete": True}


def test_what_cannot_be_answered_within_the_limits_says_so(
    config: Config, work: Work, tmp_path: Path
) -> None:
    with query_service(config, tmp_path, QuerySettings(max_memory_bytes=100_000)) as (api, _):
        for path in ("sessions", "users"):
            page = api.page(f"/api/v1/{path}", work.period)
            assert page == {"items": [], "next_cursor": None, "complete": False}
        for path in ("sessions/s-1", "invocations/i-2"):
            assert api.get(f"/api/v1/{path}").status in {422, 504}


@pytest.mark.parametrize("session", ["team/β/one", "a%2Fb", "query", "100% wahr? & mehr"])
def test_a_session_of_any_name_has_its_sums_and_its_traces_in_order(
    api: Api, work: Work, session: str
) -> None:
    (expected,) = [row for row in sessions_of(work) if row["session_id"] == session]
    turns = sorted(
        (turn for turn in work.turns if turn.session == session),
        key=lambda turn: (turn.start, turn.trace_id),
    )
    for name in (quote(session), quote(session, safe="")):
        first = api.get(f"/api/v1/sessions/{name}", {"limit": "3"}).json
        assert first["session"] == expected
        traces, page = list(first["traces"]["items"]), first
        while page["traces"]["next_cursor"]:
            asked = {"limit": "3", "cursor": page["traces"]["next_cursor"]}
            page = api.get(f"/api/v1/sessions/{name}", asked).json
            assert page["transcript"] is None
            traces += page["traces"]["items"]
        assert [trace["trace_id"] for trace in traces] == [turn.trace_id for turn in turns]
        for trace, turn in zip(traces, turns, strict=True):
            summed = activity_of([turn])
            facts = {key: trace[key] for key in trace.keys() & summed.keys()}
            assert facts == {key: summed[key] for key in facts}
            assert trace["root_name"] == turn.spans[0].name
            assert trace["duration_ns"] == turn.end - turn.start


def test_a_session_that_is_not_there_is_not_found(api: Api, work: Work) -> None:
    answer = api.get("/api/v1/sessions/no/such")
    assert answer.status == 404
    assert "no/such" in answer.json["detail"]


@pytest.mark.parametrize("cursor", ["x", "WyJhIl0"])
def test_a_cursor_of_something_else_is_refused(api: Api, work: Work, cursor: str) -> None:
    for path in ("sessions", "users", "sessions/s-1", "invocations/i-2"):
        answer = api.get(f"/api/v1/{path}", {"cursor": cursor})
        assert (answer.status, answer.json["parameter"]) == (400, "cursor")


def test_a_trace_that_changes_between_two_pages_does_not_bring_a_session_twice(
    api: Api, config: Config, work: Work, tmp_path: Path
) -> None:
    """A session's late spans move it towards the begin of the order, which has been passed."""
    start = work.start - 86_400 * SECOND
    spans = [
        KnownSpan(
            f"1a7e{number:028x}",
            f"{number:016x}",
            start + number * SECOND,
            attributes={"session.id": f"late-{number}"},
        )
        for number in range(1, 10)
    ]
    store(config.clickhouse, request_of(spans), time.time_ns())
    settle(config, tmp_path)
    period = {"start": str(start), "end": str(start + 60 * SECOND), "limit": "3"}
    seen: list[str] = []
    cursor = None
    for late in (1, 5, 8):
        page = api.page("/api/v1/sessions", period | ({"cursor": cursor} if cursor else {}))
        seen += [row["session_id"] for row in page["items"]]
        cursor = page["next_cursor"]
        more = KnownSpan(f"1a7e{late:028x}", "f" * 16, start + 55 * SECOND)
        store(config.clickhouse, request_of([more]), time.time_ns())
        settle(config, tmp_path)
    assert len(seen) == len(set(seen))
    assert seen[:3] == ["late-9", "late-8", "late-7"]
    assert set(seen) >= {f"late-{number}" for number in (9, 8, 7, 6, 4, 3, 2)}


def test_a_trace_shows_what_it_spent_in_a_search_and_span_by_span(
    api: Api, work: Work, config: Config
) -> None:
    turn = next(turn for turn in work.turns if len(turn.of("chat")) == 3)
    (row,) = api.page("/api/v1/traces", {"trace_id": turn.trace_id})["items"]
    expected = spending_of(turn.spans)
    assert {name: row[name] for name in expected} == expected
    assert row["settled"] is True
    path = f"/api/v1/traces/{turn.trace_id.upper()}/ledger"
    page = api.page(path)
    assert page["trace_id"] == turn.trace_id
    counts = {"agent_runs": 1, "llm_calls": 3, "tool_calls": 1}
    assert page["sums"] == {**expected, **counts}
    assert page["settled"] is True
    entries = {entry["span_id"]: entry for entry in page["items"]}
    operations = [span for span in turn.spans if "gen_ai.operation.name" in span.attributes]
    # The query of another service is one too: it was called by the tool's.
    assert entries.keys() == {span.span_id for span in (*operations, turn.spans[-1])}
    for span in operations:
        entry = entries[span.span_id]
        own = spending_of([span])
        assert {name: entry[name] for name in own} == own
        below = spending_of(turn.spans) if span is turn.spans[0] else own
        assert entry["total"] == below
        assert (entry["session_id"], entry["agent_name"]) == (turn.session, turn.agent)
        assert entry["counted"] is True
    assert entries[turn.spans[-1].span_id]["caller_service"] == turn.spans[0].service
    walked = api.items(path, {"limit": "2"})
    assert walked == page["items"]
    times = [(entry["timestamp"], entry["span_id"]) for entry in walked]
    assert times == sorted(times)


def test_a_trace_is_not_settled_until_the_ledger_has_come_so_far(
    api: Api, config: Config, work: Work, tmp_path: Path
) -> None:
    start = work.start - 2 * 86_400 * SECOND
    span = KnownSpan(
        "5e" * 16,
        "e" * 16,
        start,
        attributes={"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 7},
    )
    store(config.clickhouse, request_of([span]), time.time_ns())
    for settled, used in ((False, 0), (True, 7)):
        (row,) = api.page("/api/v1/traces", {"trace_id": span.trace_id})["items"]
        ledger = api.page(f"/api/v1/traces/{span.trace_id}/ledger")
        assert (row["settled"], row["input_tokens"], row["cost"]) == (settled, used, "0")
        assert (ledger["settled"], ledger["sums"]["input_tokens"]) == (settled, used)
        assert len(ledger["items"]) == int(settled)
        settle(config, tmp_path)
    assert row["unpriced_tokens"] == 7


def test_the_ledger_of_a_trace_that_is_not_stored_is_not_found(api: Api) -> None:
    assert api.get(f"/api/v1/traces/{'97' * 16}/ledger").status == 404


def test_no_row_of_a_trace_is_counted_twice_before_a_merge(config: Config, work: Work) -> None:
    stored = [turn.trace_id for turn in work.turns if turn.session == "s-1"]
    with connect(config.clickhouse) as client:
        rows = client.execute(
            "SELECT trace_id FROM trace_totals FINAL"
            " WHERE session_id = 's-1' AND trace_id IN %(ids)s",
            {"ids": stored},
        )
    assert sorted(trace_id for (trace_id,) in rows) == sorted(stored)
    assert len(stored) == 10
