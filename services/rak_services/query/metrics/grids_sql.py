"""Values of counters and gauges by `timeSeries…ToGrid`: as the plain statements, in less time.

These functions of ClickHouse look at the points of a series once for all windows, count points of
one time once, and take the greatest of them, as the rule of `rak_libs.model.metric_rollups` says.
They look at (t - window, t] for each t of a grid; with times of whole nanoseconds, that is
[begin, end) for t = end - 1. They are not part of what the engine promises to keep: `grid_probe`
asks before they are used.
"""

from typing import Final

from rak_libs.clickhouse.parameters import Parameters
from rak_libs.model.time_text import SECOND_NS
from rak_services.query.metrics.groups import Kind
from rak_services.query.metrics.members import Members
from rak_services.query.metrics.plan import Plan
from rak_services.query.metrics.points_sql import RECORDED_NUMBER
from rak_services.query.metrics.values_sql import COUNTED_TYPES, top_sql

GRID_FUNCTIONS: Final = {
    "avg": ("Sum", "Count"),
    "sum": ("Sum",),
    "min": ("Min",),
    "max": ("Max",),
    "count": ("Count",),
    "last": ("Last",),
}
"""The functions of the engine that each range function is made of."""

_GRID: Final = """\
timeSeries{function}ToGrid(
            fromUnixTimestamp64Nano(%(first_grid)s, 'UTC'),
            fromUnixTimestamp64Nano(%(last_grid)s, 'UTC'), %(step_seconds)s, %(window_seconds)s
        )(timestamp, value) AS grid_{function}"""


def has_grids(plan: Plan, kind: Kind) -> bool:
    """Whether the values of a kind can be computed on grids: these know whole seconds only."""
    return (
        kind.metric_type not in COUNTED_TYPES
        and plan.aggregation.function in GRID_FUNCTIONS
        and plan.step_ns % SECOND_NS == 0
    )


def grids_sql(members: Members) -> tuple[str, Parameters]:
    """Return the statement for the values of a kind: group number, a value or NULL for each step.

    `has_grids` holds for its plan and kind.
    """
    plan = members.plan
    functions = GRID_FUNCTIONS[plan.aggregation.function]
    grids = ",\n        ".join(_GRID.format(function=function) for function in functions)
    points = f"""\
    SELECT
        fingerprint,
        {grids}
    FROM metric_samples
    WHERE metric_name = %(metric_name)s
        AND timestamp >= fromUnixTimestamp64Nano(%(since)s, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(%(until)s, 'UTC')
        AND {RECORDED_NUMBER}
        AND {members.condition}
    GROUP BY fingerprint"""
    sql = f"""\
SELECT {members.group_number} AS group_number, {_across(plan)} AS values
FROM {members.joined(points)}
GROUP BY group_number
{top_sql(plan, "arrayMap(value -> ifNull(value, nan), values)")}"""
    return sql, {
        **members.parameters,
        "metric_name": plan.selector.metric_name,
        "since": plan.since_ns,
        "until": plan.end_ns,
        "first_grid": plan.begin_ns + plan.step_ns - 1,
        "last_grid": plan.end_ns - 1,
        "step_seconds": plan.step_ns // SECOND_NS,
        "window_seconds": plan.window_ns // SECOND_NS,
    }


def _across(plan: Plan) -> str:
    """Return the expression that makes one grid of those of a group's series."""
    if plan.across == "points":
        return _quotient("sumForEach(grid_Sum)", "sumForEach(grid_Count)")
    grid = "grid_" + GRID_FUNCTIONS[plan.aggregation.function][0]
    if plan.aggregation.function == "avg":
        grid = _quotient("grid_Sum", "grid_Count")
    if plan.across == "count":
        return f"arrayMap(series -> nullIf(series, 0), countForEach({grid}))"
    return f"{plan.across}ForEach({grid})"


def _quotient(totals: str, counts: str) -> str:
    return f"arrayMap((total, points) -> total / points, {totals}, {counts})"
