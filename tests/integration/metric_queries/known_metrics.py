"""Series that tests know, and how their rows get into the engine."""

import math
import random
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

from metric_oracle import SECOND, Point, Series
from rak_libs.clickhouse.insert import Inserter
from rak_libs.model import metrics
from rak_libs.model.batch import ArrayValues, ColumnBatch, MapValues, new_batch
from rak_libs.model.table import Table
from rak_libs.runtime.settings import ClickHouseSettings

DAY = 86_400 * SECOND
STALE = struct.unpack("<d", struct.pack("<Q", metrics.STALE_NAN_BITS))[0]
BOUNDS = ((0.0, 1.0, 2.5, 10.0), (1.0, 2.0, 4.0, 8.0, 16.0))

_TABLE_OF = {
    "COUNTER": metrics.METRIC_SAMPLES,
    "GAUGE": metrics.METRIC_SAMPLES,
    "UP_DOWN_COUNTER": metrics.METRIC_SAMPLES,
    "HISTOGRAM": metrics.METRIC_HISTOGRAMS,
    "EXPONENTIAL_HISTOGRAM": metrics.METRIC_EXPONENTIAL_HISTOGRAMS,
    "SUMMARY": metrics.METRIC_SUMMARIES,
}
_TABLES = (
    metrics.METRIC_SAMPLES,
    metrics.METRIC_HISTOGRAMS,
    metrics.METRIC_EXPONENTIAL_HISTOGRAMS,
    metrics.METRIC_SUMMARIES,
)
KINDS = (
    ("COUNTER", "CUMULATIVE"),
    ("COUNTER", "DELTA"),
    ("GAUGE", "UNSPECIFIED"),
    ("UP_DOWN_COUNTER", "CUMULATIVE"),
    ("HISTOGRAM", "CUMULATIVE"),
    ("HISTOGRAM", "DELTA"),
    ("EXPONENTIAL_HISTOGRAM", "CUMULATIVE"),
    ("EXPONENTIAL_HISTOGRAM", "DELTA"),
    ("SUMMARY", "UNSPECIFIED"),
)


def metric_name(kind: str, temporality: str) -> str:
    """Return the name of the generated metric of a kind."""
    return f"known.{kind}.{temporality}".lower()


def make_series(seed: int, each: int, begin: int, end: int) -> list[Series]:
    """Return `each` series of every kind with points in [begin, end).

    They have resets told by their values and resets told by their starts alone, gaps up to longer
    than the lookback, rows without a value, and rows that are stored twice.
    """
    choose = random.Random(seed)
    return [
        _series(choose, kind, temporality, number, begin, end)
        for kind, temporality in KINDS
        for number in range(each)
    ]


def _series(
    choose: random.Random, kind: str, temporality: str, number: int, begin: int, end: int
) -> Series:
    times = _times(choose, begin, end)
    points = _points(choose, kind, temporality, times, number)
    again = [point for point in points if choose.random() < 0.1]
    return Series(
        fingerprint=choose.getrandbits(64),
        metric=metric_name(kind, temporality),
        kind=kind,
        temporality=temporality,
        service=choose.choice(["alpha", "beta"]),
        labels={"code": choose.choice(["200", "404", "500"]), "instance": str(number)},
        rows=tuple(choose.sample(points + again, len(points) + len(again))),
    )


def _times(choose: random.Random, begin: int, end: int) -> list[int]:
    """Return times at the pace of an agent, some exactly on the minute, with gaps."""
    pace = choose.choice([20, 30, 60, 90]) * SECOND
    at = begin + choose.randrange(pace)
    times = []
    while at < end:
        times.append(at)
        gap = choose.random()
        if gap < 0.01:
            at += choose.randrange(4_500 * SECOND)
        at += pace + choose.randrange(-SECOND, SECOND)
        if gap > 0.9:
            at -= at % (60 * SECOND)
        if at <= times[-1]:
            at = times[-1] + pace
    return times


