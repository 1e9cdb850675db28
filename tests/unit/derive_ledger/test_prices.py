"""The file of prices: which entry counts, and everything that is wrong with it said at once."""

from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_oracle import read_prices
from rak_services.derive.ledger import prices as prices_module
from rak_services.derive.ledger.costs import cost_of
from rak_services.derive.ledger.prices import (
    EXAMPLE_PRICES,
    Price,
    PriceError,
    PriceTable,
    load_prices,
)
from rak_services.derive.ledger.tokens import Tokens

EPOCH = date(1970, 1, 1)
TODAY = (date(2026, 11, 30) - EPOCH).days


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "prices.toml"


def _table(file: Path, entries: str) -> PriceTable:
    file.write_text(f'currency = "USD"\n{entries}', encoding="utf-8")
    return load_prices(str(file))


def _input(table: PriceTable, model: str, provider: str = "", day: int = TODAY) -> int | None:
    price = table.find(provider, model, day)
    return None if price is None else price.input


def _problems(file: Path, text: str) -> tuple[str, ...]:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(PriceError) as refused:
        load_prices(str(file))
    assert str(file) in str(refused.value)
    return refused.value.problems


def test_prices_are_exact_for_a_single_token(file: Path) -> None:
    """A millionth of a dollar for a million tokens is 10^-12 dollars for one."""
    table = _table(
        file,
        '[[price]]\nmodel = "m"\ninput = "0.000001"\noutput = "999999.999999"\ncache_read = "0"',
    )
    assert table.find("", "m", TODAY) == Price(1, 999_999_999_999, 0, None, 999_999_999_999)


def test_models_are_matched_whole_with_slashes_in_any_case(file: Path) -> None:
    table = _table(
        file,
        """
        [[price]]
        model = "meta-llama/Llama-3.1-70B*"
        input = "1"
        [[price]]
        model = ["gpt-4o", "gpt-4o-20*"]
        input = "2"
        """,
    )
    assert _input(table, "meta-llama/Llama-3.1-70B") == 1_000_000
    assert _input(table, "META-LLAMA/llama-3.1-70b-instruct") == 1_000_000
    assert _input(table, "other/meta-llama/Llama-3.1-70B") is None
    assert _input(table, "gpt-4o-2024-08-06") == 2_000_000
    assert _input(table, "gpt-4o-mini") is None


def test_the_first_entry_that_matches_counts(file: Path) -> None:
    """Also where it has no price of a kind that a later one has."""
    table = _table(
        file,
        """
        [[price]]
        model = "m*"
        provider = "azure*"
        input = "1"
        [[price]]
        model = "*"
        input = "2"
        output = "3"
        """,
    )
    assert table.find("Azure.openai", "m1", TODAY) == Price(1_000_000, None, None, None, None)
    assert _input(table, "m1", "openai") == 2_000_000
    assert _input(table, "m1") == 2_000_000


def test_days_are_in_utc_and_until_is_the_first_day_without(file: Path) -> None:
    table = _table(
        file,
        """
        [[price]]
        model = "m"
        until = 2026-03-01
        input = "1"
        [[price]]
        model = "m"
        from = 2026-03-02
        input = "2"
        """,
    )
    first = (date(2026, 3, 1) - EPOCH).days
    days = [_input(table, "m", day=day) for day in (0, first - 1, first, first + 1, TODAY)]
    assert days == [1_000_000, 1_000_000, None, 2_000_000, 2_000_000]


def test_reasoning_costs_what_output_does_unless_it_has_a_price(file: Path) -> None:
    table = _table(
        file,
        """
        [[price]]
        model = "a"
        output = "4"
        [[price]]
        model = "b"
        output = "4"
        reasoning = "9"
        """,
    )
    assert [price and price.reasoning for price in (table.find("", m, TODAY) for m in "ab")] == [
        4_000_000,
        9_000_000,
    ]


