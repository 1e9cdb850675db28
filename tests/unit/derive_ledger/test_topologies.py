"""Traces as frameworks make them: who owns the tokens, and what they cost in all."""

from decimal import Decimal

from ledger_traces import MOMENT, SECOND, span
from rak_libs.model.ledger import MAX_TOKENS
from rak_services.derive.ledger.accounting import Account, Rules, account_trace
from rak_services.derive.ledger.rows import SpanFacts, TraceTotal

SPANS_IN_A_CHAIN = 100_000
EMBEDDING = {"operation": "embedding", "llm_model": "text-embedding-3"}


def _agent(span_id: str, parent: str = "", **facts: object) -> SpanFacts:
    return span(span_id, parent, operation="agent", **facts)


def _llm(span_id: str, parent: str = "", **facts: object) -> SpanFacts:
    return span(span_id, parent, **{"operation": "llm", "llm_model": "gpt-4o", **facts})


def _tool(span_id: str, parent: str = "", **facts: object) -> SpanFacts:
    return span(span_id, parent, **{"operation": "tool", "tool_name": "search", **facts})


def _owned(account: Account) -> dict[str, int]:
    """Input, output and unsplit tokens of the spans that own any."""
    owned = {
        entry.span_id: entry.input_tokens + entry.output_tokens + entry.unsplit_tokens
        for entry in account.entries
    }
    return {span_id: tokens for span_id, tokens in owned.items() if tokens}


def _dollars(account: Account) -> Decimal:
    return Decimal(sum(entry.cost for entry in account.entries)).scaleb(-12)


def _only_total(account: Account) -> TraceTotal:
    (total,) = account.totals
    return total


def test_nested_agents_that_repeat_what_is_below_own_the_rest(rules: Rules) -> None:
    """300 -> 100 -> 100 is 300 in all: neither 500, nor the 100 of the model, nor 200."""
    rows = [
        _agent("outer", agent_name="a", input_tokens=300),
        _agent("inner", "outer", agent_name="b", input_tokens=100),
        _llm("call", "inner", input_tokens=100),
    ]
    account = account_trace(rows, rules)
    assert _owned(account) == {"outer": 200, "call": 100}
    totals = {entry.span_id: entry.total_input_tokens for entry in account.entries}
    assert totals == {"outer": 300, "inner": 100, "call": 100}
    assert _only_total(account).input_tokens == 300


def test_an_agent_without_spans_below_owns_what_it_reports(rules: Rules) -> None:
    """Priced by its own model."""
    agent = _agent("agent", llm_model="gpt-4o", input_tokens=1_000_000, output_tokens=100_000)
    account = account_trace([agent], rules)
    assert _owned(account) == {"agent": 1_100_000}
    assert _dollars(account) == Decimal("3.50")
    assert account.entries[0].unpriced_tokens == 0


def test_what_an_agent_without_model_used_beyond_its_calls_has_no_price(rules: Rules) -> None:
    rows = [_agent("agent", input_tokens=150), _llm("call", "agent", input_tokens=100)]
    account = account_trace(rows, rules)
    assert _dollars(account) == Decimal("0.00025")
    assert _only_total(account).unpriced_tokens == 50


def test_a_call_told_by_a_framework_and_the_sdk_below_it_is_one_call(rules: Rules) -> None:
    rows = [
        _llm("framework", input_tokens=100, output_tokens=20),
        span("http", "framework"),
        _llm("sdk", "http", input_tokens=100, output_tokens=20),
    ]
    account = account_trace(rows, rules)
    assert _owned(account) == {"sdk": 120}
    assert {entry.span_id: entry.counted for entry in account.entries} == {"framework": 0, "sdk": 1}


def test_two_calls_of_an_sdk_below_one_of_a_framework_are_two_calls(rules: Rules) -> None:
    """A framework that tries again inside one span; the first attempt was paid too."""
    rows = [
        _llm("framework", output_tokens=20),
        _llm("first", "framework", output_tokens=15, status_code="ERROR", duration_ns=1),
        _llm("second", "framework", output_tokens=20, timestamp=MOMENT + 1),
    ]
    account = account_trace(rows, rules)
    assert _only_total(account).output_tokens == 35
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
        _agent("root", agent_name="root"),
        _llm("decides", "root", input_tokens=100),
        _tool("transfer", "decides", tool_name="transfer_to_agent"),
        _agent("other", "decides", agent_name="other", input_tokens=70),
        _llm("works", "other", input_tokens=70),
        _llm("works in sdk", "works", input_tokens=70),
    ]
    account = account_trace(rows, rules)
    assert _owned(account) == {"decides": 100, "works in sdk": 70}
    assert _only_total(account).llm_calls == 2
    assert account.entries[0].agent_name


