"""Reads the ledger and what is made of it, beside the query service, as the books are written."""

from collections.abc import Hashable
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from e2e.agents.books import Sum, Usage, sums
from fleet import Fleet, lag_is_zero, select, wait_until

SECONDS = 60

# In the order of the fields of `Usage`, then of `Sum`.
SPENDING = (
    "input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens,"
    " unsplit_tokens, cost, unpriced_tokens"
)


def spending(row: tuple[Any, ...]) -> Sum:
    """Return the columns of `SPENDING` as the books sum up."""
    *tokens, cost, unpriced = row
    return Sum(Usage(*map(int, tokens)), Decimal(cost), int(unpriced))


def wait_settled(started: Fleet) -> None:
    """Wait until everything sent so far is written, and the ledger has all that was."""
    wait_until(partial(lag_is_zero, started), "what was sent is written", seconds=SECONDS)
    ((now,),) = select(started, "SELECT now64(3, 'UTC')")

    def settled() -> bool:
        ((seen,),) = select(
            started, "SELECT max(seen_until) FROM derive_progress WHERE name = 'ledger'"
        )
        return bool(seen > now)

    wait_until(settled, "the ledger has what was written", seconds=SECONDS, every=0.2)


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
