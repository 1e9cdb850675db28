"""What metrics know of one invocation: series that name it, and measurements made in it."""

import asyncio
from typing import Final

from rak_libs.clickhouse.select import Row
from rak_libs.model.time_text import MAX_NS
from rak_libs.model.time_window import HOUR_NS
from rak_services.query.budget import Budget
from rak_services.query.invocations.answers import (
    InvocationExemplar,
    InvocationMetrics,
    InvocationSeries,
)
from rak_services.query.invocations.metrics_sql import exemplars_sql, series_of_sql, series_sql
from rak_services.query.invocations.spans_sql import Times, Traces
from rak_services.query.metrics.exemplars import exemplar_of

_AROUND_NS: Final = HOUR_NS
"""How much earlier or later than the invocation a point may be that counts what happened in it."""


async def metrics_of(
    budget: Budget, invocation_id: str, traces: Traces | None, rows: int
) -> InvocationMetrics:
    """Return the first series and exemplars of an invocation; exemplars only of known traces.

    Raises:
        ClickHouseError: The engine cannot be asked.
    """
    times = None if traces is None else traces.times
    series, exemplars = await asyncio.gather(
        budget.select(series_sql(invocation_id, times, rows + 1), budget.left(1)),
        _exemplars(budget, invocation_id, traces, rows + 1),
    )
    complete = series is not None and exemplars is not None
    return InvocationMetrics(
        series=[_series(row) for row in (series or [])[:rows]],
        exemplars=(exemplars or [])[:rows],
        complete=complete and max(len(series or []), len(exemplars or [])) <= rows,
    )


async def _exemplars(
    budget: Budget, invocation_id: str, traces: Traces | None, rows: int
) -> list[InvocationExemplar] | None:
    if traces is None:
        return []
    times = traces.times
    around = Times(max(times.begin - _AROUND_NS, 0), min(times.end + _AROUND_NS, MAX_NS))
    found = await budget.select(
        exemplars_sql(invocation_id, traces.ids, around, rows), budget.left(1)
    )
    if not found:
        return None if found is None else []
    names, fingerprints = {row[0] for row in found}, {row[2] for row in found}
    known = await budget.select(series_of_sql(sorted(names), sorted(fingerprints)), budget.left(1))
    if known is None:
        return None
    by_key = {row[:2]: row[2:] for row in known}
    return [
        exemplar_of(InvocationExemplar, row[1:], by_key[row[0], row[2]], metric_name=row[0])
        for row in found
        if (row[0], row[2]) in by_key
    ]


def _series(row: Row) -> InvocationSeries:
    metric_name, fingerprint, metric_type, unit, service_name, labels = row
    return InvocationSeries(
        metric_name=metric_name,
        metric_type=metric_type,
        unit=unit,
        service_name=service_name,
        labels=labels,
        fingerprint=f"{fingerprint:016x}",
    )