def test_what_lies_below_a_tool_is_no_part_of_the_calls_around_it(rules: Rules) -> None:
    """However many spans tell of the call that asked for the tool."""
    rows = [
        _llm("framework", input_tokens=100),
        span("http", "framework"),
        _llm("sdk", "http", input_tokens=100),
        _tool("tool", "sdk"),
        _llm("another", "tool", input_tokens=250),
    ]
    account = account_trace(rows, rules)
    assert _owned(account) == {"sdk": 100, "another": 250}
    assert _only_total(account).llm_calls == 2


def test_two_instrumentations_side_by_side_tell_of_one_call(rules: Rules) -> None:
    """OpenLLMetry beside what Anthropic's SDK tells itself: one answer, so one response id."""
    answer = {"llm_response_id": "msg_1", "input_tokens": 80, "duration_ns": 10}
    rows = [
        _agent("agent"),
        _llm("openllmetry", "agent", **answer),
        _llm("sdk", "agent", **{**answer, "timestamp": MOMENT + 2, "duration_ns": 7}),
        _llm("within the sdk", "sdk", **{**answer, "timestamp": MOMENT + 3, "duration_ns": 5}),
    ]
    account = account_trace(rows, rules)
    assert _owned(account) == {"openllmetry": 80}
    assert [entry.span_id for entry in account.entries if entry.counted] == ["agent", "openllmetry"]


def test_also_below_a_framework_that_tells_of_the_same_answer(rules: Rules) -> None:
    answer = {"llm_response_id": "msg_1", "input_tokens": 80, "duration_ns": 10}
    rows = [
        _llm("framework", **answer),
        _llm("openllmetry", "framework", **answer),
        _llm("sdk", "framework", **{**answer, "timestamp": MOMENT + 2, "duration_ns": 7}),
    ]
    account = account_trace(rows, rules)
    assert _owned(account) == {"openllmetry": 80}
    assert [entry.span_id for entry in account.entries if entry.counted] == ["openllmetry"]


def test_a_server_that_gives_all_answers_one_id_is_counted_every_time(rules: Rules) -> None:
    """Calls that ran one after the other are different calls."""
    rows = [
        _llm("first", llm_response_id="same", input_tokens=10, duration_ns=5),
        _llm("second", llm_response_id="same", input_tokens=10, timestamp=MOMENT + 6),
    ]
    assert _only_total(account_trace(rows, rules)).input_tokens == 20


def test_a_request_sent_again_and_stored_twice_counts_once(rules: Rules) -> None:
    """The row that came first stays, whichever is read first."""
    first = _llm("call", input_tokens=100, ingested_at=1)
    again = _llm("call", input_tokens=100, ingested_at=2)
    for rows in ([first, again], [again, first]):
        account = account_trace(rows, rules)
        assert _only_total(account).input_tokens == 100
        assert _only_total(account).spans == 1


def test_spans_of_one_id_that_differ_are_one_span_always_the_same(rules: Rules) -> None:
    one = _llm("shared", input_tokens=100, ingested_at=1)
    other = _llm("shared", input_tokens=40, ingested_at=1)
    assert account_trace([one, other], rules) == account_trace([other, one], rules)
    assert _only_total(account_trace([one, other], rules)).input_tokens == 40


def test_parallel_tools_each_with_a_call_of_a_model_add_up(rules: Rules) -> None:
    rows = [_agent("agent", input_tokens=60)]
    for name in ("a", "b", "c"):
        rows += [
            _tool(f"tool {name}", "agent"),
            _llm(f"call {name}", f"tool {name}", input_tokens=20),
        ]
    account = account_trace(rows, rules)
    assert _only_total(account).input_tokens == 60
    assert _only_total(account).tool_calls == 3
    assert not any(entry.retry for entry in account.entries)


def test_agents_that_hand_over_side_by_side_each_own_their_calls(rules: Rules) -> None:
    rows = [
        span("workflow", operation="workflow", input_tokens=90),
        _agent("first", "workflow", agent_name="first", input_tokens=50),
        _llm("first call", "first", input_tokens=50),
        _agent("second", "workflow", agent_name="second", input_tokens=40),
        _llm("second call", "second", input_tokens=40),
    ]
    account = account_trace(rows, rules)
    assert _owned(account) == {"first call": 50, "second call": 40}
    agents = {entry.span_id: entry.agent_name for entry in account.entries}
    assert (agents["first call"], agents["second call"]) == ("first", "second")
    assert _only_total(account).agent_runs == 2


def test_a_child_long_before_its_parent_is_its_child(rules: Rules) -> None:
    """Clocks differ, and batches come late: only ids tell who is whose parent."""
    rows = [
        _agent("agent", agent_name="a", input_tokens=100),
        _llm("call", "agent", input_tokens=100, timestamp=MOMENT - 7200 * SECOND),
    ]
    account = account_trace(rows, rules)
    assert _owned(account) == {"call": 100}
    assert [entry.span_id for entry in account.entries] == ["call", "agent"]
    assert account.entries[0].agent_name == "a"


