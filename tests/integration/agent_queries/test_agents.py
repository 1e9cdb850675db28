"""`/api/v1/agents`, `/llm`, `/tools` and `/services/dependencies`, over known entries."""

import itertools
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from integration.agent_queries.known_entries import (
    AGENTS,
    LLAMA,
    MODELS,
    TOOLS,
    Entries,
    agent_row,
    agent_runs,
    dependency_row,
    draw_entries,
    entry,
    grouped,
    is_quantile,
    model_calls,
    model_row,
    of_models,
    store_entries,
    tool_calls,
    tool_row,
    used,
    went,
)
from integration.agent_queries.known_work import Work, make_turn, settle, spans_of, spending_of
from integration.query.api_client import Api
from integration.query.conftest import query_service
from integration.query.known_spans import SECOND, KnownSpan, request_of, store
from rak_libs.model.ledger import SLOT_SECONDS, TOKEN_KINDS
from rak_libs.model.time_text import format_time, parse_time
from rak_libs.runtime.settings import Config, QuerySettings
from rak_services.query.spending import SPENDING_COLUMNS

SLOT = SLOT_SECONDS * SECOND
MINUTE = 60 * SECOND
QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))

THE_LEDGER = {"min_duration": "0ns"}
"""Holds for every entry, and summaries cannot answer it."""


@dataclass(frozen=True)
class Stored:
    """Entries over an hour and a bit, of which neither end is that of a slot."""

    entries: Entries
    start: int
    end: int

    @property
    def period(self) -> dict[str, str]:
        return {"start": str(self.start), "end": str(self.end)}

    @property
    def inside(self) -> Entries:
        return [row for row in self.entries if self.start <= row.timestamp < self.end]


@dataclass(frozen=True)
class Route:
    """A list, and in plain Python what it must answer."""

    path: str
    names: tuple[str, ...]
    number: str
    row: Callable[[Any, Entries], dict[str, Any]]
    entries: Callable[[Entries], Entries]
    calls: Callable[[Entries], Entries]

    def groups(self, entries: Entries) -> dict[tuple[str, ...], Entries]:
        key = lambda row: tuple(getattr(row, name) for name in self.names)  # noqa: E731 - a key
        return dict(grouped(self.entries(entries), key))

    def rows(self, entries: Entries) -> list[dict[str, Any]]:
        one = len(self.names) == 1
        groups = self.groups(entries).items()
        return [self.row(names[0] if one else names, rows) for names, rows in groups]

    def key(self, row: dict[str, Any]) -> tuple[str, ...]:
        return tuple(row[name] for name in self.names)


def callers(entries: Entries) -> Entries:
    return [row for row in entries if row.caller_service]


ROUTES = {
    "agents": Route("/api/v1/agents", ("agent_name",), "runs", agent_row, list, agent_runs),
    "llm": Route("/api/v1/llm", ("llm_model",), "calls", model_row, of_models, model_calls),
    "tools": Route("/api/v1/tools", ("tool_name",), "calls", tool_row, tool_calls, tool_calls),
    "dependencies": Route(
        "/api/v1/services/dependencies",
        ("caller_service", "service_name"),
        "calls",
        dependency_row,
        callers,
        callers,
    ),
}
every_route = pytest.mark.parametrize("name", ROUTES)


@pytest.fixture(scope="module")
def stored(config: Config) -> Stored:
    """Some entries of it were there with other values before, and some are no more."""
    begin = (time.time_ns() - 5 * 86_400 * SECOND) // (3_600 * SECOND) * 3_600 * SECOND
    entries = draw_entries(seed=3, start=begin, seconds=4_500, number=700)
    gone = draw_entries(seed=4, start=begin, seconds=4_500, number=80)
    # The only work of its slot, agent and tool is no more.
    alone = {"timestamp": begin + 2_000 * SECOND, "counted": 1, "service_name": "alpha"}
    gone.append(entry(trace_id="1" * 32, span_id="1" * 16, agent_name="gone", **alone))
    store_entries(config, entries, gone)
    return Stored(entries, begin + 137 * SECOND, begin + 4_333 * SECOND + 1)


def without_quantiles(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in row.items()
        if not re.search(r"_p\d\d_ns$", name) and name not in {"series", "step_ns"}
    }


