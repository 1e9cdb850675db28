"""Rows of traces for tests of the ledger, written out or drawn at random, and what came of them."""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from rak_services.derive.ledger.accounting import Account
from rak_services.derive.ledger.rows import SpanFacts, TraceTotal

SECOND = 1_000_000_000
MOMENT = 1_780_272_000 * SECOND
"""2026-06-01 00:00 UTC."""

OPERATIONS = ("", "llm", "llm", "agent", "agent", "tool", "embedding", "retrieval", "workflow")

_EMPTY = {name: "" if kind is str else 0 for name, kind in SpanFacts.__annotations__.items()}


def span(span_id: str, parent: str = "", **facts: Any) -> SpanFacts:
    """A row of the trace `t`; whatever is not said is empty."""
    said = {"trace_id": "t", "timestamp": MOMENT, "service_name": "agents", **facts}
    return SpanFacts(**{**_EMPTY, "span_id": span_id, "parent_span_id": parent, **said})


def agent_span(span_id: str, parent: str = "", **facts: Any) -> SpanFacts:
    """A run of an agent."""
    return span(span_id, parent, operation="agent", **facts)


def llm_span(span_id: str, parent: str = "", **facts: Any) -> SpanFacts:
    """A call of the model `gpt-4o`."""
    return span(span_id, parent, **{"operation": "llm", "llm_model": "gpt-4o", **facts})


def tool_span(span_id: str, parent: str = "", **facts: Any) -> SpanFacts:
    """A call of the tool `search`."""
    return span(span_id, parent, **{"operation": "tool", "tool_name": "search", **facts})


def owned(account: Account) -> dict[str, int]:
    """Input, output and unsplit tokens of the spans that own any."""
    owned = {
        entry.span_id: entry.input_tokens + entry.output_tokens + entry.unsplit_tokens
        for entry in account.entries
    }
    return {span_id: tokens for span_id, tokens in owned.items() if tokens}


def dollars(account: Account) -> Decimal:
    """What all entries cost."""
    return Decimal(sum(entry.cost for entry in account.entries)).scaleb(-12)


def only_total(account: Account) -> TraceTotal:
    """The totals of a trace of one session and user."""
    (total,) = account.totals
    return total


def _word(*words: str) -> st.SearchStrategy[str]:
    return st.sampled_from(("", *words))


def _count(most: int = 50) -> st.SearchStrategy[int]:
    return st.just(0) | st.integers(0, most)


def rows_of_one_trace(most: int = 7) -> st.SearchStrategy[list[SpanFacts]]:
    """Rows of the trace `t`: any shape, some spans twice, in cycles or without their parent."""
    identity = st.sampled_from(["", *(f"s{number}" for number in range(most))])
    hour_and_a_day = st.integers(-3600, 86_400)
    row = st.fixed_dictionaries(
        {
            "parent": st.just("absent") | identity | identity | identity,
            "timestamp": hour_and_a_day.map(lambda seconds: MOMENT + seconds * SECOND)
            | st.integers(MOMENT, MOMENT + 5),
            "duration_ns": st.sampled_from([0, 1, 2, SECOND, 7200 * SECOND, 2**63]),
            "service_name": st.sampled_from(["agents", "tools"]),
            "status_code": st.sampled_from(["UNSET", "OK", "ERROR"]),
            "operation": st.sampled_from(OPERATIONS),
            "invocation_id": _word("i1", "i2"),
            "session_id": _word("", "", "one", "other"),
            "user_id": _word("", "", "ann", "bob"),
            "conversation_id": _word("c"),
            "agent_name": _word("planner", "writer"),
            "llm_model": _word("gpt-4o", "meta-llama/Llama-3.1-70B", "unknown"),
            "llm_request_model": _word("gpt-4o", "flat"),
            "llm_system": _word("openai", "anthropic", "gcp.gemini"),
            "tool_name": _word("search"),
            "input_tokens": _count() | st.sampled_from([10**12, 10**12 + 1, 2**64 - 1]),
            "output_tokens": _count(),
            "cache_read_tokens": _count(),
            "cache_write_tokens": _count(),
            "reasoning_tokens": _count(),
            "token_count": _count(100),
            "scope_name": _word("pydantic-ai", "strands.telemetry.tracer", "gcp.vertex.agent"),
            "scope_version": _word("1.20.0", "2.3.0"),
            "ingested_at": st.integers(0, 2),
            "llm_response_id": _word("answer"),
        }
    )
    rows = st.tuples(identity, row).map(lambda drawn: span(drawn[0], **drawn[1]))
    return st.lists(rows, min_size=1, max_size=2 * most)