def test_a_span_without_its_parent_is_a_root_until_the_parent_comes(rules: Rules) -> None:
    agent = _agent("agent", input_tokens=100)
    middle = span("middle", "agent")
    call = _llm("call", "middle", input_tokens=100)
    assert _only_total(account_trace([agent, call], rules)).input_tokens == 200
    assert _only_total(account_trace([agent, call, middle], rules)).input_tokens == 100


def test_a_tool_called_over_mcp_is_one_call_of_another_service(rules: Rules) -> None:
    """Its client's span and its server's span are both told, in two services."""
    rows = [
        _agent("agent", agent_name="a", service_name="agents"),
        _tool("client", "agent", span_kind="CLIENT"),
        _tool("server", "client", span_kind="SERVER", service_name="search-mcp"),
        _llm("inside", "server", service_name="search-mcp", input_tokens=30),
    ]
    account = account_trace(rows, rules)
    entries = {entry.span_id: entry for entry in account.entries}
    assert (entries["client"].counted, entries["server"].counted) == (1, 0)
    assert entries["server"].caller_service == "agents"
    assert entries["inside"].caller_service == ""
    assert entries["inside"].agent_name == "a"
    assert _only_total(account).services == ("agents", "search-mcp")
    assert _only_total(account).tool_calls == 1


def test_a_span_of_a_tool_s_call_need_not_name_the_tool(rules: Rules) -> None:
    """As that of MCP's client, between the agent's call and the server's."""
    rows = [
        _tool("agent's", tool_name="weather"),
        _tool("client's", "agent's", tool_name=""),
        _tool("server's", "client's", tool_name="weather"),
        _tool("another", "server's", tool_name="search"),
        _tool("nobody's", tool_name=""),
    ]
    counted = {entry.span_id for entry in account_trace(rows, rules).entries if entry.counted}
    assert counted == {"agent's", "another", "nobody's"}


def test_models_of_a_trace_are_those_that_were_used(rules: Rules) -> None:
    """Not the name by which an agent was told to ask, if calls below it say what answered."""
    rows = [
        _agent("agent", llm_model="gpt-4o", input_tokens=10),
        _llm("call", "agent", llm_model="gpt-4o-2024-08-06", input_tokens=10),
        _agent("alone", llm_model="flat", input_tokens=5),
        _llm("failed", "agent", llm_model="", llm_request_model="claude-1", status_code="ERROR"),
    ]
    total = _only_total(account_trace(rows, rules))
    assert total.models == ("claude-1", "flat", "gpt-4o-2024-08-06")


def test_of_a_cycle_the_span_that_began_first_is_a_root(rules: Rules) -> None:
    rows = [
        _agent("a", "c", input_tokens=10, timestamp=MOMENT + 2),
        _agent("b", "a", input_tokens=10, timestamp=MOMENT + 1, agent_name="b"),
        _agent("c", "b", input_tokens=10, timestamp=MOMENT + 3),
        _llm("below", "a", input_tokens=4),
        _llm("itself", "itself", input_tokens=5),
    ]
    account = account_trace(rows, rules)
    assert _owned(account) == {"a": 6, "below": 4, "itself": 5}
    assert _only_total(account).input_tokens == 15


def test_chains_of_any_length_are_accounted(rules: Rules) -> None:
    ids = [f"{number:016x}" for number in range(1, SPANS_IN_A_CHAIN + 1)]
    rows = [
        _llm(one, parent, input_tokens=3, llm_response_id="x")
        for one, parent in zip(ids, ["", *ids], strict=False)
    ]
    total = _only_total(account_trace(rows, rules))
    assert (total.spans, total.llm_calls, total.input_tokens) == (SPANS_IN_A_CHAIN, 1, 3)


def test_a_count_that_cannot_be_is_none(rules: Rules) -> None:
    rows = [
        _llm("hostile", input_tokens=2**64 - 1, output_tokens=MAX_TOKENS + 1),
        _llm("large", input_tokens=MAX_TOKENS),
    ]
    assert _owned(account_trace(rows, rules)) == {"large": MAX_TOKENS}


def test_anthropic_counts_cached_tokens_beside_the_input(rules: Rules) -> None:
    """10 plain, 1000 read and 100 written: the price of each is paid once."""
    call = _llm(
        "call",
        llm_model="claude-sonnet-4-5",
        llm_system="anthropic",
        input_tokens=10,
        cache_read_tokens=1000,
        cache_write_tokens=100,
    )
    account = account_trace([call], rules)
    assert _only_total(account).input_tokens == 1110
    assert _dollars(account) == Decimal("0.000705")