def check_quantiles(row: dict[str, Any], calls: Entries) -> None:
    for text, level in QUANTILES:
        durations = [call.duration_ns for call in calls]
        assert is_quantile(row[f"duration_{text}_ns"], durations, level), (text, row)
        if "first_token_calls" in row and text != "p99":
            first = [c.time_to_first_token_ns for c in calls if c.time_to_first_token_ns]
            assert is_quantile(row[f"first_token_{text}_ns"], first, level), (text, row)


@every_route
def test_a_list_has_what_the_entries_sum_up_to(api: Api, stored: Stored, name: str) -> None:
    route = ROUTES[name]
    page = api.page(route.path, stored.period)
    assert (page["next_cursor"], page["complete"], page["step_ns"]) == (None, True, None)
    expected = {route.key(row): row for row in route.rows(stored.inside)}
    found = {route.key(row): without_quantiles(row) for row in page["items"]}
    assert found == expected
    groups = route.groups(stored.inside)
    for row in page["items"]:
        assert row["series"] == []
        check_quantiles(row, route.calls(groups[route.key(row)]))


@every_route
@pytest.mark.parametrize("step", [None, "5m", "30m"])
def test_summaries_and_ledger_give_the_same_numbers(
    api: Api, stored: Stored, name: str, step: str | None
) -> None:
    asked = stored.period if step is None else {**stored.period, "step": step}
    path = ROUTES[name].path
    summarised = api.page(path, asked)
    assert summarised == api.page(path, {**asked, **THE_LEDGER})
    assert len(summarised["items"]) >= 3


def test_spending_adds_up_over_agents_and_over_models(api: Api, stored: Stored) -> None:
    """'' stands for what belongs to none, so that nothing is missing."""
    agents = api.page("/api/v1/agents", stored.period)["items"]
    models = api.page("/api/v1/llm", stored.period)["items"]
    for kind in (*TOKEN_KINDS, "unpriced_tokens"):
        total = sum(getattr(row, kind) for row in stored.inside)
        assert sum(row[kind] for row in agents) == sum(row[kind] for row in models) == total > 0


FILTERS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "service": ("gamma/δ", lambda row: row.service_name == "gamma/δ"),
    "agent": ("o'brien/2", lambda row: row.agent_name == "o'brien/2"),
    "model": (LLAMA, lambda row: row.llm_model == LLAMA),
    "tool": ("100% wahr?", lambda row: row.tool_name == "100% wahr?"),
    "name": ("GET /", lambda row: row.span_name == "GET /"),
    "kind": ("server", lambda row: row.span_kind == "SERVER"),
    "status": ("ERROR", lambda row: row.status_code == "ERROR"),
    "session": ("a%2Fb", lambda row: row.session_id == "a%2Fb"),
    "invocation": ("i/1", lambda row: row.invocation_id == "i/1"),
    "user": ("bob/δ", lambda row: row.user_id == "bob/δ"),
    "min_duration": ("1ms", lambda row: row.duration_ns >= 1_000_000),
    "max_duration": ("1ms", lambda row: row.duration_ns <= 1_000_000),
}


@every_route
@pytest.mark.parametrize("parameter", FILTERS)
def test_a_filter_chooses_entries(api: Api, stored: Stored, name: str, parameter: str) -> None:
    route, (text, holds) = ROUTES[name], FILTERS[parameter]
    if (name, parameter) == ("dependencies", "service"):
        holds = lambda row: text in {row.service_name, row.caller_service}  # noqa: E731
    expected = {route.key(row): row for row in route.rows([*filter(holds, stored.inside)])}
    page = api.page(route.path, {**stored.period, parameter: text})
    found = {route.key(row): without_quantiles(row) for row in page["items"]}
    assert found == expected
    assert found or (name, parameter) in {("tools", "model"), ("dependencies", "tool")}


def test_filters_hold_together_and_of_one_trace_no_range_is_needed(
    api: Api, stored: Stored
) -> None:
    (one, *_) = [row for row in stored.entries if row.agent_name == "planner" and row.counted]
    (row,) = api.page("/api/v1/agents", {"trace_id": one.trace_id})["items"]
    assert without_quantiles(row) == agent_row("planner", [one])
    asked = {"trace_id": one.trace_id, "agent": "query", "step": "1ns"}
    assert api.page("/api/v1/agents", asked)["items"] == []


