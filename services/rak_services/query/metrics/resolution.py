"""From which rows a question is answered: the coarsest that give exactly the same numbers.

`rak-derive` says up to when the windows of its rollups are there. Points that came since it last
looked are looked for: hours that they touch are answered from points.
"""

from rak_libs.clickhouse.parameters import Parameters
from rak_libs.model.metric_rollups import METRICS_PROGRESS, PROGRESS
from rak_libs.model.time_window import HOUR_NS
from rak_services.query.endpoint import Store
from rak_services.query.metrics.groups import Kind
from rak_services.query.metrics.plan import Plan
from rak_services.query.metrics.points_sql import point_table
from rak_services.query.metrics.segments import (
    LOOKBACK_NS,
    RAW,
    Segment,
    clean_ranges,
    exact_resolutions,
    segments_of,
)


async def find_segments(store: Store, plan: Plan, kind: Kind) -> list[Segment]:
    """Return the parts of a question's range of time, in order, as few as can be."""
    whole = [Segment(RAW, plan.since_ns, plan.end_ns)]
    exact = exact_resolutions(plan, kind)
    if not exact:
        return whole
    progress = await store.pool.select(*progress_sql())
    if not progress:
        return whole
    ((seen_until_ms, complete_until_ns),) = progress
    until = min(complete_until_ns, plan.end_ns)
    if until <= plan.since_ns:
        return whole
    late = await store.pool.select(*late_hours_sql(plan, kind, seen_until_ms, until))
    clean = clean_ranges(plan.since_ns, until, (hour for (hour,) in late))
    return segments_of(plan, clean, exact)


def progress_sql() -> tuple[str, Parameters]:
    """Return the statement: up to which moment (ms) and window (ns) rollups are; no row: none."""
    sql = f"""\
SELECT toUnixTimestamp64Milli(seen_until), toUnixTimestamp64Nano(complete_until)
FROM {PROGRESS.name}
WHERE name = %(progress)s
ORDER BY seen_until DESC, complete_until DESC
LIMIT 1
"""  # noqa: S608 - built from constants; values are bound
    return sql, {"progress": METRICS_PROGRESS}


def late_hours_sql(
    plan: Plan, kind: Kind, seen_until_ms: int, until_ns: int
) -> tuple[str, Parameters]:
    """Return the statement: hours (their begin, ns) with points that no rollup has counted yet."""
    sql = f"""\
SELECT intDiv(toUnixTimestamp64Nano(timestamp), {HOUR_NS}) * {HOUR_NS} AS hour
FROM {point_table(kind)}
WHERE metric_name = %(metric_name)s
    AND timestamp >= fromUnixTimestamp64Nano(%(since)s, 'UTC')
    AND timestamp < fromUnixTimestamp64Nano(%(until)s, 'UTC')
    AND inserted_at > fromUnixTimestamp64Milli(%(seen_until)s, 'UTC')
GROUP BY hour
"""  # noqa: S608 - built from constants; values are bound
    return sql, {
        "metric_name": plan.selector.metric_name,
        "since": max(plan.since_ns - LOOKBACK_NS, 0),
        "until": until_ns,
        "seen_until": seen_until_ms,
    }
