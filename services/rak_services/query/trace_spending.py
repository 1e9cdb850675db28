"""What traces spent, as the ledger has it, and whether it has come so far."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from rak_libs.clickhouse.parameters import Parameters
from rak_libs.model.ledger import LEDGER_PROGRESS
from rak_services.query.budget import Budget
from rak_services.query.ledger_conditions import LEDGER_SETTINGS
from rak_services.query.span_conditions import Conditions
from rak_services.query.spending import SPENDING_COLUMNS

COUNTS: Final = ("agent_runs", "llm_calls", "tool_calls")

_NOTHING: Final = (0,) * (len(COUNTS) + len(SPENDING_COLUMNS))


class TraceSpending(NamedTuple):
    """What one trace spent.

    Attributes:
        settled: Whether everything that is stored of the trace is counted.
        counts: The values of `COUNTS`.
        spent: Those of `SPENDING_COLUMNS`; 0 where nothing is counted yet.
    """

    settled: bool
    counts: Sequence[int]
    spent: Sequence[Any]


async def spending_of(
    budget: Budget, traces: Sequence[str], first_ns: int, last_ns: int
) -> Mapping[str, TraceSpending] | None:
    """Return what some traces spent; None when a limit of the engine was hit.

    Args:
        budget: The time of the question.
        traces: Their ids.
        first_ns: Begin of the first of their spans.
        last_ns: No span of them began later.

    Raises:
        ClickHouseError: The engine cannot be asked.
    """
    sums, settled = await asyncio.gather(
        budget.select(sums_sql(traces, first_ns, last_ns), budget.left(1)),
        budget.select(settled_sql(traces), budget.left(1)),
    )
    if sums is None or settled is None:
        return None
    by_trace = {trace_id: values for trace_id, *values in sums}
    settled_traces = {trace_id for trace_id, is_settled in settled if is_settled}
    found: dict[str, TraceSpending] = {}
    for trace_id in traces:
        values = by_trace.get(trace_id, _NOTHING)
        counts, spent = values[: len(COUNTS)], values[len(COUNTS) :]
        found[trace_id] = TraceSpending(trace_id in settled_traces, counts, spent)
    return found


def sums_sql(traces: Sequence[str], first_ns: int, last_ns: int) -> tuple[str, Parameters]:
    """Return the statement: id, those of `COUNTS`, those of `SPENDING_COLUMNS`."""
    conditions = Conditions()
    conditions.add("trace_id IN %(traces)s", traces=list(traces))
    conditions.add("timestamp >= fromUnixTimestamp64Nano(%(first)s, 'UTC')", first=first_ns)
    conditions.add("timestamp <= fromUnixTimestamp64Nano(%(last)s, 'UTC')", last=last_ns)
    sums = ",\n    ".join(f"sum({column})" for column in (*COUNTS, *SPENDING_COLUMNS))
    sql = f"""\
SELECT
    trace_id,
    {sums}
FROM trace_totals FINAL
WHERE {conditions.where()}
GROUP BY trace_id
{LEDGER_SETTINGS}
"""  # noqa: S608 - built from constants; values are bound
    return sql, conditions.parameters


def settled_sql(traces: Sequence[str]) -> tuple[str, Parameters]:
    """Return the statement: id, and whether the ledger counts all that is stored of the trace."""
    sql = """\
SELECT
    trace_id,
    max(inserted_at) < (SELECT max(seen_until) FROM derive_progress WHERE name = %(name)s)
FROM trace_times
WHERE trace_id IN %(traces)s
GROUP BY trace_id
"""
    return sql, {"name": LEDGER_PROGRESS, "traces": list(traces)}