SORTED_BY: dict[str, Callable[[dict[str, Any]], Any]] = {
    "errors": lambda row: row["errors"],
    "duration": lambda row: row["duration_avg_ns"] or 0,
    "last_seen": lambda row: row["last_seen"],
    "tokens": lambda row: row["input_tokens"] + row["output_tokens"] + row["unsplit_tokens"],
    "cost": lambda row: float(row["cost"]),
}


@every_route
def test_every_order_is_total_and_a_walk_meets_every_row_once(
    api: Api, stored: Stored, name: str
) -> None:
    route = ROUTES[name]
    everything = api.page(route.path, stored.period)["items"]
    keys = {**SORTED_BY, route.number: lambda row: row[route.number], "name": route.key}
    if name == "dependencies":
        del keys["tokens"], keys["cost"]
    for order, key in keys.items():
        by_name = sorted(everything, key=route.key)
        for text, descending in ((order, False), (f"-{order}", True)):
            expected = sorted(by_name, key=key, reverse=descending)
            asked = {**stored.period, "order": text, "limit": "2"}
            assert api.items(route.path, asked) == expected, text


def test_ties_are_walked_through_by_name(api: Api, stored: Stored) -> None:
    """Of one entry each, so that counts are the same for several."""
    moment = next(row for row in stored.inside if row.operation == "tool")
    asked = {"start": str(moment.timestamp), "end": str(moment.timestamp + 300 * SECOND)}
    for order in ("calls", "-calls"):
        walked = api.items("/api/v1/tools", {**asked, "order": order, "limit": "1"})
        whole = api.page("/api/v1/tools", {**asked, "order": order})["items"]
        assert walked == whole
        for one, other in itertools.pairwise(walked):
            assert one["calls"] != other["calls"] or one["tool_name"] < other["tool_name"]


