"""What rollups must hold, computed from a list of points in plain Python, one point at a time.

It follows the rule in the docstring of `rak_libs.model.metric_rollups`, and shares nothing with the
SQL of `rak_services.derive` but that text.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

LOOKBACK_NS = 3_600 * 10**9


@dataclass(frozen=True)
class Series:
    """A series: its name, and what decides how its points count."""

    metric_name: str
    fingerprint: int
    metric_type: str
    temporality: str


@dataclass(frozen=True)
class Sample:
    """A point of a counter, an up-down counter or a gauge."""

    time: int
    start: int
    value: float
    remainder: int = 0
    stale: bool = False

    @property
    def number(self) -> float:
        return self.value + self.remainder


@dataclass(frozen=True)
class HistogramPoint:
    """A histogram: an explicit one has bounds, an exponential one a scale.

    Attributes:
        layout: What must be equal for two points to be compared: bounds or the zero threshold.
        buckets: Counts by place: the bucket's position, or ("+" or "-", index); zeros count as
            `("0", 0)`.
        scale: 0 for explicit bounds.
    """

    time: int
    start: int
    count: int
    sum: float | None
    min: float | None
    max: float | None
    layout: Any
    buckets: Mapping[Any, int]
    scale: int = 0
    stale: bool = False

    def at(self, scale: int) -> dict[Any, int]:
        """Return the buckets at a lower scale."""
        found: dict[Any, int] = defaultdict(int)
        for place, count in self.buckets.items():
            found[lower(place, self.scale - scale)] += count
        return found


def lower(place: Any, by: int) -> Any:
    """Return the bucket that holds a bucket at a scale lower by `by`."""
    if isinstance(place, tuple) and place[0] != "0":
        return (place[0], place[1] >> by)
    return place


@dataclass
class Window:
    """One row of a rollup, as far as kinds share it."""

    points: int = 0
    resets: int = 0
    values: dict[str, Any] = field(default_factory=dict)


def distinct(points: Iterable[Any]) -> list[Any]:
    """Return the points in order of time, one of each time."""
    by_time: dict[int, Any] = {}
    for point in points:
        if point.stale:
            continue
        known = by_time.get(point.time)
        if known is None or _size(point) > _size(known):
            by_time[point.time] = point
    return [by_time[time] for time in sorted(by_time)]


def _size(point: Any) -> tuple[float, int]:
    if isinstance(point, Sample):
        return (point.value, point.remainder)
    return (point.count, 0)


def previous_of(points: Sequence[Any]) -> list[Any]:
    """Return for each point its predecessor or None."""
    found = []
    for before, now in zip([None, *points], points, strict=False):
        near = before is not None and now.time - before.time <= LOOKBACK_NS
        found.append(before if near else None)
    return found


def share_that_counts(series: Series, now: Any, before: Any) -> tuple[str, bool]:
    """Return what of a point counts (`whole`, `difference`, `nothing`), and if it is a reset."""
    known = 0 < now.start < now.time
    if series.temporality == "DELTA":
        return "whole", False
    if before is None:
        recent = known and now.time - now.start <= LOOKBACK_NS
        return ("whole" if recent else "nothing"), False
    if (known and now.start > before.time) or _fell(series, now, before):
        return "whole", True
    return "difference", False


def _fell(series: Series, now: Any, before: Any) -> bool:
    if isinstance(now, Sample):
        return series.metric_type == "COUNTER" and _size(now) < _size(before)
    if now.layout != before.layout or now.count < before.count:
        return True
    scale = min(now.scale, before.scale)
    counts = now.at(scale)
    return any(counts.get(place, 0) < count for place, count in before.at(scale).items())


def sample_windows(series: Series, points: Iterable[Sample], step: int) -> dict[int, Window]:
    """Return the windows of a series of samples by their begin."""
    ordered = distinct(points)
    found: dict[int, Window] = defaultdict(Window)
    for now, before in zip(ordered, previous_of(ordered), strict=True):
        window = found[now.time - now.time % step]
        share, reset = share_that_counts(series, now, before)
        gauge = series.metric_type == "GAUGE"
        window.points += 1
        window.resets += reset and not gauge
        values = window.values
        values["sum"] = values.get("sum", 0.0) + now.number
        values["min"] = min(values.get("min", now.value), now.value)
        values["max"] = max(values.get("max", now.value), now.value)
        values["last"], values["last_remainder"] = now.value, now.remainder
        values["last_timestamp"] = now.time
        gain = {"whole": now.number, "nothing": 0.0}.get(share)
        if gain is None:
            gain = (now.value - before.value) + (now.remainder - before.remainder)
        values["increase"] = values.get("increase", 0.0) + (0.0 if gauge else gain)
    return found


def histogram_windows(
    series: Series, points: Iterable[HistogramPoint], step: int
) -> dict[tuple[int, Any], Window]:
    """Return the windows of a series of histograms by their begin and layout.

    `values["buckets"]` holds the counts by place at `values["scale"]`, zeros left out.
    """
    ordered = distinct(points)
    gains: dict[tuple[int, Any], list[tuple[Any, int, dict[Any, int], int, Any]]]
    gains = defaultdict(list)
    found: dict[tuple[int, Any], Window] = defaultdict(Window)
    for now, before in zip(ordered, previous_of(ordered), strict=True):
        key = (now.time - now.time % step, now.layout)
        share, reset = share_that_counts(series, now, before)
        found[key].points += 1
        found[key].resets += reset
        gains[key].append(_gain(now, before, share))
    for key, parts in gains.items():
        found[key].values = _added(parts)
    return found


def _gain(now: HistogramPoint, before: HistogramPoint, share: str) -> Any:
    if share == "whole":
        return now, now.scale, now.at(now.scale), now.count, now.sum
    if share == "nothing":
        return now, now.scale, {}, 0, None if now.sum is None else 0.0
    scale = min(now.scale, before.scale)
    counts = now.at(scale)
    for place, count in before.at(scale).items():
        counts[place] = counts.get(place, 0) - count
    absent = now.sum is None or before.sum is None
    return now, scale, counts, now.count - before.count, None if absent else now.sum - before.sum


def _added(parts: Sequence[tuple[Any, int, dict[Any, int], int, Any]]) -> dict[str, Any]:
    scale = min(part[1] for part in parts)
    buckets: dict[Any, int] = defaultdict(int)
    for _, own_scale, counts, _, _ in parts:
        for place, count in counts.items():
            buckets[lower(place, own_scale - scale)] += count
    sums = [part[4] for part in parts]
    return {
        "scale": scale,
        "buckets": {place: count for place, count in buckets.items() if count},
        "count": sum(part[3] for part in parts),
        "sum": None if None in sums else sum(sums),
        "min": min((p[0].min for p in parts if p[0].min is not None), default=None),
        "max": max((p[0].max for p in parts if p[0].max is not None), default=None),
    }
