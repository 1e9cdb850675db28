"""From rows of the statements to fields of answers."""

import math
from typing import Any, Final

from rak_libs.model.ledger import BUCKETS_OF_E
from rak_services.query.spending import SPENDING_COLUMNS, spending_fields

CALL_COLUMNS: Final = ("calls", "errors", "duration_ns_sum", "durations")
WORK_COLUMNS: Final = (*CALL_COLUMNS, *SPENDING_COLUMNS)
USE_COLUMNS: Final = ("calls", "errors", *SPENDING_COLUMNS)
FIRST_TOKEN_COLUMNS: Final = ("first_token_calls", "first_token_ns_sum", "first_tokens")

_Row = dict[str, Any]


def call_fields(row: _Row) -> _Row:
    """Return what became of calls and how long they took, of a row with `CALL_COLUMNS`."""
    calls, errors = row["calls"], row["errors"]
    median, high, highest = row["durations"]
    return {
        "errors": errors,
        "error_rate": errors / calls if calls else None,
        "duration_avg_ns": average(row["duration_ns_sum"], calls),
        "duration_p50_ns": quantile(median, calls),
        "duration_p95_ns": quantile(high, calls),
        "duration_p99_ns": quantile(highest, calls),
    }


def work_fields(row: _Row) -> _Row:
    """Return the fields of `Work`, of a row with `WORK_COLUMNS`."""
    return {**call_fields(row), **spent_fields(row)}


def spent_fields(row: _Row) -> _Row:
    """Return the fields of `Spending`, of a row with `SPENDING_COLUMNS`."""
    return spending_fields([row[name] for name in SPENDING_COLUMNS])


def use_fields(row: _Row) -> _Row:
    """Return calls, errors and the fields of `Spending`, of a row with `USE_COLUMNS`."""
    return {"calls": row["calls"], "errors": row["errors"], **spent_fields(row)}


def average(total: int, number: int) -> int | None:
    """Return the average, rounded down as the order of rows has it; None of nothing."""
    return total // number if number else None


def quantile(bucket: int, number: int) -> int | None:
    """Return the duration that a bucket of a summary stands for; None where there are none."""
    return round(math.exp(bucket / BUCKETS_OF_E)) if number else None
