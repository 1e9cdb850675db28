"""Traces as frameworks make them: who owns the tokens, and what they cost in all."""

from decimal import Decimal

from ledger_traces import (
    MOMENT,
    SECOND,
    agent_span,
    dollars,
    llm_span,
    only_total,
    owned,
    span,
    tool_span,
)
from rak_services.derive.ledger.accounting import Account, Rules, account_trace

SPANS_IN_A_CHAIN = 100_000
EMBEDDING = {"operation": "embedding", "llm_model": "text-embedding-3"}


def test_nested_agents_that_repeat_what_is_below_own_the_rest(rules: Rules) -> None:
    """300 -> 100 -> 100 is 300 in all: neither 500, nor the 100 of the model, nor 200."""
    rows = [
        agent_span("outer", agent_name="a", input_tokens=300),
        agent_span("inner", "outer", agent_name="b", input_tokens=100),
        llm_span("call", "inner", input_tokens=100),
    ]
    account = account_trace(rows, rules)
    assert owned(account) == {"outer": 200, "call": 100}
    totals = {entry.span_id: entry.total_input_tokens for entry in account.entries}
    assert totals == {"outer": 300, "inner": 100, "call": 100}
    assert only_total(account).input_tokens == 300


def test_an_agent_without_spans_below_owns_what_it_reports(rules: Rules) -> None:
    """Priced by its own model."""
    agent = agent_span("agent", llm_model="gpt-4o", input_tokens=1_000_000, output_tokens=100_000)
    account = account_trace([agent], rules)
    assert owned(account) == {"agent": 1_100_000}
    assert dollars(account) == Decimal("3.50")
    assert account.entries[0].unpriced_tokens == 0


def test_what_an_agent_without_model_used_beyond_its_calls_has_no_price(rules: Rules) -> None:
    rows = [agent_span("agent", input_tokens=150), llm_span("call", "agent", input_tokens=100)]
    account = account_trace(rows, rules)
    assert dollars(account) == Decimal("0.00025")
    assert only_total(account).unpriced_tokens == 50


def test_a_call_told_by_a_framework_and_the_sdk_below_it_is_one_call(rules: Rules) -> None:
    rows = [
        llm_span("framework", input_tokens=100, output_tokens=20),
        span("http", "framework"),
        llm_span("sdk", "http", input_tokens=100, output_tokens=20),
    ]
    account = account_trace(rows, rules)
    assert owned(account) == {"sdk": 120}
    assert {entry.span_id: entry.counted for entry in account.entries} == {"framework": 0, "sdk": 1}


def test_two_calls_of_an_sdk_below_one_of_a_framework_are_two_calls(rules: Rules) -> None:
    """A framework that tries again inside one span; the first attempt was paid too."""
    rows = [
        llm_span("framework", output_tokens=20),
        llm_span("first", "framework", output_tokens=15, status_code="ERROR", duration_ns=1),
        llm_span("second", "framework", output_tokens=20, timestamp=MOMENT + 1),
    ]
    account = account_trace(rows, rules)
    assert only_total(account).output_tokens == 35
    assert {e.span_id: (e.counted, e.retry) for e in account.entries} == {
        "framework": (0, 0),
        "first": (1, 0),
        "second": (1, 1),
    }


def test_the_tools_that_a_model_asked_for_may_lie_below_its_call(rules: Rules) -> None:
    """As with google-adk 1, where also the agent that was handed over to lies there.

    What the call reports is its own; nothing below repeats it.
    """
    rows = [
        agent_span("root", agent_name="root"),
        llm_span("decides", "root", input_tokens=100),
        tool_span("transfer", "decides", tool_name="transfer_to_agent"),
        agent_span("other", "decides", agent_name="other", input_tokens=70),
        llm_span("works", "other", input_tokens=70),
        llm_span("works in sdk", "works", input_tokens=70),
    ]
    account = account_trace(rows, rules)
    assert owned(account) == {"decides": 100, "works in sdk": 70}
    assert only_total(account).llm_calls == 2
    assert account.entries[0].agent_name


def test_what_lies_below_a_tool_is_no_part_of_the_calls_around_it(rules: Rules) -> None:
    """However many spans tell of the call that asked for the tool."""
    rows = [
        llm_span("framework", input_tokens=100),
        span("http", "framework"),
        llm_span("sdk", "http", input_tokens=100),
        tool_span("tool", "sdk"),
        llm_span("another", "tool", input_tokens=250),
    ]
    account = account_trace(rows, rules)
    assert owned(account) == {"sdk": 100, "another": 250}
    assert only_total(account).llm_calls == 2