def _points(
    choose: random.Random, kind: str, temporality: str, times: Sequence[int], number: int
) -> list[Point]:
    points: list[Point] = []
    start = times[0] - choose.choice([0, 5, 1_000, 10_000]) * SECOND
    if choose.random() < 0.1:
        start = 0
    total = _empty(choose, kind, number)
    for at in times:
        reset = temporality != "DELTA" and choose.random() < 0.05
        if reset:
            total = _empty(choose, kind, number)
            if start and choose.random() < 0.7:
                start = at - choose.randrange(1, 10 * SECOND)
        delta = _delta(choose, kind, total)
        if temporality == "DELTA":
            before = points[-1].at if points else start
            points.append(replace(delta, at=at, start=before))
            continue
        total = _sum(kind, total, delta)
        points.append(replace(total, at=at, start=start))
    return [
        Point(at=point.at, start=point.start, value=STALE, recorded=False)
        if choose.random() < 0.02
        else point
        for point in points
    ]


def _empty(choose: random.Random, kind: str, number: int) -> Point:
    if kind == "HISTOGRAM":
        bounds = BOUNDS[choose.random() < 0.2 or number % 2]
        return Point(at=0, bounds=bounds, buckets=(0,) * (len(bounds) + 1), sum=0.0)
    if kind == "EXPONENTIAL_HISTOGRAM":
        return Point(at=0, scale=choose.randint(0, 3), sum=0.0)
    if kind == "SUMMARY":
        return Point(at=0, sum=0.0)
    return Point(at=0)


def _delta(choose: random.Random, kind: str, total: Point) -> Point:
    match kind:
        case "COUNTER":
            return Point(at=0, value=choose.choice([0, 1, 7, 2.25, choose.random() * 100]))
        case "GAUGE" | "UP_DOWN_COUNTER":
            return Point(at=0, value=choose.uniform(-50, 50))
        case "HISTOGRAM":
            return _histogram(choose, total.bounds)
        case "EXPONENTIAL_HISTOGRAM":
            return _exponential(choose, total.scale)
        case _:
            count = choose.randrange(10)
            reported = tuple((q, choose.random()) for q in (0.5, 0.95) if choose.random() < 0.9)
            return Point(at=0, count=count, sum=count * choose.random(), quantiles=reported)


def _histogram(choose: random.Random, bounds: tuple[float, ...]) -> Point:
    observed = [choose.uniform(-1, 20) for _ in range(choose.randrange(8))]
    buckets = [0] * (len(bounds) + 1)
    for value in observed:
        buckets[sum(value > bound for bound in bounds)] += 1
    return Point(
        at=0,
        count=len(observed),
        sum=math.fsum(observed),
        min=min(observed, default=None),
        max=max(observed, default=None),
        bounds=bounds,
        buckets=tuple(buckets),
    )


def _exponential(choose: random.Random, scale: int) -> Point:
    scale = max(scale - (choose.random() < 0.05), -2)
    positive = tuple(choose.randrange(4) for _ in range(choose.randrange(6)))
    negative = tuple(choose.randrange(3) for _ in range(choose.randrange(3)))
    zeros = choose.randrange(3)
    return Point(
        at=0,
        count=sum(positive) + sum(negative) + zeros,
        sum=choose.uniform(-5, 50),
        min=-1.0,
        max=choose.uniform(0, 9),
        scale=scale,
        zeros=zeros,
        threshold=0.0,
        positive_offset=choose.randrange(-6, 6),
        positive=positive,
        negative_offset=choose.randrange(-3, 3),
        negative=negative,
    )


def _sum(kind: str, total: Point, delta: Point) -> Point:
    """Return what a cumulative series says after a delta."""
    if kind in {"UP_DOWN_COUNTER", "COUNTER"}:
        return replace(total, value=total.value + delta.value)
    if kind == "GAUGE":
        return delta
    changed: dict[str, Any] = {
        "count": total.count + delta.count,
        "sum": (total.sum or 0.0) + (delta.sum or 0.0),
        "min": min((m for m in (total.min, delta.min) if m is not None), default=None),
        "max": max((m for m in (total.max, delta.max) if m is not None), default=None),
    }
    if kind == "HISTOGRAM":
        pairs = zip(total.buckets, delta.buckets, strict=True)
        changed["buckets"] = tuple(a + b for a, b in pairs)
    elif kind == "EXPONENTIAL_HISTOGRAM":
        changed |= _merged(total, delta)
    else:
        changed["quantiles"] = delta.quantiles
    return replace(total, **changed)


