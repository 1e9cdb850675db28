"""Whatever a trace looks like, its account is what the plain oracle says, and adds up."""

import random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ledger_oracle import ledger_of, read_prices
from ledger_traces import rows_of_one_trace, span
from rak_libs.model.ledger import MAX_TOKENS, TOKEN_KINDS
from rak_services.derive.ledger.accounting import Account, Rules, account_trace
from rak_services.derive.ledger.findings import findings_of
from rak_services.derive.ledger.prices import load_prices
from rak_services.derive.ledger.rows import SpanFacts
from rak_services.derive.ledger.tokens import Tokens
from rak_services.derive.ledger.tree import ROOT

PRICES = """
currency = "USD"

[[price]]
model = "GPT-4o"
provider = "openai"
input = "2.50"
output = "10"
cache_read = "1.25"

[[price]]
model = "gpt-4*"
until = 2026-06-01
input = "0.000001"
output = "1"
cache_read = "0"
cache_write = "0.3"
reasoning = "7"

[[price]]
model = "meta-llama/*"
from = 2026-05-31
until = 2026-06-02
input = "0.88"
output = "0.88"

[[price]]
model = "flat"
output = "999999.999999"
"""

REPORTED = TOKEN_KINDS[:5]
SUMS = (*TOKEN_KINDS, "cost", "unpriced_tokens")


@pytest.fixture(scope="module")
def price_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("prices") / "prices.toml"
    path.write_text(PRICES, encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def rules(price_file: str) -> Rules:
    return Rules(load_prices(price_file), version=7)


@settings(max_examples=200)
@given(rows=rows_of_one_trace())
def test_an_account_is_what_the_oracle_says(
    rows: list[SpanFacts], rules: Rules, price_file: str
) -> None:
    account = account_trace(rows, rules)
    expected = ledger_of(rows, read_prices(price_file), rules.version)
    assert account.entries == expected.entries
    assert account.totals == expected.totals


@given(rows=rows_of_one_trace(), seed=st.integers())
def test_neither_order_nor_repetition_of_rows_matters(
    rows: list[SpanFacts], seed: int, rules: Rules
) -> None:
    again = rows * 2
    random.Random(seed).shuffle(again)
    assert account_trace(again, rules) == account_trace(rows, rules)


@given(rows=rows_of_one_trace())
def test_sums_agree_over_spans_roots_and_totals(rows: list[SpanFacts], rules: Rules) -> None:
    """For every kind of tokens, for cost and for unpriced tokens."""
    account = account_trace(rows, rules)
    found = findings_of(rows, rules.prices)
    roots = [place for place, parent in enumerate(found.tree.parents) if parent == ROOT]
    below_roots = [(*found.tokens.total[place], *found.total_costs[place]) for place in roots]
    for name, of_roots in zip(SUMS, zip(*below_roots, strict=True), strict=True):
        own = [getattr(entry, name) for entry in account.entries]
        assert min(own, default=0) >= 0
        assert sum(own) == sum(of_roots)
        assert sum(own) == sum(getattr(total, name) for total in account.totals)


@given(rows=rows_of_one_trace())
def test_a_span_that_repeats_what_is_below_it_changes_no_sum(
    rows: list[SpanFacts], rules: Rules
) -> None:
    """Put above all roots, as a framework puts its agent, it owns nothing."""
    tree, _, _, _, tokens, _, _ = findings_of(rows, rules.prices)
    used = Tokens(*(sum(kind) for kind in zip(*tokens.own, strict=True)))
    assume(max(used) <= MAX_TOKENS)
    assume(used.cache_read_tokens + used.cache_write_tokens <= used.input_tokens)
    assume(used.reasoning_tokens <= used.output_tokens)
    assume(not used.unsplit_tokens or not (used.input_tokens or used.output_tokens))
    *counts, unsplit = used
    agent = span(
        "w", operation="agent", token_count=unsplit, **dict(zip(REPORTED, counts, strict=True))
    )
    beneath = [
        one._replace(parent_span_id="w" if parent == ROOT else tree.spans[parent].span_id)
        for one, parent in zip(tree.spans, tree.parents, strict=True)
    ]
    before, after = account_trace(rows, rules), account_trace([agent, *beneath], rules)
    for name in SUMS:
        assert _summed(after, name) == _summed(before, name)


def _summed(account: Account, name: str) -> int:
    return sum(getattr(entry, name) for entry in account.entries)
