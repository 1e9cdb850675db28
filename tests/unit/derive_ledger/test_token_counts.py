"""Counts of tokens: which are believed, what providers mean by them, and what they cost."""

from decimal import Decimal

from ledger_traces import agent_span, dollars, llm_span, only_total, owned
from rak_libs.model.ledger import MAX_TOKENS
from rak_services.derive.ledger.accounting import Rules, account_trace


def test_a_count_that_cannot_be_is_none(rules: Rules) -> None:
    rows = [
        llm_span("hostile", input_tokens=2**64 - 1, output_tokens=MAX_TOKENS + 1),
        llm_span("large", input_tokens=MAX_TOKENS),
    ]
    assert owned(account_trace(rows, rules)) == {"large": MAX_TOKENS}


def test_anthropic_counts_cached_tokens_beside_the_input(rules: Rules) -> None:
    """10 plain, 1000 read and 100 written: the price of each is paid once."""
    call = llm_span(
        "call",
        llm_model="claude-sonnet-4-5",
        llm_system="anthropic",
        input_tokens=10,
        cache_read_tokens=1000,
        cache_write_tokens=100,
    )
    account = account_trace([call], rules)
    assert only_total(account).input_tokens == 1110
    assert dollars(account) == Decimal("0.000705")


def test_instrumentations_that_put_that_right_are_taken_at_their_word(rules: Rules) -> None:
    call = llm_span(
        "call",
        llm_model="claude-sonnet-4-5",
        llm_system="anthropic",
        scope_name="pydantic-ai",
        input_tokens=1110,
        cache_read_tokens=1000,
        cache_write_tokens=100,
    )
    account = account_trace([call], rules)
    assert only_total(account).input_tokens == 1110
    assert dollars(account) == Decimal("0.000705")


def test_cached_tokens_of_openai_are_among_its_input(rules: Rules) -> None:
    call = llm_span("call", llm_system="openai", input_tokens=1000, cache_read_tokens=600)
    account = account_trace([call], rules)
    assert only_total(account).input_tokens == 1000
    assert dollars(account) == Decimal("0.00175")


def test_more_cached_than_input_tokens_are_beside_them_whoever_says_so(rules: Rules) -> None:
    call = llm_span("call", llm_system="openai", input_tokens=10, cache_read_tokens=600)
    assert only_total(account_trace([call], rules)).input_tokens == 610


def test_thoughts_of_gemini_are_beside_its_output(rules: Rules) -> None:
    call = llm_span(
        "call", llm_system="gcp.gemini", input_tokens=5, output_tokens=100, reasoning_tokens=40
    )
    total = only_total(account_trace([call], rules))
    assert (total.output_tokens, total.reasoning_tokens) == (140, 40)


def test_tokens_without_a_price_are_unpriced_never_free(rules: Rules) -> None:
    rows = [
        llm_span("unknown", llm_model="local", input_tokens=100, output_tokens=10),
        llm_span("no price of the kind", input_tokens=30, cache_write_tokens=20),
        llm_span("no model", llm_model="", input_tokens=1),
    ]
    account = account_trace(rows, rules)
    assert only_total(account).unpriced_tokens == 110 + 20 + 1
    assert dollars(account) == Decimal("0.000025")


def test_a_model_without_price_is_priced_as_the_one_that_was_asked(rules: Rules) -> None:
    call = llm_span("call", llm_model="gpt-4o-new", llm_request_model="gpt-4o", input_tokens=1000)
    account = account_trace([call], rules)
    assert dollars(account) == Decimal("0.0025")
    assert account.entries[0].llm_model == "gpt-4o-new"


def test_a_bare_count_of_tokens_is_neither_input_nor_output(rules: Rules) -> None:
    """It has a price only where input and output cost the same."""
    rows = [llm_span("some", token_count=100), llm_span("flat", llm_model="flat", token_count=100)]
    account = account_trace(rows, rules)
    total = only_total(account)
    assert (total.input_tokens, total.output_tokens, total.unsplit_tokens) == (0, 0, 200)
    assert total.unpriced_tokens == 100
    assert dollars(account) == Decimal("0.00005")


def test_a_bare_count_above_input_and_output_repeats_them(rules: Rules) -> None:
    rows = [
        agent_span("agent", token_count=150),
        llm_span("call", "agent", input_tokens=80, output_tokens=20),
        llm_span("other", "agent", token_count=30),
    ]
    assert owned(account_trace(rows, rules)) == {"agent": 20, "call": 100, "other": 30}


def test_input_and_output_above_a_bare_count_repeat_it(rules: Rules) -> None:
    """What is left of them is taken to be the cheaper input: a cost stays a lower bound."""
    rows = [
        agent_span("agent", input_tokens=300, output_tokens=100, llm_model="gpt-4o"),
        llm_span("call", "agent", token_count=350),
    ]
    account = account_trace(rows, rules)
    assert owned(account) == {"agent": 50, "call": 350}
    assert account.entries[0].input_tokens == 50


def test_cached_tokens_that_only_the_parent_tells_of_are_not_paid_again(rules: Rules) -> None:
    """The call below was paid at the full price; the parent's own input is none."""
    rows = [
        agent_span("agent", llm_model="gpt-4o", input_tokens=1000, cache_read_tokens=800),
        llm_span("call", "agent", input_tokens=1000),
    ]
    account = account_trace(rows, rules)
    assert dollars(account) == Decimal("0.0025")
    assert only_total(account).cache_read_tokens == 800
