"""A Rust program that traces itself as RAK's agents do has its facts in the columns for them."""

from typing import Any

import pytest

from e2e.clients.builds import ToolchainMissing
from e2e.clients.client_runs import Client, Run, Scenario, ran
from fleet import Fleet, get_json, http_status, wait_until

RUST = Client("rust", "grpc")
SPANS = 5

INVOCATION = {"invocation_id": "inv-7f3a", "session_id": "sess-41"}
COLUMNS: dict[str, dict[str, Any]] = {
    "invocation": {**INVOCATION, "user_id": "user-9", "agent_type": "sequential", "operation": ""},
    "agent.run": {
        **INVOCATION,
        "agent_name": "researcher",
        "agent_type": "llm",
        "token_count": 2570,
        "operation": "agent",
    },
    "call_llm": {
        **INVOCATION,
        "llm_model": "gemini-2.5-flash",
        "llm_system": "gcp.vertex.agent",
        "input_tokens": 1200,
        "output_tokens": 85,
        "operation": "llm",
    },
    "execute_tool": {
        **INVOCATION,
        "tool_name": "web_search",
        "tool_call_id": "call-12",
        "operation": "tool",
    },
}
PARENTS = {
    "invocation": "",
    "agent.run": "invocation",
    "call_llm": "agent.run",
    "execute_tool": "agent.run",
}


@pytest.fixture(scope="module")
def run(started: Fleet) -> Run:
    endpoints = {"grpc": f"http://127.0.0.1:{started.ports.otlp_grpc}"}
    try:
        finished = Scenario("rak", endpoints).start(RUST, "rak_agent").wait()
    except ToolchainMissing as error:
        return ran({RUST: error}, RUST)
    assert (finished.flushed, finished.reports) == (True, "")
    url = f"{started.query_url}/traces/{finished.trace_id}"
    wait_until(lambda: http_status(url) == 200, "the trace is found")
    return finished


@pytest.fixture
def spans(run: Run, started: Fleet) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = get_json(f"{started.query_url}/traces/{run.trace_id}")["items"]
    return items


def test_each_span_has_its_columns_filled(spans: list[dict[str, Any]]) -> None:
    names = sorted(span["span_name"] for span in spans)
    assert names == ["agent.run", "call_llm", "call_llm", "execute_tool", "invocation"]
    for span in spans:
        expected = COLUMNS[span["span_name"]]
        assert {column: span[column] for column in expected} == expected


def test_spans_are_nested_as_the_program_nested_them(spans: list[dict[str, Any]]) -> None:
    names = {span["span_id"]: span["span_name"] for span in spans}
    for span in spans:
        assert names.get(span["parent_span_id"], "") == PARENTS[span["span_name"]]


def test_the_fields_stay_beside_the_columns(spans: list[dict[str, Any]]) -> None:
    (tool,) = [span for span in spans if span["span_name"] == "execute_tool"]
    assert tool["attributes"]["gcp.vertex.agent.tool_call_args"] == '{"query":"weather in Basel"}'
    assert tool["attributes"]["gcp.vertex.agent.event_id"] == "event-2"
    model = next(span for span in spans if span["span_name"] == "call_llm")
    assert model["attributes"]["gen_ai.request.top_p"] == 0.95


@pytest.mark.parametrize(
    "question",
    [
        "agent=researcher",
        "session=sess-41",
        "invocation=inv-7f3a",
        "user=user-9",
        "model=gemini-2.5-flash",
        "tool=web_search",
    ],
)
def test_the_run_is_found_by_each_column(question: str, run: Run, started: Fleet) -> None:
    found = get_json(f"{started.query_url}/traces?{question}&service={run.service}")
    (item,) = found["items"]
    assert (item["trace_id"], item["root_name"]) == (run.trace_id, "invocation")
    assert (item["spans"], item["agents"]) == (SPANS, ["researcher"])