@every_route
@pytest.mark.parametrize("step", [7 * MINUTE, 2 * SLOT, SECOND])
def test_a_series_has_every_step_with_an_entry_and_sums_up_to_the_row(
    api: Api, stored: Stored, name: str, step: int
) -> None:
    route = ROUTES[name]
    page = api.page(route.path, {**stored.period, "step": f"{step}ns"})
    assert page["step_ns"] == step
    groups = route.groups(stored.inside)
    for row in page["items"]:
        steps = grouped(groups[route.key(row)], lambda one: one.timestamp // step * step)
        assert [parse_time(point["timestamp"]) for point in row["series"]] == sorted(steps)
        for point in row["series"]:
            calls = route.calls(steps[parse_time(point["timestamp"])])
            assert point[route.number] == len(calls)
            assert {key: point[key] for key in went(calls)} == went(calls)
            check_quantiles(point, calls)
        sums = {route.number, "errors", *SPENDING_COLUMNS} & row.keys() - {"cost"}
        for field in sums:
            assert sum(point[field] for point in row["series"]) == row[field]


def uses_tokens(entries: Entries) -> bool:
    return any(getattr(row, kind) for row in entries for kind in TOKEN_KINDS)


def paths_of(collection: str, name: str) -> set[str]:
    """Return the ways to write a name in a path."""
    return {f"{collection}/{quote(name, safe=safe)}" for safe in ("", "/")}


@pytest.mark.parametrize("agent", AGENTS[:-1])
def test_an_agent_has_its_tools_and_models(api: Api, stored: Stored, agent: str) -> None:
    of_agent = [row for row in stored.inside if row.agent_name == agent]
    models = grouped(of_models(of_agent), lambda row: row.llm_model)
    tools = grouped(tool_calls(of_agent), lambda row: row.tool_name)
    for path in paths_of("/api/v1/agents", agent):
        answer = api.get(path, stored.period).json
        found_tools, found_models = answer.pop("tools"), answer.pop("models")
        assert without_quantiles(answer) == agent_row(agent, of_agent)
        assert {row.pop("tool_name"): row for row in found_tools} == {
            tool: {"calls": len(calls), "errors": went(calls)["errors"]}
            for tool, calls in tools.items()
        }
        assert {row.pop("llm_model"): row for row in found_models} == {
            model: used(rows, model_calls(rows))
            for model, rows in models.items()
            if model_calls(rows) or uses_tokens(rows)
        }
        for kind in TOKEN_KINDS:
            assert sum(row[kind] for row in found_models) == answer[kind]
        for rows in (found_tools, found_models):
            assert [row["calls"] for row in rows] == sorted(
                (row["calls"] for row in rows), reverse=True
            )


@pytest.mark.parametrize("model", MODELS[:-1])
def test_a_model_has_the_agents_that_call_it(api: Api, stored: Stored, model: str) -> None:
    rows = [row for row in stored.inside if row.llm_model == model]
    agents = grouped(of_models(rows), lambda row: row.agent_name)
    for path in paths_of("/api/v1/llm", model):
        answer = api.get(path, stored.period).json
        assert {row.pop("agent_name"): row for row in answer.pop("used_by")} == {
            agent: used(of_agent, model_calls(of_agent))
            for agent, of_agent in agents.items()
            if model_calls(of_agent) or uses_tokens(of_agent)
        }
        assert without_quantiles(answer) == model_row(model, rows)
        assert sum(point["calls"] for point in answer["series"]) == answer["calls"]


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_has_the_agents_that_call_it(api: Api, stored: Stored, tool: str) -> None:
    calls = [row for row in tool_calls(stored.inside) if row.tool_name == tool]
    agents = grouped(calls, lambda row: row.agent_name)
    for path in paths_of("/api/v1/tools", tool):
        answer = api.get(path, stored.period).json
        uses = {row.pop("agent_name"): row for row in answer.pop("used_by")}
        assert uses.keys() == agents.keys()
        for agent, rows in agents.items():
            assert uses[agent]["calls"] == len(rows)
            assert uses[agent]["input_tokens"] == sum(row.total_input_tokens for row in rows)
        assert without_quantiles(answer) == tool_row(tool, calls)


def test_a_detail_takes_filters_and_has_a_step_of_its_own(api: Api, stored: Stored) -> None:
    whole = api.get("/api/v1/agents/planner", stored.period).json
    assert whole["step_ns"] == SLOT
    assert whole == api.get("/api/v1/agents/planner", {**stored.period, **THE_LEDGER}).json
    session = {**stored.period, "session": "s-1", "step": "1h"}
    rows = [r for r in stored.inside if (r.agent_name, r.session_id) == ("planner", "s-1")]
    answer = api.get("/api/v1/agents/planner", session).json
    assert (answer["runs"], answer["step_ns"]) == (len(agent_runs(rows)), 3_600 * SECOND)


@pytest.mark.parametrize(
    ("path", "what"),
    [("agents/nobody", "agent 'nobody'"), ("llm/a/b", "model 'a/b'"), ("tools/x%252F", "'x%2F'")],
)
def test_what_was_never_seen_is_named(api: Api, stored: Stored, path: str, what: str) -> None:
    answer = api.get(f"/api/v1/{path}", stored.period)
    assert answer.status == 404
    assert what in answer.json["detail"]
    assert "expected a name as the list" in answer.json["detail"]


def test_of_what_was_seen_at_another_time_the_latest_is_told(api: Api, stored: Stored) -> None:
    answer = api.get("/api/v1/llm/a%252Fb", {"start": "now-1m"})
    last = max(row.timestamp for row in stored.entries if row.llm_model == "a%2Fb")
    assert answer.status == 404
    assert f"it was last seen at {format_time(last)}" in answer.json["detail"]


@pytest.mark.parametrize(
    ("path", "parameters", "parameter"),
    [
        ("agents", {"step": "1ns"}, "step"),
        ("agents", {"order": "-calls"}, "order"),
        ("llm/x", {"model": "y"}, "model"),
        ("agents/", {}, "agent"),
        ("tools", {"min_duration": "2s", "max_duration": "1s"}, "min_duration"),
        ("services/dependencies", {"order": "cost"}, "order"),
        ("services/dependencies", {"cursor": "WyJ4IiwgMV0"}, "cursor"),
    ],
)
def test_a_mistake_is_named(
    api: Api, stored: Stored, path: str, parameters: dict[str, str], parameter: str
) -> None:
    answer = api.get(f"/api/v1/{path}", {**stored.period, **parameters})
    assert (answer.status, answer.json["parameter"]) == (400, parameter)


def test_no_answer_has_more_points_than_rows_are_allowed(
    config: Config, stored: Stored, tmp_path: Path
) -> None:
    with query_service(config, tmp_path, QuerySettings(max_result_rows=10)) as (api, _):
        planner = api.get("/api/v1/agents/planner", stored.period).json
        assert planner["step_ns"] == 2 * SLOT
        assert 8 <= len(planner["series"]) <= 9
        refused = api.get("/api/v1/agents/planner", {**stored.period, "step": "5m"})
        assert (refused.status, refused.json["parameter"]) == (400, "step")
        asked = {**stored.period, "step": "10m"}
        answer = api.get("/api/v1/agents", asked)
        assert (answer.status, answer.json["title"]) == (422, "The question is too large")
        (first,) = api.page("/api/v1/agents", {**asked, "limit": "1"})["items"]
        assert len(first["series"]) >= 8


def test_a_cursor_keeps_what_relative_times_meant(api: Api, stored: Stored) -> None:
    """Entries of the first page would have left a range that moves on."""
    asked = {"start": f"now-{time.time_ns() - stored.start}ns", "limit": "1", "order": "name"}
    names = [row["agent_name"] for row in api.items("/api/v1/agents", asked)]
    assert names == sorted(names)
    assert set(names) >= set(AGENTS)


@pytest.fixture(scope="module")
def work(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Work:
    """Spans of known work, the first of them stored twice, and what rak-derive made of them."""
    start = (time.time_ns() - 9 * 86_400 * SECOND) // (3_600 * SECOND) * 3_600 * SECOND
    draw = random.Random(5)
    turns = [
        make_turn(draw, start + draw.randrange(3_500 * SECOND), f"of agents {number % 3}", "zoe")
        for number in range(40)
    ]
    for stored_turns in (turns, turns[:5]):
        spans = (span for turn in stored_turns for span in turn.spans)
        store(config.clickhouse, request_of(spans), time.time_ns())
    settle(config, tmp_path_factory.mktemp("work"))
    return Work(turns, start, start + 3_600 * SECOND)


def test_what_rak_derive_computes_of_spans_is_what_they_did(api: Api, work: Work) -> None:
    chats = grouped(spans_of(work.turns, "chat"), lambda span: span.name.removeprefix("chat "))
    models = {row["llm_model"]: row for row in api.page("/api/v1/llm", work.period)["items"]}
    assert models.keys() == chats.keys()
    for model, spans in chats.items():
        row = models[model]
        assert {name: row[name] for name in SPENDING_COLUMNS} == spending_of(spans)
        assert (row["calls"], row["errors"]) == (len(spans), count_errors(spans))
    turns = grouped(work.turns, lambda turn: turn.agent)
    agents = {row["agent_name"]: row for row in api.page("/api/v1/agents", work.period)["items"]}
    assert agents.keys() == turns.keys()
    for agent, of_agent in turns.items():
        row = agents[agent]
        assert {name: row[name] for name in SPENDING_COLUMNS} == spending_of(
            spans_of(of_agent, "chat")
        )
        assert row["runs"] == len(of_agent)
    tools = grouped(spans_of(work.turns, "execute_tool"), lambda span: span.name.split(" ", 1)[1])
    for row in api.page("/api/v1/tools", work.period)["items"]:
        spans = tools.pop(row["tool_name"])
        assert (row["calls"], row["errors"]) == (len(spans), count_errors(spans))
    assert not tools


def test_services_call_one_another_as_spans_of_known_work_tell(api: Api, work: Work) -> None:
    pairs = Counter(turn.spans[0].service for turn in work.turns)
    for asked in ({}, {"service": "db"}):
        found = api.page("/api/v1/services/dependencies", {**work.period, **asked})["items"]
        assert {row["caller_service"]: row["calls"] for row in found} == pairs
        assert {row["service_name"] for row in found} == {"db"}


@pytest.mark.parametrize(
    "asked", [{"attr.gen_ai.request.model": LLAMA}, {"q": f"CHAT {LLAMA.upper()}"}]
)
def test_attributes_and_texts_are_those_of_the_entrys_span(
    api: Api, work: Work, asked: dict[str, str]
) -> None:
    whole = api.page("/api/v1/llm", {**work.period, "model": LLAMA, "step": "10m"})
    assert api.page("/api/v1/llm", {**work.period, **asked, "step": "10m"}) == whole
    assert api.page("/api/v1/tools", {**work.period, **asked})["items"] == []


def count_errors(spans: Sequence[KnownSpan]) -> int:
    return sum(span.status == "ERROR" for span in spans)