def test_two_instrumentations_side_by_side_tell_of_one_call(rules: Rules) -> None:
    """OpenLLMetry beside what Anthropic's SDK tells itself: one answer, so one response id."""
    answer = {"llm_response_id": "msg_1", "input_tokens": 80, "duration_ns": 10}
    rows = [
        agent_span("agent"),
        llm_span("openllmetry", "agent", **answer),
        llm_span("sdk", "agent", **{**answer, "timestamp": MOMENT + 2, "duration_ns": 7}),
        llm_span("within the sdk", "sdk", **{**answer, "timestamp": MOMENT + 3, "duration_ns": 5}),
    ]
    account = account_trace(rows, rules)
    assert owned(account) == {"openllmetry": 80}
    assert [entry.span_id for entry in account.entries if entry.counted] == ["agent", "openllmetry"]


def test_also_below_a_framework_that_tells_of_the_same_answer(rules: Rules) -> None:
    answer = {"llm_response_id": "msg_1", "input_tokens": 80, "duration_ns": 10}
    rows = [
        llm_span("framework", **answer),
        llm_span("openllmetry", "framework", **answer),
        llm_span("sdk", "framework", **{**answer, "timestamp": MOMENT + 2, "duration_ns": 7}),
    ]
    account = account_trace(rows, rules)
    assert owned(account) == {"openllmetry": 80}
    assert [entry.span_id for entry in account.entries if entry.counted] == ["openllmetry"]


def test_a_server_that_gives_all_answers_one_id_is_counted_every_time(rules: Rules) -> None:
    """Calls that ran one after the other are different calls."""
    rows = [
        llm_span("first", llm_response_id="same", input_tokens=10, duration_ns=5),
        llm_span("second", llm_response_id="same", input_tokens=10, timestamp=MOMENT + 6),
    ]
    assert only_total(account_trace(rows, rules)).input_tokens == 20


def test_a_request_sent_again_and_stored_twice_counts_once(rules: Rules) -> None:
    """The row that came first stays, whichever is read first."""
    first = llm_span("call", input_tokens=100, ingested_at=1)
    again = llm_span("call", input_tokens=100, ingested_at=2)
    for rows in ([first, again], [again, first]):
        account = account_trace(rows, rules)
        assert only_total(account).input_tokens == 100
        assert only_total(account).spans == 1


def test_spans_of_one_id_that_differ_are_one_span_always_the_same(rules: Rules) -> None:
    one = llm_span("shared", input_tokens=100, ingested_at=1)
    other = llm_span("shared", input_tokens=40, ingested_at=1)
    assert account_trace([one, other], rules) == account_trace([other, one], rules)
    assert only_total(account_trace([one, other], rules)).input_tokens == 40


def test_parallel_tools_each_with_a_call_of_a_model_add_up(rules: Rules) -> None:
    rows = [agent_span("agent", input_tokens=60)]
    for name in ("a", "b", "c"):
        rows += [
            tool_span(f"tool {name}", "agent"),
            llm_span(f"call {name}", f"tool {name}", input_tokens=20),
        ]
    account = account_trace(rows, rules)
    assert only_total(account).input_tokens == 60
    assert only_total(account).tool_calls == 3
    assert not any(entry.retry for entry in account.entries)


def test_agents_that_hand_over_side_by_side_each_own_their_calls(rules: Rules) -> None:
    rows = [
        span("workflow", operation="workflow", input_tokens=90),
        agent_span("first", "workflow", agent_name="first", input_tokens=50),
        llm_span("first call", "first", input_tokens=50),
        agent_span("second", "workflow", agent_name="second", input_tokens=40),
        llm_span("second call", "second", input_tokens=40),
    ]
    account = account_trace(rows, rules)
    assert owned(account) == {"first call": 50, "second call": 40}
    agents = {entry.span_id: entry.agent_name for entry in account.entries}
    assert (agents["first call"], agents["second call"]) == ("first", "second")
    assert only_total(account).agent_runs == 2


def test_a_child_long_before_its_parent_is_its_child(rules: Rules) -> None:
    """Clocks differ, and batches come late: only ids tell who is whose parent."""
    rows = [
        agent_span("agent", agent_name="a", input_tokens=100),
        llm_span("call", "agent", input_tokens=100, timestamp=MOMENT - 7200 * SECOND),
    ]
    account = account_trace(rows, rules)
    assert owned(account) == {"call": 100}
    assert [entry.span_id for entry in account.entries] == ["call", "agent"]
    assert account.entries[0].agent_name == "a"


