"""What spans belong to, which of them count, and which are retries."""

from ledger_traces import MOMENT, SECOND, span
from rak_services.derive.ledger.accounting import Rules, account_trace
from rak_services.derive.ledger.rows import Entry, SpanFacts


def _entries(rows: list[SpanFacts], rules: Rules) -> dict[str, Entry]:
    return {entry.span_id: entry for entry in account_trace(rows, rules).entries}


def test_spans_belong_to_the_nearest_above_that_says_so(rules: Rules) -> None:
    rows = [
        span("a", operation="agent", agent_name="outer", session_id="s1", user_id="u"),
        span("b", "a", operation="agent", agent_name="inner", session_id="s2"),
        span("c", "b", operation="llm", invocation_id="i"),
    ]
    inmost = _entries(rows, rules)["c"]
    assert (inmost.agent_name, inmost.session_id, inmost.user_id) == ("inner", "s2", "u")


def test_what_nobody_above_says_is_the_earliest_of_the_trace(rules: Rules) -> None:
    """All but the agent: a span outside every agent belongs to none."""
    rows = [
        span("web", operation="workflow"),
        span("late", "web", session_id="late", timestamp=MOMENT + 2),
        span(
            "first", "web", operation="agent", session_id="s", agent_name="a", conversation_id="c"
        ),
    ]
    web = _entries(rows, rules)["web"]
    assert (web.session_id, web.conversation_id, web.agent_name) == ("s", "c", "")


def test_a_trace_of_two_sessions_has_two_totals(rules: Rules) -> None:
    rows = [
        span("a", operation="agent", session_id="s1", user_id="u1", input_tokens=10),
        span("b", operation="agent", session_id="s2", user_id="u2", input_tokens=20),
        span("c", "b", status_code="ERROR", timestamp=MOMENT + SECOND, duration_ns=SECOND),
    ]
    first, second = account_trace(rows, rules).totals
    assert (first.session_id, first.user_id, first.input_tokens, first.spans) == ("s1", "u1", 10, 1)
    assert (second.session_id, second.input_tokens, second.spans, second.errors) == ("s2", 20, 2, 1)
    assert (second.timestamp, second.end_timestamp) == (MOMENT, MOMENT + 2 * SECOND)


def test_a_session_without_agents_has_totals(rules: Rules) -> None:
    account = account_trace([span("page", session_id="s", span_name="GET /")], rules)
    assert account.entries == []
    assert [(total.session_id, total.root_name) for total in account.totals] == [("s", "GET /")]


def test_an_agent_within_itself_counts_once_and_through_a_tool_again(rules: Rules) -> None:
    rows = [
        span("run", operation="agent", agent_name="a"),
        span("framework", "run", operation="agent", agent_name="a"),
        span("unnamed", "framework", operation="agent"),
        span("tool", "unnamed", operation="tool", tool_name="ask"),
        span("again", "tool", operation="agent", agent_name="a"),
    ]
    counted = {key: entry.counted for key, entry in _entries(rows, rules).items()}
    assert counted == {"run": 1, "framework": 0, "unnamed": 0, "tool": 1, "again": 1}


def _call(span_id: str, begin: int, parent: str = "agent", **facts: object) -> SpanFacts:
    said = {"operation": "tool", "tool_name": "search", "status_code": "OK", "duration_ns": 10}
    return span(span_id, parent, timestamp=MOMENT + begin, **{**said, **facts})


def _retries(rows: list[SpanFacts], rules: Rules) -> set[str]:
    agents = [span(name, operation="agent", agent_name=name) for name in ("agent", "other")]
    return {key for key, entry in _entries([*agents, *rows], rules).items() if entry.retry}


def test_a_call_after_one_that_failed_is_a_retry(rules: Rules) -> None:
    rows = [_call("1", 0, status_code="ERROR"), _call("2", 10, status_code="ERROR"), _call("3", 20)]
    assert _retries(rows, rules) == {"2", "3"}


def test_a_call_that_began_before_the_failure_is_none(rules: Rules) -> None:
    assert _retries([_call("1", 0, status_code="ERROR"), _call("2", 9)], rules) == set()


def test_a_call_after_one_that_succeeded_is_none(rules: Rules) -> None:
    rows = [_call("1", 0, status_code="ERROR"), _call("2", 10), _call("3", 20)]
    assert _retries(rows, rules) == {"2"}


def test_calls_of_another_tool_or_another_run_are_none(rules: Rules) -> None:
    rows = [
        _call("1", 0, status_code="ERROR"),
        _call("2", 10, tool_name="read"),
        _call("3", 10, parent="other"),
        _call("4", 10, tool_name="", status_code="ERROR"),
        _call("5", 20, tool_name=""),
    ]
    assert _retries(rows, rules) == set()


def test_an_agent_told_twice_is_one_run(rules: Rules) -> None:
    rows = [
        span("told again", "agent", operation="agent", agent_name="agent"),
        _call("1", 0, status_code="ERROR"),
        _call("2", 10, parent="told again"),
    ]
    assert _retries(rows, rules) == {"2"}


def test_a_model_asked_again_is_a_retry_whichever_version_answers(rules: Rules) -> None:
    """A failed call has no model that answered."""
    asked = {"operation": "llm", "tool_name": "", "llm_request_model": "gpt-4o"}
    rows = [
        _call("1", 0, **asked, llm_model="gpt-4o", status_code="ERROR"),
        _call("2", 10, **asked, llm_model="gpt-4o-2024-08-06"),
    ]
    assert _retries(rows, rules) == {"2"}
