"""Series with everything that makes rollups hard, drawn at random, and the way into the tables."""

import random
from collections.abc import Callable, Iterable, Sequence
from time import time_ns
from typing import Any

from rak_libs.clickhouse.insert import Inserter
from rak_libs.model.batch import ArrayValues, ColumnBatch, new_batch
from rak_libs.model.metrics import (
    METRIC_EXPONENTIAL_HISTOGRAMS,
    METRIC_HISTOGRAMS,
    METRIC_SAMPLES,
    METRIC_SERIES,
    NO_RECORDED_VALUE,
    MetricType,
    Temporality,
)
from rak_libs.model.table import Table
from rollup_oracle import HistogramPoint, Sample, Series

MINUTE = 60 * 10**9
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NO_DEDUPLICATION = {"insert_deduplicate": 0}

Points = dict[Series, list[Any]]


def series_of(kinds: Sequence[tuple[str, str]], count: int, first: int) -> list[Series]:
    """Return as many series, of each (type, temporality) in turn, numbered from `first`."""
    return [
        Series(f"metric.{number % 7}", (first + number) * 0x9E3779B97F4A7C15 % 2**64, *kind)
        for number in range(count)
        for kind in [kinds[number % len(kinds)]]
    ]


def times_of(draw: random.Random, begin: int, end: int) -> list[int]:
    """Return times of points: more or less regular, with gaps, some longer than an hour."""
    step = draw.choice([7, 15, 30, 60, 60, 300]) * 10**9
    time, found = begin + draw.randrange(step), []
    while time < end:
        found.append(time)
        time += step + draw.choice([0, 0, draw.randrange(step // 3)])
        if draw.random() < 0.02:
            time += draw.choice([5 * MINUTE, 40 * MINUTE, HOUR - 1, 70 * MINUTE])
    return found


def starts_of(draw: random.Random, times: Sequence[int], restarts: set[int]) -> list[int]:
    """Return what points say of their start: it moves on at a restart; some say nothing or less."""
    habit = draw.choice(["known", "known", "known", "absent", "own time first"])
    start, found = times[0] - draw.choice([1, 30 * 10**9, 2 * HOUR]), []
    for place, time in enumerate(times):
        if place in restarts:
            start = time - draw.randrange(1, 10**9)
            if habit == "own time first":
                start = time
        found.append(0 if habit == "absent" else start)
    return found


def draw_samples(draw: random.Random, series: Series, begin: int, end: int) -> list[Sample]:
    """Draw the points of a counter, an up-down counter or a gauge."""
    times = times_of(draw, begin, end)
    restarts = {place for place in range(1, len(times)) if draw.random() < 0.05}
    whole = draw.random() < 0.5
    value, found = draw.choice([0, 2**60 if whole else 0.0]), []
    for place, (time, start) in enumerate(
        zip(times, starts_of(draw, times, restarts), strict=True)
    ):
        grown = draw.randrange(1000) if whole else draw.random() * 1000
        if series.metric_type != "COUNTER":
            grown = grown * 2 - 1000
        cumulative = series.temporality == "CUMULATIVE" and place not in restarts
        value = value + grown if cumulative else abs(grown) if place in restarts else grown
        number = float(value)
        remainder = int(value) - int(number) if whole else 0
        found.append(Sample(time, start, number, remainder, stale=draw.random() < 0.01))
    return found


def draw_histograms(
    draw: random.Random, series: Series, begin: int, end: int
) -> list[HistogramPoint]:
    """Draw the points of a histogram with explicit bounds, which may be others after a restart."""
    times = times_of(draw, begin, end)
    restarts = {place for place in range(1, len(times)) if draw.random() < 0.05}
    bounds = draw.choice([(1.0, 5.0, 25.0), (0.5,), ()])
    counts, total, found = [0] * (len(bounds) + 1), 0.0, []
    without_sum = draw.random() < 0.2
    for place, (time, start) in enumerate(
        zip(times, starts_of(draw, times, restarts), strict=True)
    ):
        if place in restarts and draw.random() < 0.3:
            bounds = draw.choice([(1.0, 5.0, 25.0), (1.0, 6.0, 25.0), (0.5,), ()])
        if place in restarts or series.temporality == "DELTA":
            counts, total = [0] * (len(bounds) + 1), 0.0
        counts = [count + draw.randrange(4) for count in counts]
        total += draw.random() * 50
        absent = without_sum or draw.random() < 0.03
        found.append(
            HistogramPoint(
                time,
                start,
                sum(counts),
                None if absent else total,
                None if absent else draw.random(),
                None if absent else 30 + draw.random(),
                bounds,
                dict(enumerate(counts)),
                stale=draw.random() < 0.01,
            )
        )
    return found


def draw_exponential(
    draw: random.Random, series: Series, begin: int, end: int
) -> list[HistogramPoint]:
    """Draw the points of an exponential histogram, whose scale sinks as its range grows."""
    times = times_of(draw, begin, end)
    restarts = {place for place in range(1, len(times)) if draw.random() < 0.05}
    scale, threshold, found = draw.randrange(3, 7), 0.0, []
    counts: dict[tuple[str, int], int] = {}
    for place, (time, start) in enumerate(
        zip(times, starts_of(draw, times, restarts), strict=True)
    ):
        if place in restarts:
            scale, threshold = draw.randrange(3, 7), draw.choice([threshold, 0.001])
        if place in restarts or series.temporality == "DELTA":
            counts = {}
        if scale > -2 and draw.random() < 0.1:
            shift = draw.randrange(1, 3)
            scale -= shift
            counts = _lowered(counts, shift)
        for _ in range(draw.randrange(6)):
            side = draw.choice("++-0")
            bucket = (side, 0 if side == "0" else draw.randrange(-40, 40) >> max(0, 4 - scale))
            counts[bucket] = counts.get(bucket, 0) + draw.randrange(1, 5)
        found.append(
            HistogramPoint(
                time,
                start,
                sum(counts.values()),
                float(sum(counts.values())) * 1.5,
                None,
                None,
                threshold,
                dict(counts),
                scale,
                stale=draw.random() < 0.01,
            )
        )
    return found


def _lowered(counts: dict[tuple[str, int], int], shift: int) -> dict[tuple[str, int], int]:
    found: dict[tuple[str, int], int] = {}
    for (side, index), count in counts.items():
        bucket = (side, index if side == "0" else index >> shift)
        found[bucket] = found.get(bucket, 0) + count
    return found


DrawnKind = tuple[
    Sequence[tuple[str, str]], int, Callable[[random.Random, Series, int, int], list[Any]]
]
"""Types and temporalities, how many series, and what draws their points."""


def draw_points(draw: random.Random, kinds: Iterable[DrawnKind], begin: int, end: int) -> Points:
    """Draw series of several kinds."""
    found: Points = {}
    for number, (types, count, draw_kind) in enumerate(kinds):
        for series in series_of(types, count, 1000 * number):
            found[series] = draw_kind(draw, series, begin, end)
    return found


def shuffled(draw: random.Random, points: Points) -> list[tuple[Series, Any]]:
    """Return every point in any order, a tenth of them twice."""
    rows = [(series, point) for series, each in points.items() for point in each]
    rows += draw.sample(rows, len(rows) // 10)
    draw.shuffle(rows)
    return rows


def midnight() -> int:
    """Return the midnight before the last: two partitions, and every window is over."""
    return (time_ns() // DAY - 1) * DAY


def insert_series(inserter: Inserter, points: Points) -> None:
    """Describe every series for every day that its points have."""
    batch = new_batch(METRIC_SERIES)
    for series, its_points in points.items():
        for day in sorted({point.time // DAY for point in its_points}):
            _append(
                batch,
                METRIC_SERIES,
                fingerprint=series.fingerprint,
                day=day,
                metric_name=series.metric_name,
                metric_type=MetricType[series.metric_type].value,
                temporality=Temporality[series.temporality].value,
            )
    inserter.insert(METRIC_SERIES, batch, NO_DEDUPLICATION)


def insert_points(inserter: Inserter, rows: Iterable[tuple[Series, Any]]) -> None:
    """Insert points, each table's with one INSERT."""
    batches: dict[Table, ColumnBatch] = {}
    for series, point in rows:
        table, values = _row(point)
        batch = batches.setdefault(table, new_batch(table))
        _append(
            batch,
            table,
            metric_name=series.metric_name,
            fingerprint=series.fingerprint,
            timestamp=point.time,
            start_timestamp=point.start,
            flags=NO_RECORDED_VALUE if point.stale else 0,
            **values,
        )
    for table, batch in batches.items():
        inserter.insert(table, batch, NO_DEDUPLICATION)


def _row(point: Any) -> tuple[Table, dict[str, Any]]:
    if isinstance(point, Sample):
        value = float("nan") if point.stale else point.value
        return METRIC_SAMPLES, {"value": value, "value_remainder": point.remainder}
    shared = {"count": point.count, "sum": point.sum, "min": point.min, "max": point.max}
    if isinstance(point.layout, tuple):
        # A histogram of one bucket may be sent without any.
        counts = list(point.buckets.values()) if point.layout or point.count % 2 else []
        return METRIC_HISTOGRAMS, {
            **shared,
            "explicit_bounds": list(point.layout),
            "bucket_counts": counts,
        }
    sides = {}
    for name, side in (("positive", "+"), ("negative", "-")):
        indexes = [index for of, index in point.buckets if of == side]
        lowest = min(indexes, default=0)
        places = range(lowest, max(indexes) + 1) if indexes else ()
        sides[f"{name}_offset"] = lowest
        sides[f"{name}_counts"] = [point.buckets.get((side, index), 0) for index in places]
    return METRIC_EXPONENTIAL_HISTOGRAMS, {
        **shared,
        **sides,
        "scale": point.scale,
        "zero_count": point.buckets.get(("0", 0), 0),
        "zero_threshold": point.layout,
    }


def _append(batch: ColumnBatch, table: Table, **row: Any) -> None:
    """Append a row; columns that are not named get their type's default."""
    for column in table.columns:
        values = batch.columns[column.name]
        given = row.get(column.name)
        if isinstance(values, ArrayValues):
            values.values.extend(given or [])
            values.offsets.append(len(values.values))
        elif isinstance(values, list):
            values.append(_default(column.type) if given is None else given)
        else:
            values.offsets.append(len(values.keys))
    batch.rows += 1


def _default(type_: str) -> Any:
    if type_.startswith("Nullable"):
        return None
    return "" if "String" in type_ else 0
