"""`GET /api/v1/metrics/query`: a metric over time."""

import math
from collections.abc import Iterable

from rak_libs.model.time_text import format_time
from rak_services.query.endpoint import Question, Store
from rak_services.query.metrics.answers import MetricGroup, MetricValues, ResolutionPart, Value
from rak_services.query.metrics.groups import Group, Kind, find_groups
from rak_services.query.metrics.members import Members
from rak_services.query.metrics.numbers import json_number
from rak_services.query.metrics.plan import plan_of
from rak_services.query.metrics.requests import QueryMetric
from rak_services.query.metrics.resolution import find_segments
from rak_services.query.metrics.segments import RAW, Segment, coarseness
from rak_services.query.metrics.values import GroupValues, find_values


async def query_metric(store: Store, question: Question, request: QueryMetric) -> MetricValues:  # noqa: ARG001 - handlers have one signature
    """Answer the values of a metric, by group and window."""
    plan = plan_of(request, store.now())
    kinds = await find_groups(store, plan)
    found: list[MetricGroup] = []
    parts: set[Segment] = set()
    for kind, groups in kinds.items():
        members = Members(plan, kind, alone=len(kinds) == 1)
        segments = await find_segments(store, plan, kind)
        values = await find_values(store, members, groups.values(), segments)
        found += _items(kind, groups, values)
        parts.update(segments)
    found.sort(key=_order)
    return MetricValues(
        metric_name=request.name,
        agg=plan.aggregation.text,
        step_ns=plan.step_ns,
        window_ns=plan.window_ns,
        resolution=max((part.resolution for part in parts), key=coarseness, default=RAW),
        resolutions=[_part(part) for part in sorted(parts, key=_place)],
        groups=sum(map(len, kinds.values())),
        timestamps=[format_time(begin) for begin in plan.begins_ns()],
        items=found if plan.top is None else _top(found, plan.top),
        next_cursor=None,
        complete=True,
    )


def _part(segment: Segment) -> ResolutionPart:
    return ResolutionPart(
        resolution=segment.resolution,
        start=format_time(segment.begin_ns),
        end=format_time(segment.end_ns),
    )


def _place(segment: Segment) -> tuple[int, int, str]:
    return segment.begin_ns, segment.end_ns, segment.resolution


def _items(
    kind: Kind, groups: dict[int, Group], values: Iterable[GroupValues]
) -> Iterable[MetricGroup]:
    """Return the groups that have a value in some window."""
    for each in values:
        group = groups.get(each.number)
        if group is None or all(value is None for value in each.values):
            continue
        yield MetricGroup(
            labels=dict(group.labels),
            metric_type=kind.metric_type,
            temporality=kind.temporality,
            unit=kind.unit,
            explicit_bounds=None if each.bounds is None else list(each.bounds),
            series=group.series,
            values=[json_number(value) for value in each.values],
        )


def _order(item: MetricGroup) -> tuple[object, ...]:
    return (
        sorted(item.labels.items()),
        item.metric_type,
        item.temporality,
        item.unit,
        item.explicit_bounds or [],
    )


def _top(items: list[MetricGroup], most: int) -> list[MetricGroup]:
    """Return the items with the largest mean of their values, in the order of that."""
    return sorted(items, key=lambda item: -_mean(item.values))[:most]


def _mean(values: list[Value]) -> float:
    numbers = [number for value in values if not math.isnan(number := _number(value))]
    return sum(numbers) / len(numbers) if numbers else -math.inf


def _number(value: Value) -> float:
    return math.nan if value is None else float(value)