def test_a_span_without_its_parent_is_a_root_until_the_parent_comes(rules: Rules) -> None:
    agent = agent_span("agent", input_tokens=100)
    middle = span("middle", "agent")
    call = llm_span("call", "middle", input_tokens=100)
    assert only_total(account_trace([agent, call], rules)).input_tokens == 200
    assert only_total(account_trace([agent, call, middle], rules)).input_tokens == 100


def test_a_tool_called_over_mcp_is_one_call_of_another_service(rules: Rules) -> None:
    """Its client's span and its server's span are both told, in two services."""
    rows = [
        agent_span("agent", agent_name="a", service_name="agents"),
        tool_span("client", "agent", span_kind="CLIENT"),
        tool_span("server", "client", span_kind="SERVER", service_name="search-mcp"),
        llm_span("inside", "server", service_name="search-mcp", input_tokens=30),
    ]
    account = account_trace(rows, rules)
    entries = {entry.span_id: entry for entry in account.entries}
    assert (entries["client"].counted, entries["server"].counted) == (1, 0)
    assert entries["server"].caller_service == "agents"
    assert entries["inside"].caller_service == ""
    assert entries["inside"].agent_name == "a"
    assert only_total(account).services == ("agents", "search-mcp")
    assert only_total(account).tool_calls == 1


def test_a_span_of_a_tool_s_call_need_not_name_the_tool(rules: Rules) -> None:
    """As that of MCP's client, between the agent's call and the server's."""
    rows = [
        tool_span("agent's", tool_name="weather"),
        tool_span("client's", "agent's", tool_name=""),
        tool_span("server's", "client's", tool_name="weather"),
        tool_span("another", "server's", tool_name="search"),
        tool_span("nobody's", tool_name=""),
    ]
    counted = {entry.span_id for entry in account_trace(rows, rules).entries if entry.counted}
    assert counted == {"agent's", "another", "nobody's"}


def test_models_of_a_trace_are_those_that_were_used(rules: Rules) -> None:
    """Not the name by which an agent was told to ask, if calls below it say what answered."""
    rows = [
        agent_span("agent", llm_model="gpt-4o", input_tokens=10),
        llm_span("call", "agent", llm_model="gpt-4o-2024-08-06", input_tokens=10),
        agent_span("alone", llm_model="flat", input_tokens=5),
        llm_span("failed", "agent", llm_model="", llm_request_model="asked", status_code="ERROR"),
    ]
    total = only_total(account_trace(rows, rules))
    assert total.models == ("asked", "flat", "gpt-4o-2024-08-06")


def test_of_a_cycle_the_span_that_began_first_is_a_root(rules: Rules) -> None:
    rows = [
        agent_span("a", "c", input_tokens=10, timestamp=MOMENT + 2),
        agent_span("b", "a", input_tokens=10, timestamp=MOMENT + 1, agent_name="b"),
        agent_span("c", "b", input_tokens=10, timestamp=MOMENT + 3),
        llm_span("below", "a", input_tokens=4),
        llm_span("itself", "itself", input_tokens=5),
    ]
    account = account_trace(rows, rules)
    assert owned(account) == {"a": 6, "below": 4, "itself": 5}
    assert only_total(account).input_tokens == 15


def test_chains_of_any_length_are_accounted(rules: Rules) -> None:
    ids = [f"{number:016x}" for number in range(1, SPANS_IN_A_CHAIN + 1)]
    rows = [
        llm_span(one, parent, input_tokens=3, llm_response_id="x")
        for one, parent in zip(ids, ["", *ids], strict=False)
    ]
    total = only_total(account_trace(rows, rules))
    assert (total.spans, total.llm_calls, total.input_tokens) == (SPANS_IN_A_CHAIN, 1, 3)


def test_embeddings_are_calls_of_a_model_of_their_own(rules: Rules) -> None:
    rows = [
        span("retrieval", operation="retrieval"),
        span("embedding", "retrieval", **EMBEDDING, input_tokens=8),
    ]
    account = account_trace(rows, rules)
    assert only_total(account).llm_calls == 1
    assert {entry.counted for entry in account.entries} == {1}


def test_a_trace_without_agents_tokens_and_sessions_has_no_account(rules: Rules) -> None:
    assert account_trace([span("a"), span("b", "a")], rules) == Account([], [])
    assert account_trace([], rules) == Account([], [])
