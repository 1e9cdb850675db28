"""The statements that compute values of windows from points or rollups: plain SQL, for every kind.

Three levels. *Parts* say what the points of one step do (a sum, a count, the latest), by group or
by series; parts of steps and of segments add up to those of windows; the function makes a number of
the parts, and where series are told apart, the aggregation across them one of the numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rak_libs.clickhouse.parameters import Parameter, Parameters
from rak_libs.model.time_text import SECOND_NS
from rak_services.query.metrics.members import Members
from rak_services.query.metrics.plan import Plan
from rak_services.query.metrics.points_sql import (
    exponential_sql,
    grown_numbers_sql,
    histograms_sql,
    numbers_sql,
    points_parameters,
    reported_quantiles_sql,
    summaries_sql,
)
from rak_services.query.metrics.rollups_sql import rollup_sql
from rak_services.query.metrics.segments import RAW, Segment

COUNTED_TYPES: Final = frozenset({"HISTOGRAM", "EXPONENTIAL_HISTOGRAM", "SUMMARY"})
"""Types whose points count observations instead of being one."""


_GROWTHS: Final = frozenset({"rate", "increase"})
_TIMES: Final = frozenset({"since", "read_since", "until"})


@dataclass(frozen=True, slots=True)
class Part:
    """What points of a step do, in a form that adds up.

    Attributes:
        name: The column that holds it.
        of_points: How it comes from points.
        of_steps: How it comes from those of several steps, which are called `step_<name>`.
        of_rollup: How it comes from rows of a rollup; '' where it is as from points.
    """

    name: str
    of_points: str
    of_steps: str
    of_rollup: str = ""


@dataclass(frozen=True, slots=True)
class Function:
    """A range function: the parts it needs, and the number that it makes of them."""

    parts: tuple[Part, ...]
    value: str


_TOTAL: Final = Part("total", "sum(number)", "sum(step_total)", "sum(rolled_sum)")
_POINTS: Final = Part("points", "count()", "sum(step_points)", "sum(rolled_points)")
_LEAST: Final = Part("least", "min(number)", "min(step_least)", "min(rolled_min)")
_GREATEST: Final = Part("greatest", "max(number)", "max(step_greatest)", "max(rolled_max)")
_GROWN: Final = Part("grown", "sum(growth)", "sum(step_grown)", "sum(rolled_increase)")
_GROWTH: Final = Part("grown", "sum(growth)", "sum(step_grown)")
_SUM_GROWTH: Final = Part("grown_sum", "sum(sum_growth)", "sum(step_grown_sum)")
_SUM_MISSING: Final = Part("missing", "countIf(isNull(sum_growth))", "sum(step_missing)")
_LATEST: Final = Part(
    "latest",
    "argMax(number, at)",
    "argMax(step_latest, step_newest)",
    "argMax(rolled_last, rolled_last_at)",
)
_NEWEST: Final = Part("newest", "max(at)", "max(step_newest)", "max(rolled_last_at)")
_NUMBERS: Final = Part(
    "numbers", "groupArrayIf(number, NOT isNaN(number))", "groupArrayArray(step_numbers)"
)

OF_NUMBERS: Final = {
    "avg": Function((_TOTAL, _POINTS), "total / points"),
    "sum": Function((_TOTAL,), "total"),
    "min": Function((_LEAST,), "least"),
    "max": Function((_GREATEST,), "greatest"),
    "count": Function((_POINTS,), "points"),
    "last": Function((_LATEST, _NEWEST), "latest"),
    "increase": Function((_GROWN,), "grown"),
    "rate": Function((_GROWN,), "grown / %(window_seconds)s"),
    "quantile": Function(
        (_NUMBERS,),
        "if(empty(numbers), NULL, arrayReduce('quantileExactInclusive(%(quantile)s)', numbers))",
    ),
}
OF_COUNTS: Final = {
    "avg": Function(
        (_SUM_GROWTH, _SUM_MISSING, _GROWTH),
        "if(missing > 0 OR grown = 0, NULL, grown_sum / grown)",
    ),
    "sum": Function((_SUM_GROWTH, _SUM_MISSING), "if(missing > 0, NULL, grown_sum)"),
    "min": Function((Part("least", "min(lowest)", "min(step_least)"),), "least"),
    "max": Function((Part("greatest", "max(highest)", "max(step_greatest)"),), "greatest"),
    "count": Function((_GROWTH,), "grown"),
    "increase": Function((_GROWTH,), "grown"),
    "rate": Function((_GROWTH,), "grown / %(window_seconds)s"),
}


def values_sql(members: Members, segments: Sequence[Segment]) -> tuple[str, Parameters]:
    """Return the statement for the values of a kind: group number, steps, values.

    Steps are counted from 1970 (their begin divided by their length).
    """
    plan, function = members.plan, _function(members)
    added = len(segments) > 1 or plan.steps_in_window > 1
    text, parameters = union_sql(
        [_steps(members, segment, "step_" if added else "") for segment in segments]
    )
    if added:
        text = _windows(function, _keys(plan), text)
        parameters |= window_parameters(plan)
    value = f"toFloat64({function.value})"
    if plan.aggregation.function == "rate":
        parameters["window_seconds"] = plan.window_ns / SECOND_NS
    if plan.aggregation.quantile is not None:
        parameters["quantile"] = plan.aggregation.quantile
    if not plan.is_pooled:
        text, value = _across(plan, text, value), "across_series"
    sql = f"""\
