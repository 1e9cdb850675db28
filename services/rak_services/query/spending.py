"""What was spent: tokens by kind and money, in every answer that tells of them."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from rak_libs.model.ledger import COST_SCALE, TOKEN_KINDS

SPENDING_COLUMNS: Final = (*TOKEN_KINDS, "cost", "unpriced_tokens")
"""The columns of the ledger, of totals and of summaries that `Spending` shows, in its order."""

Cost = Annotated[
    str,
    Meta(
        description="US dollars as a decimal number without an exponent, exact. Where "
        "`unpriced_tokens` are not 0 it is a lower bound.",
        pattern=r"^-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?$",
        examples=["0.001234"],
    ),
]


class Spending(Struct, frozen=True, kw_only=True):
    """Tokens and money: each token is counted once, by the span that used it."""

    input_tokens: Annotated[
        int, Meta(description="Those read from and written to a cache are among them.")
    ]
    output_tokens: Annotated[int, Meta(description="Those spent on reasoning are among them.")]
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    unsplit_tokens: Annotated[
        int, Meta(description="Of spans that do not say how many of them were input.")
    ]
    cost: Cost
    unpriced_tokens: Annotated[int, Meta(description="Tokens that no price covers.")]


def spending_fields(values: Sequence[Any]) -> dict[str, Any]:
    """Return the fields of `Spending` by name.

    Args:
        values: Those of `SPENDING_COLUMNS`, in that order; the cost as for `cost_text`.
    """
    fields = dict(zip(SPENDING_COLUMNS, values, strict=True))
    fields["cost"] = cost_text(fields["cost"])
    return fields


def cost_text(cost: Decimal | int) -> str:
    """Return an amount of US dollars as a decimal number: exact, no exponent, at least "0".

    Args:
        cost: Dollars as a Decimal, or whole units of 10^-`COST_SCALE` dollars as an int.
    """
    if isinstance(cost, Decimal):
        text = f"{cost:f}"
    else:
        sign = "-" if cost < 0 else ""
        dollars, rest = divmod(abs(cost), 10**COST_SCALE)
        text = f"{sign}{dollars}.{rest:0{COST_SCALE}d}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
