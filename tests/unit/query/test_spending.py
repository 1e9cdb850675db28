"""Money in answers: exact decimal texts."""

import re
from decimal import Decimal, localcontext

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rak_libs.model.ledger import COST_SCALE, TOKEN_KINDS
from rak_services.query.spending import SPENDING_COLUMNS, Spending, cost_text, spending_fields

UNIT = Decimal(1).scaleb(-COST_SCALE)
MOST_UNITS = 10**38 - 1
"""The most that the column of costs holds."""


@pytest.mark.parametrize(
    ("cost", "text"),
    [
        (Decimal(0), "0"),
        (Decimal("0E-12"), "0"),
        (Decimal("-0"), "0"),
        (Decimal("0.000000000001"), "0.000000000001"),
        (Decimal("1E-12"), "0.000000000001"),
        (Decimal("0.001234000000"), "0.001234"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1200.000000000000"), "1200"),
        (Decimal("-0.5"), "-0.5"),
        (0, "0"),
        (1, "0.000000000001"),
        (10**12, "1"),
        (1_234_000_000, "0.001234"),
        (100 * 10**12, "100"),
        (-500_000_000_000, "-0.5"),
    ],
)
def test_a_cost_is_a_plain_decimal_number(cost: Decimal | int, text: str) -> None:
    assert cost_text(cost) == text


@given(st.integers(-MOST_UNITS, MOST_UNITS))
def test_a_cost_is_exact_and_one_amount_has_one_text(units: int) -> None:
    with localcontext(prec=60):
        dollars = units * UNIT
        assert Decimal(cost_text(units)) == dollars
        assert cost_text(dollars) == cost_text(units)
    (annotation,) = [f.type for f in msgspec.structs.fields(Spending) if f.name == "cost"]
    assert re.fullmatch(annotation.__metadata__[0].pattern, cost_text(units))


def test_the_columns_of_a_row_become_fields() -> None:
    fields = spending_fields([1, 2, 3, 4, 5, 6, Decimal("0.250000000000"), 7])
    assert Spending(**fields) == Spending(
        input_tokens=1,
        output_tokens=2,
        cache_read_tokens=3,
        cache_write_tokens=4,
        reasoning_tokens=5,
        unsplit_tokens=6,
        cost="0.25",
        unpriced_tokens=7,
    )


def test_every_kind_of_token_that_the_ledger_knows_is_shown() -> None:
    assert tuple(field.name for field in msgspec.structs.fields(Spending)) == SPENDING_COLUMNS
    assert set(TOKEN_KINDS) < set(SPENDING_COLUMNS)
