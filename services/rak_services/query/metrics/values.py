"""The values of a question: statements are sent, their rows become a number for each window."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from rak_libs.clickhouse.errors import PermanentClickHouseError
from rak_libs.clickhouse.select import Row
from rak_services.query.endpoint import Store
from rak_services.query.metrics.bucket_quantiles import ExponentialBuckets, explicit_quantile
from rak_services.query.metrics.buckets_sql import explicit_sql, exponential_windows_sql
from rak_services.query.metrics.grid_probe import GRID_SETTINGS
from rak_services.query.metrics.grids_sql import grids_sql, has_grids
from rak_services.query.metrics.groups import Group
from rak_services.query.metrics.members import Members
from rak_services.query.metrics.plan import Plan
from rak_services.query.metrics.segments import RAW, Segment
from rak_services.query.metrics.values_sql import values_sql
from rak_services.query.problems import NotAnswerable, hit_a_limit

Values = list[float | None]


@dataclass(frozen=True, slots=True)
class GroupValues:
    """The values of one group.

    Attributes:
        number: The group.
        bounds: Of the buckets that the values were made of; None where there are none.
        values: One for each window; None where there is none.
    """

    number: int
    bounds: tuple[float, ...] | None
    values: Values


async def find_values(
    store: Store, members: Members, groups: Collection[Group], segments: Sequence[Segment]
) -> list[GroupValues]:
    """Return the values of the groups of one kind; a group without any may be missing.

    Args:
        store: What is asked.
        members: The question, and the kind.
        groups: Its groups.
        segments: From which rows they are answered.

    Raises:
        NotAnswerable: Quantiles of several summaries cannot be put together.
        ClickHouseError: The engine cannot answer.
    """
    plan, kind = members.plan, members.kind
    if plan.aggregation.quantile is not None:
        if kind.metric_type == "HISTOGRAM":
            return await _explicit(store, members, segments)
        if kind.metric_type == "EXPONENTIAL_HISTOGRAM":
            return await _exponential(store, members, segments)
        if kind.metric_type == "SUMMARY":
            _check_one_series_each(plan, groups)
    raw = all(segment.resolution == RAW for segment in segments)
    if raw and has_grids(plan, kind) and await store.grids.usable(store.pool):
        found = await _on_grids(store, members)
        if found is not None:
            return found
    rows = await store.pool.select(*values_sql(members, segments))
    return [
        GroupValues(number, None, _spread(plan, zip(*pairs, strict=True)))
        for number, *pairs in rows
    ]


async def _on_grids(store: Store, members: Members) -> list[GroupValues] | None:
    """Return the values by the engine's grids; None when it refuses."""
    try:
        rows = await store.pool.select(*grids_sql(members), settings=GRID_SETTINGS)
    except PermanentClickHouseError as error:
        if hit_a_limit(error):
            raise
        store.grids.give_up(error)
        return None
    return [GroupValues(number, None, values) for number, values in rows]


def _check_one_series_each(plan: Plan, groups: Iterable[Group]) -> None:
    if any(group.series > 1 for group in groups):
        raise NotAnswerable(
            f"{plan.aggregation.text} of {plan.selector.metric_name!r}: its summaries report "
            "quantiles, which cannot be put together. Ask for every series by itself with "
            "by=fingerprint, or match one."
        )


async def _explicit(
    store: Store, members: Members, segments: Sequence[Segment]
) -> list[GroupValues]:
    quantile = members.plan.aggregation.quantile or 0.0
    rows = await store.pool.select(*explicit_sql(members, segments))
    found = []
    for number, bounds, steps, buckets in rows:
        values = (explicit_quantile(quantile, bounds, counts) for counts in buckets)
        spread = _spread(members.plan, zip(steps, values, strict=True))
        found.append(GroupValues(number, tuple(bounds), spread))
    return found


async def _exponential(
    store: Store, members: Members, segments: Sequence[Segment]
) -> list[GroupValues]:
    quantile = members.plan.aggregation.quantile or 0.0
    rows = await store.pool.select(*exponential_windows_sql(members, segments))
    return [
        GroupValues(number, None, _spread(members.plan, _exponential_quantiles(quantile, parts)))
        for number, parts in rows
    ]


def _exponential_quantiles(
    quantile: float, parts: Sequence[Row]
) -> Iterable[tuple[int, float | None]]:
    windows: dict[int, ExponentialBuckets] = {}
    for step, scale, threshold, zeros, positive, of_positive, negative, of_negative in parts:
        added = ExponentialBuckets(
            scale,
            zeros,
            threshold,
            dict(zip(positive, of_positive, strict=True)),
            dict(zip(negative, of_negative, strict=True)),
        )
        if step in windows:
            windows[step].add(added)
        else:
            windows[step] = added
    for step, buckets in windows.items():
        buckets.settle()
        yield step, buckets.quantile(quantile)


def _spread(plan: Plan, found: Iterable[tuple[int, float | None]]) -> Values:
    """Return a value for each window of those that were found, by step counted from 1970."""
    values: Values = [None] * plan.windows
    first = plan.begin_ns // plan.step_ns
    for step, value in found:
        values[step - first] = value
    return values