def _merged(total: Point, delta: Point) -> dict[str, Any]:
    scale = min(total.scale, delta.scale)
    changed: dict[str, Any] = {"scale": scale, "zeros": total.zeros + delta.zeros}
    for side in ("positive", "negative"):
        sums: dict[int, int] = {}
        for point in (total, delta):
            for place, count in enumerate(getattr(point, side)):
                index = (getattr(point, f"{side}_offset") + place) >> (point.scale - scale)
                sums[index] = sums.get(index, 0) + count
        first = min(sums, default=0)
        changed[f"{side}_offset"] = first
        changed[side] = tuple(sums.get(i, 0) for i in range(first, max(sums, default=-1) + 1))
    return changed


def store_series(settings: ClickHouseSettings, series: Sequence[Series], inserts: int = 3) -> None:
    """Store rows of series in several INSERTs, so that late rows lie in parts of their own."""
    inserter = Inserter(settings)
    days = {(each.fingerprint, row.at // DAY): each for each in series for row in each.rows}
    described = [_description(each, day) for (_, day), each in days.items()]
    inserter.insert(metrics.METRIC_SERIES, batch_of(metrics.METRIC_SERIES, described), {})
    for table in _TABLES:
        rows = [
            _row(each, point)
            for each in series
            if _TABLE_OF[each.kind] is table
            for point in each.rows
        ]
        for part in range(inserts if rows else 0):
            inserter.insert(table, batch_of(table, rows[part::inserts]), {})
    inserter.close()


def batch_of(table: Table, rows: Sequence[Mapping[str, Any]]) -> ColumnBatch:
    """Return rows as columns; what a row does not say is the type's default."""
    batch = new_batch(table)
    batch.rows = len(rows)
    for column in table.columns:
        values = batch.columns[column.name]
        found = [row.get(column.name) for row in rows]
        if isinstance(values, MapValues):
            values.offsets = list(accumulate(len(each or {}) for each in found))
            values.keys = [key for each in found for key in each or {}]
            values.values = [value for each in found for value in (each or {}).values()]
        elif isinstance(values, ArrayValues):
            values.offsets = list(accumulate(len(each or ()) for each in found))
            values.values = [value for each in found for value in each or ()]
        else:
            empty = _default(column.type)
            batch.columns[column.name] = [empty if each is None else each for each in found]
    return batch


def _default(type_: str) -> Any:
    if type_.startswith("Nullable"):
        return None
    return "" if "String" in type_ else 0


def _description(series: Series, day: int) -> dict[str, Any]:
    return {
        "fingerprint": series.fingerprint,
        "day": day,
        "metric_name": series.metric,
        "metric_type": metrics.MetricType[series.kind],
        "temporality": metrics.Temporality[series.temporality],
        "unit": series.unit,
        "description": f"about {series.metric}",
        "service_name": series.service,
        "labels": series.labels,
        "attributes_string": series.labels,
        "resource_attributes": f'{{"host.name":"host-{series.service}","port":80}}',
        "seen_at": day * 86_400_000,
    }


def _row(series: Series, point: Point) -> dict[str, Any]:
    return {
        "metric_name": series.metric,
        "fingerprint": series.fingerprint,
        "timestamp": point.at,
        "start_timestamp": point.start,
        "flags": 0 if point.recorded else metrics.NO_RECORDED_VALUE,
        "value": point.value,
        "value_type": metrics.ValueType.DOUBLE if point.recorded else metrics.ValueType.NONE,
        "count": point.count,
        "sum": 0.0 if point.sum is None and series.kind == "SUMMARY" else point.sum,
        "min": point.min,
        "max": point.max,
        "explicit_bounds": point.bounds,
        "bucket_counts": point.buckets,
        "scale": point.scale,
        "zero_count": point.zeros,
        "zero_threshold": point.threshold,
        "positive_offset": point.positive_offset,
        "positive_counts": point.positive,
        "negative_offset": point.negative_offset,
        "negative_counts": point.negative,
        "quantiles": [quantile for quantile, _ in point.quantiles],
        "quantile_values": [value for _, value in point.quantiles],
        "ingested_at": point.at // 1_000_000,
    }