SELECT group_number, groupArray(step), groupArray(assumeNotNull(number_of_step)) AS values
FROM (
SELECT group_number, step, {value} AS number_of_step
FROM (
{text}
)
)
WHERE isNotNull(number_of_step)
GROUP BY group_number
{top_sql(plan, "values")}"""
    return sql, parameters


def top_sql(plan: Plan, values: str) -> str:
    """Return the end of a statement that leaves the top groups by the mean of their values."""
    if plan.top is None:
        return ""
    return f"""\
ORDER BY arrayAvg(arrayFilter(value -> NOT isNaN(value), {values})) DESC, group_number
LIMIT {plan.top:d}
"""


def union_sql(
    queries: Sequence[tuple[str, dict[str, Parameter]]],
) -> tuple[str, dict[str, Parameter]]:
    """Return the rows of several queries, and the values of all placeholders.

    Each query has times of its own: the names of their placeholders get its number.
    """
    texts: list[str] = []
    parameters: dict[str, Parameter] = {}
    for number, (query, bound) in enumerate(queries):
        text = query
        for name, value in bound.items():
            own = f"{name}_{number}" if name in _TIMES else name
            text = text.replace(f"%({name})s", f"%({own})s")
            parameters[own] = value
        texts.append(text)
    return "\nUNION ALL\n".join(texts), parameters


def window_parameters(plan: Plan) -> dict[str, Parameter]:
    """Return what a query that adds steps up to windows must know."""
    return {
        "steps_in_window": plan.steps_in_window,
        "first_step": plan.begin_ns // plan.step_ns,
        "last_step": plan.end_ns // plan.step_ns - 1,
    }


def _function(members: Members) -> Function:
    name = members.plan.aggregation.function
    if members.kind.metric_type not in COUNTED_TYPES:
        return OF_NUMBERS[name]
    # A summary reports quantiles itself: the latest of a window says most.
    return OF_NUMBERS["last"] if name == "quantile" else OF_COUNTS[name]


def _keys(plan: Plan) -> str:
    return "group_number" if plan.is_pooled else "group_number, fingerprint"


def _steps(members: Members, segment: Segment, prefix: str) -> tuple[str, dict[str, Parameter]]:
    """Return the query of what each step of a segment has: keys, step, parts."""
    plan, kind = members.plan, members.kind
    raw = segment.resolution == RAW
    rows = _points(members) if raw else rollup_sql(kind, segment, members.condition, buckets=False)
    growth = kind.metric_type in COUNTED_TYPES or plan.aggregation.function in _GROWTHS
    parameters = points_parameters(plan.selector.metric_name, kind, segment, growth=growth)
    if not raw:
        del parameters["read_since"]
    parts = ",\n    ".join(
        f"{part.of_points if raw else part.of_rollup or part.of_points} AS {prefix}{part.name}"
        for part in _function(members).parts
    )
    keys = _keys(plan)
    shown = keys.replace("group_number", f"{members.group_number} AS group_number", 1)
    sql = f"""\
SELECT {shown}, intDiv(at, %(step)s) AS step,
    {parts}
FROM {members.joined(rows)}
GROUP BY {keys}, step"""
    return sql, {**parameters, **members.parameters, "step": plan.step_ns}


def _points(members: Members) -> str:
    plan, kind, of = members.plan, members.kind, members.condition
    match kind.metric_type:
        case "HISTOGRAM":
            return histograms_sql(kind, of, buckets=False)
        case "EXPONENTIAL_HISTOGRAM":
            return exponential_sql(kind, of, buckets=False)
        case "SUMMARY" if plan.aggregation.function == "quantile":
            return reported_quantiles_sql(of)
        case "SUMMARY":
            return summaries_sql(kind, of)
        case _ if plan.aggregation.function in _GROWTHS:
            return grown_numbers_sql(kind, of)
        case _:
            return numbers_sql(of)


def _windows(function: Function, keys: str, steps: str) -> str:
    """Return the query that adds steps up to windows: each counts for those that end later."""
    parts = ",\n    ".join(f"{part.of_steps} AS {part.name}" for part in function.parts)
    return f"""\
SELECT {keys}, window_step AS step,
    {parts}
FROM (
SELECT *, step + arrayJoin(range(%(steps_in_window)s)) AS window_step
FROM (
{steps}
)
)
WHERE window_step >= %(first_step)s AND window_step <= %(last_step)s
GROUP BY {keys}, window_step"""


def _across(plan: Plan, windows: str, value: str) -> str:
    """Return the query of one value for a group's series: group_number, step, across_series."""
    across = "nullIf(count(value), 0)" if plan.across == "count" else f"{plan.across}(value)"
    return f"""\
SELECT group_number, step, toFloat64({across}) AS across_series
FROM (
SELECT group_number, step, {value} AS value
FROM (
{windows}
)
)
GROUP BY group_number, step"""
