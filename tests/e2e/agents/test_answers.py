"""What the query service answers about agents, models, sessions and users equals the books."""

from collections import Counter
from decimal import Decimal

import pytest

from e2e.agents.answers import ask, ask_about, ask_session, items, spent, spent_by
from e2e.agents.books import Bill, Sum, line, sums
from e2e.agents.conftest import Told
from e2e.agents.hostile import LONG, NAMES
from e2e.agents.plans import TOOL_SERVICE
from rak_libs.model.attribute_facts import bounded

LLAMA = "meta-llama/Llama-3.1-70B"


def billed(told: Told, **wanted: str) -> Sum:
    """What the lines come to that agree with some of their fields."""
    lines = [bill for bill in told.books.lines if agrees(bill, wanted)]
    return sums(("", line(bill)) for bill in lines)[""]


def agrees(bill: Bill, wanted: dict[str, str]) -> bool:
    return all(getattr(bill, field) == value for field, value in wanted.items())


@pytest.mark.parametrize(
    ("path", "order", "field", "of_bill"),
    [
        ("/agents", "-cost", "agent_name", "agent"),
        ("/agents", "name", "agent_name", "agent"),
        ("/llm", "-cost", "llm_model", "model"),
        ("/llm", "name", "llm_model", "model"),
        ("/sessions", "-cost", "session_id", "session"),
        ("/users", "-cost", "user_id", "user"),
        ("/sessions", "first_seen", "session_id", "session"),
    ],
)
def test_every_list_comes_to_what_was_billed(
    path: str, order: str, field: str, of_bill: str, told: Told
) -> None:
    """Page by page; users alone are left out of a list when they have no name."""
    answered = spent_by(told.started, path, field, order=order)
    named = [bill for bill in told.books.lines if path != "/users" or bill.user]
    assert answered == sums((getattr(bill, of_bill), line(bill)) for bill in named)


@pytest.mark.parametrize("name", [*NAMES, bounded(LONG), "first", "planner", "desk"], ids=ascii)
def test_an_agent_is_found_by_its_name(name: str, told: Told) -> None:
    answer = ask_about(told.started, "agents", name)
    assert (answer["agent_name"], spent(answer)) == (name, billed(told, agent=name))
    assert sums(("", spent(point)) for point in answer["series"])[""] == spent(answer)
    assert sums(("", spent(model)) for model in answer["models"])[""] == spent(answer)


@pytest.mark.parametrize("name", [*NAMES, "claude-sonnet-4-5-20250929"], ids=ascii)
def test_a_model_is_found_by_its_name(name: str, told: Told) -> None:
    answer = ask_about(told.started, "llm", name)
    assert (answer["llm_model"], spent(answer)) == (name, billed(told, model=name))
    assert sums(("", spent(agent)) for agent in answer["used_by"])[""] == spent(answer)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_tool_is_found_by_its_name(name: str, told: Told) -> None:
    answer = ask_about(told.started, "tools", name)
    assert (answer["tool_name"], answer["calls"]) == (name, 1)
    assert spent(answer) == billed(told, agent=name)


def test_a_model_whose_name_is_a_path_is_filtered_for(told: Told) -> None:
    assert spent_by(told.started, "/llm", "llm_model", model=LLAMA) == {
        LLAMA: billed(told, model=LLAMA)
    }
    by_agent = spent_by(told.started, "/agents", "agent_name", model=LLAMA)
    assert by_agent == sums(
        (bill.agent, line(bill)) for bill in told.books.lines if bill.model == LLAMA
    )


def test_sessions_tell_their_traces_and_what_each_used(told: Told) -> None:
    for session in ("hand-session", "pydantic-5-handed-over", "hand-late-parent"):
        answer = ask_session(told.started, session)
        assert spent(answer["session"]) == billed(told, session=session)
        traces = {item["trace_id"]: spent(item) for item in answer["traces"]["items"]}
        assert traces == sums(
            (bill.trace_id, line(bill)) for bill in told.books.lines if bill.session == session
        )


def test_each_span_of_a_trace_tells_what_it_used_and_what_was_used_below(told: Told) -> None:
    (trace_id,) = {b.trace_id for b in told.books.lines if b.session == "hand-300-100-100"}
    answer = ask(told.started, f"/traces/{trace_id}/ledger")
    assert spent(answer["sums"]) == billed(told, trace_id=trace_id)
    tokens = [
        (
            item["agent_name"],
            item["input_tokens"] + item["output_tokens"],
            item["total"]["input_tokens"] + item["total"]["output_tokens"],
        )
        for item in answer["items"]
    ]
    assert tokens == [("first", 200, 300), ("second", 0, 100), ("third", 100, 100)]


def test_a_cost_with_unpriced_tokens_is_a_lower_bound(told: Told) -> None:
    answer = ask_about(told.started, "agents", "mixed")
    assert (Decimal(answer["cost"]), answer["unpriced_tokens"]) == (Decimal("0.000088"), 100)


def test_a_call_after_one_that_failed_is_a_retry(told: Told) -> None:
    """Of a tool of one agent; the SDKs' own tales of one call are no calls beside it."""
    tool = ask_about(told.started, "tools", "search")
    assert (tool["calls"], tool["errors"], tool["retries"]) == (2, 1, 1)
    session = ask_session(told.started, "pydantic-5-tools")["session"]
    assert (session["tool_calls"], session["errors"]) == (3, 1)


def test_a_tool_over_mcp_is_one_call_in_two_services(told: Told) -> None:
    calls = Counter(
        item["tool_name"]
        for item in items(told.started, "/tools", session="pydantic-mcp")
        for _ in range(item["calls"])
    )
    assert calls == {"weather": 1, "summarise": 1}
    edges = {
        (item["caller_service"], item["service_name"])
        for item in items(told.started, "/services/dependencies")
    }
    assert edges == {("front", "by-hand"), ("pydantic", TOOL_SERVICE)}


@pytest.mark.parametrize("generation", ["pydantic-2", "pydantic-3", "pydantic-5", "pydantic-6"])
def test_a_transcript_tells_what_was_said_and_done(generation: str, told: Told) -> None:
    """In every generation of messages: the question, two calls and a failure, the answer."""
    answer = ask_session(told.started, f"{generation}-tools")
    said = [
        (part["type"], part.get("text") or part.get("name"))
        for item in answer["transcript"]["items"]
        for part in item["parts"]
    ]
    assert said[0] == ("text", "how is Zürich?")
    assert said[-1] == ("text", "done")
    calls = [name for kind, name in said if kind == "tool_call"]
    assert sorted(calls) == ["traffic", "weather", "weather"]


def test_messages_that_are_none_do_not_hinder_an_answer(told: Told) -> None:
    answer = ask_session(told.started, "hostile-messages")
    assert spent(answer["session"]) == billed(told, session="hostile-messages")
    assert answer["transcript"]["items"]


def test_a_rule_knows_every_attribute_that_the_sdks_send(told: Told) -> None:
    """What a newer SDK spells anew, this test shows."""
    assert [item["key"] for item in items(told.started, "/semconv/coverage")] == []
    known = items(told.started, "/semconv/coverage", known="all")
    scopes = {item["scope_name"] for item in known if item["column"] == "input_tokens"}
    assert scopes >= {
        "com.anthropic.sdk.python",
        "opentelemetry.instrumentation.anthropic",
        "opentelemetry.instrumentation.genai.openai",
        "opentelemetry.instrumentation.openai.v1",
        "opentelemetry.instrumentation.openai_v2",
        "pydantic-ai",
    }