def test_everything_that_is_wrong_is_said_at_once(file: Path) -> None:
    problems = _problems(
        file,
        """
        currency = "EUR"
        discount = 3
        [[price]]
        model = "gpt-4o"
        input = 2.5
        output = "ten"
        cache_read = "0.1234567"
        cache_write = "-1"
        reasoning = "1000000"
        batch = "1"
        [[price]]
        model = ""
        provider = 7
        from = "2026-01-01"
        until = 2026-01-01T00:00:00Z
        input = "1"
        [[price]]
        model = ["a", 1]
        from = 2026-02-01
        until = 2026-02-01
        """,
    )
    expected = [
        ("discount", "expected currency and [[price]]"),
        ("currency", 'expected "USD"'),
        ("[[price]] 1 (model 'gpt-4o') batch", "unknown key"),
        ("[[price]] 1 (model 'gpt-4o') input", "as a text"),
        ("[[price]] 1 (model 'gpt-4o') output", "as a text"),
        ("[[price]] 1 (model 'gpt-4o') cache_read", "6 digits"),
        ("[[price]] 1 (model 'gpt-4o') cache_write", "as a text"),
        ("[[price]] 1 (model 'gpt-4o') reasoning", "6 digits"),
        ("[[price]] 2 (model '') from", "without quotes"),
        ("[[price]] 2 (model '') until", "a date such as"),
        ("[[price]] 2 (model '') model", "a pattern such as"),
        ("[[price]] 2 (model '') provider", "a pattern such as"),
        ("[[price]] 3 (model ['a', 1]) input", "at least one of"),
        ("[[price]] 3 (model ['a', 1]) until", "a day after from"),
        ("[[price]] 3 (model ['a', 1]) model", "a list of some"),
    ]
    assert len(problems) == len(expected)
    for problem, (subject, wanted) in zip(problems, expected, strict=True):
        assert subject in problem
        assert wanted in problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('currency = "USD"\nprice = 1', "price: expected tables [[price]]"),
        ("price = []", 'currency: expected "USD"'),
        ("= 1", "is not TOML"),
    ],
)
def test_a_file_of_another_form_is_refused(file: Path, text: str, problem: str) -> None:
    (said,) = _problems(file, text)
    assert said.startswith(problem)


def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(PriceError, match="cannot be read: No such file") as refused:
        load_prices(str(tmp_path / "absent.toml"))
    assert "absent.toml" in str(refused.value)


def test_the_example_is_read_without_a_path_and_says_what_it_is() -> None:
    table = load_prices("")
    assert _input(table, "gpt-4o-2024-08-06", "openai") == 2_500_000
    assert _input(table, "meta-llama/Llama-3.1-70B-Instruct-Turbo", "together_ai") == 880_000
    assert "EXAMPLE" in EXAMPLE_PRICES.read_text(encoding="utf-8").splitlines()[0]


def test_no_entry_of_the_example_is_hidden_by_those_before_it() -> None:
    """A name that each pattern matches finds that entry's own price."""
    table = load_prices("")
    for entry in read_prices(EXAMPLE_PRICES):
        patterns = [entry["model"]] if isinstance(entry["model"], str) else entry["model"]
        day = entry["from"] if "from" in entry else entry.get("until", date(2026, 11, 30))
        number = (day - EPOCH).days - (0 if "from" in entry else 1)
        for pattern in patterns:
            name = pattern.replace("[0-9]", "5").replace("[-@]", "-").replace("*", "")
            name = name.replace("[13]", "1").replace("[56]", "5").replace("[5678]", "5")
            price = table.find(entry.get("provider", "").replace("*", ""), name, number)
            assert price is not None
            for kind in ("input", "output", "cache_read", "cache_write"):
                stated = entry.get(kind)
                expected = None if stated is None else int(Fraction(stated) * 10**6)
                assert getattr(price, kind) == expected, (pattern, kind)


def test_what_was_found_is_remembered_within_bounds(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prices_module, "_MOST_REMEMBERED", 3)
    table = _table(file, '[[price]]\nmodel = "m"\ninput = "1"')
    found = [_input(table, name) for name in ("m", "a", "b", "c", "m", "a")]
    assert found == [1_000_000, None, None, None, 1_000_000, None]
    assert len(table._found) <= 3


def test_names_of_any_length_are_looked_for_and_not_remembered(file: Path) -> None:
    table = _table(file, '[[price]]\nmodel = "*"\ninput = "1"')
    for name in ("m" * 500, "m" * 501, "m" * 10_000_000):
        assert (_input(table, name) is None) == (len(name) > 500)
        assert (_input(table, "m", name) is None) == (len(name) > 500)
    assert {key for names in table._found for key in names if len(str(key)) > 500} == set()


@given(
    counts=st.tuples(*[st.integers(0, 10**12)] * 6),
    amounts=st.tuples(*[st.none() | st.integers(0, 10**12)] * 5),
)
def test_each_token_is_paid_once_or_unpriced_once(
    counts: tuple[int, ...], amounts: tuple[int | None, ...]
) -> None:
    """However cached and reasoning tokens relate to input and output."""
    tokens, price = Tokens(*counts), Price(*amounts)
    used = tokens.input_tokens + tokens.output_tokens + tokens.unsplit_tokens
    cost, unpriced = cost_of(tokens, price)
    at_one = Price(*(None if amount is None else 1 for amount in price))
    assert unpriced == used if all(amount is None for amount in price) else unpriced <= used
    assert sum(cost_of(tokens, at_one)) == used
    assert cost <= used * max((amount for amount in price if amount is not None), default=0)
