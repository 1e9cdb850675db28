"""The statements that add up the buckets of histograms by windows; quantiles are made of them."""

from collections.abc import Sequence
from typing import Final

from rak_libs.clickhouse.parameters import Parameter, Parameters
from rak_services.query.metrics.members import Members
from rak_services.query.metrics.points_sql import (
    exponential_sql,
    histograms_sql,
    points_parameters,
)
from rak_services.query.metrics.rollups_sql import rollup_sql
from rak_services.query.metrics.segments import RAW, Segment
from rak_services.query.metrics.values_sql import union_sql, window_parameters

_WINDOW_STEP: Final = "step + arrayJoin(range(%(steps_in_window)s))"

_EXPLICIT_STEPS: Final = """\
SELECT {group_number} AS group_number, bounds, intDiv(at, %(step)s) AS step,
    sumForEach(bucket_growth) AS step_buckets
FROM {source}
GROUP BY group_number, bounds, step"""

_EXPONENTIAL_STEPS: Final = """\
SELECT {group_number} AS group_number, intDiv(at, %(step)s) AS step, gain.2 AS step_scale,
    max(threshold) AS step_threshold,
    sum(gain.3) AS step_zeros,
    sumMap(gain.4, gain.5) AS step_positive,
    sumMap(gain.6, gain.7) AS step_negative
FROM {source}
ARRAY JOIN gains AS gain
GROUP BY group_number, step, step_scale"""


def explicit_sql(members: Members, segments: Sequence[Segment]) -> tuple[str, Parameters]:
    """Return the statement for explicit buckets: group number, bounds, steps, buckets of each."""
    text, parameters = union_sql(
        [_steps(members, segment, _EXPLICIT_STEPS) for segment in segments]
    )
    sql = f"""\
SELECT group_number, bounds, groupArray(window_step), groupArray(buckets)
FROM (
SELECT group_number, bounds, {_WINDOW_STEP} AS window_step, sumForEach(step_buckets) AS buckets
FROM (
{text}
)
GROUP BY group_number, bounds, window_step
HAVING window_step >= %(first_step)s AND window_step <= %(last_step)s
)
GROUP BY group_number, bounds
ORDER BY group_number, bounds
"""
    return sql, {**parameters, **window_parameters(members.plan)}


def exponential_windows_sql(
    members: Members, segments: Sequence[Segment]
) -> tuple[str, Parameters]:
    """Return the statement for exponential buckets: group number, parts of windows.

    A part: step, scale, threshold, zeros, positive indexes and counts, negative ones.
    """
    text, parameters = union_sql(
        [_steps(members, segment, _EXPONENTIAL_STEPS) for segment in segments]
    )
    sql = f"""\
SELECT group_number, groupArray(
    (window_step, step_scale, threshold, zeros, positive.1, positive.2, negative.1, negative.2))
FROM (
SELECT group_number, {_WINDOW_STEP} AS window_step, step_scale,
    max(step_threshold) AS threshold,
    sum(step_zeros) AS zeros,
    sumMap(step_positive.1, step_positive.2) AS positive,
    sumMap(step_negative.1, step_negative.2) AS negative
FROM (
{text}
)
GROUP BY group_number, window_step, step_scale
HAVING window_step >= %(first_step)s AND window_step <= %(last_step)s
)
GROUP BY group_number
"""
    return sql, {**parameters, **window_parameters(members.plan)}


def _steps(members: Members, segment: Segment, template: str) -> tuple[str, dict[str, Parameter]]:
    plan, kind = members.plan, members.kind
    parameters = points_parameters(plan.selector.metric_name, kind, segment, growth=True)
    if segment.resolution != RAW:
        rows = rollup_sql(kind, segment, members.condition, buckets=True)
        del parameters["read_since"]
    elif kind.metric_type == "HISTOGRAM":
        rows = histograms_sql(kind, members.condition, buckets=True)
    else:
        rows = exponential_sql(kind, members.condition, buckets=True)
    text = template.format(group_number=members.group_number, source=members.joined(rows))
    return text, {**parameters, **members.parameters, "step": plan.step_ns}
