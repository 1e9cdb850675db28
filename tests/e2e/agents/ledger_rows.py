"""Reads the ledger and what is made of it, beside the query service, as the books are written."""

from collections.abc import Hashable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from e2e.agents.books import Sum, Usage, sums
from fleet import Fleet, select

# In the order of the fields of `Usage`, then of `Sum`.
SPENDING = (
    "input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens,"
    " unsplit_tokens, cost, unpriced_tokens"
)


def spending(row: tuple[Any, ...]) -> Sum:
    """Return the columns of `SPENDING` as the books sum up."""
    *tokens, cost, unpriced = row
    return Sum(Usage(*map(int, tokens)), Decimal(cost), int(unpriced))


def sums_by(key: str, started: Fleet, *, trace_id: str = "") -> dict[Hashable, Sum]:
    """Sum up what entries own by an expression of the ledger's columns, of one trace or of all.

    Keys that own nothing are left out, as the books do not have them.
    """
    condition = f"WHERE trace_id = '{trace_id}'" if trace_id else ""
    rows = select(started, f"SELECT {key}, {SPENDING} FROM ledger FINAL {condition}")
    return owned((row[0], spending(row[1:])) for row in rows)


def owned(items: Any) -> dict[Hashable, Sum]:
    """Add up by key, without the keys that come to nothing."""
    return {key: total for key, total in sums(items).items() if total != Sum()}


def day(moment: datetime) -> str:
    """Return a day in UTC as the engine writes it."""
    return moment.astimezone(UTC).date().isoformat()