def test_instrumentations_that_put_that_right_are_taken_at_their_word(rules: Rules) -> None:
    call = _llm(
        "call",
        llm_model="claude-sonnet-4-5",
        llm_system="anthropic",
        scope_name="pydantic-ai",
        input_tokens=1110,
        cache_read_tokens=1000,
        cache_write_tokens=100,
    )
    account = account_trace([call], rules)
    assert _only_total(account).input_tokens == 1110
    assert _dollars(account) == Decimal("0.000705")


def test_cached_tokens_of_openai_are_among_its_input(rules: Rules) -> None:
    call = _llm("call", llm_system="openai", input_tokens=1000, cache_read_tokens=600)
    account = account_trace([call], rules)
    assert _only_total(account).input_tokens == 1000
    assert _dollars(account) == Decimal("0.00175")


def test_more_cached_than_input_tokens_are_beside_them_whoever_says_so(rules: Rules) -> None:
    call = _llm("call", llm_system="openai", input_tokens=10, cache_read_tokens=600)
    assert _only_total(account_trace([call], rules)).input_tokens == 610


def test_thoughts_of_gemini_are_beside_its_output(rules: Rules) -> None:
    call = _llm(
        "call", llm_system="gcp.gemini", input_tokens=5, output_tokens=100, reasoning_tokens=40
    )
    total = _only_total(account_trace([call], rules))
    assert (total.output_tokens, total.reasoning_tokens) == (140, 40)


def test_tokens_without_a_price_are_unpriced_never_free(rules: Rules) -> None:
    rows = [
        _llm("unknown", llm_model="local", input_tokens=100, output_tokens=10),
        _llm("no price of the kind", input_tokens=30, cache_write_tokens=20),
        _llm("no model", llm_model="", input_tokens=1),
    ]
    account = account_trace(rows, rules)
    assert _only_total(account).unpriced_tokens == 110 + 20 + 1
    assert _dollars(account) == Decimal("0.000025")


def test_a_model_without_price_is_priced_as_the_one_that_was_asked(rules: Rules) -> None:
    call = _llm("call", llm_model="gpt-4o-mystery", llm_request_model="gpt-4o", input_tokens=1000)
    account = account_trace([call], rules)
    assert _dollars(account) == Decimal("0.0025")
    assert account.entries[0].llm_model == "gpt-4o-mystery"


def test_a_bare_count_of_tokens_is_neither_input_nor_output(rules: Rules) -> None:
    """It has a price only where input and output cost the same."""
    rows = [_llm("some", token_count=100), _llm("flat", llm_model="flat", token_count=100)]
    account = account_trace(rows, rules)
    total = _only_total(account)
    assert (total.input_tokens, total.output_tokens, total.unsplit_tokens) == (0, 0, 200)
    assert total.unpriced_tokens == 100
    assert _dollars(account) == Decimal("0.00005")


def test_a_bare_count_above_input_and_output_repeats_them(rules: Rules) -> None:
    rows = [
        _agent("agent", token_count=150),
        _llm("call", "agent", input_tokens=80, output_tokens=20),
        _llm("other", "agent", token_count=30),
    ]
    assert _owned(account_trace(rows, rules)) == {"agent": 20, "call": 100, "other": 30}


def test_input_and_output_above_a_bare_count_repeat_it(rules: Rules) -> None:
    """What is left of them is taken to be the cheaper input: a cost stays a lower bound."""
    rows = [
        _agent("agent", input_tokens=300, output_tokens=100, llm_model="gpt-4o"),
        _llm("call", "agent", token_count=350),
    ]
    account = account_trace(rows, rules)
    assert _owned(account) == {"agent": 50, "call": 350}
    assert account.entries[0].input_tokens == 50


def test_cached_tokens_that_only_the_parent_tells_of_are_not_paid_again(rules: Rules) -> None:
    """The call below was paid at the full price; the parent's own input is none."""
    rows = [
        _agent("agent", llm_model="gpt-4o", input_tokens=1000, cache_read_tokens=800),
        _llm("call", "agent", input_tokens=1000),
    ]
    account = account_trace(rows, rules)
    assert _dollars(account) == Decimal("0.0025")
    assert _only_total(account).cache_read_tokens == 800


def test_embeddings_are_calls_of_a_model_of_their_own(rules: Rules) -> None:
    rows = [
        span("retrieval", operation="retrieval"),
        span("embedding", "retrieval", **EMBEDDING, input_tokens=8),
    ]
    account = account_trace(rows, rules)
    assert _only_total(account).llm_calls == 1
    assert {entry.counted for entry in account.entries} == {1}


def test_a_trace_without_agents_tokens_and_sessions_has_no_account(rules: Rules) -> None:
    assert account_trace([span("a"), span("b", "a")], rules) == Account([], [])
    assert account_trace([], rules) == Account([], [])
