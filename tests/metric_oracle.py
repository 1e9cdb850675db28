"""What every aggregation of metrics must answer, in plain Python: one loop after another.

It knows the rule of `rak_libs.model.metric_rollups` and the meaning of a question, and nothing of
SQL.
"""

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

SECOND = 1_000_000_000
LOOKBACK = 3_600 * SECOND


_ACROSS: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": math.fsum,
    "avg": lambda numbers: math.fsum(numbers) / len(numbers),
    "min": min,
    "max": max,
    "count": len,
}


@dataclass(frozen=True)
class Point:
    """A data point of any kind; what a kind does not have stays empty. Times in nanoseconds."""

    at: int
    start: int = 0
    value: float = 0.0
    recorded: bool = True
    count: int = 0
    sum: float | None = None
    min: float | None = None
    max: float | None = None
    bounds: tuple[float, ...] = ()
    buckets: tuple[int, ...] = ()
    scale: int = 0
    zeros: int = 0
    threshold: float = 0.0
    positive_offset: int = 0
    positive: tuple[int, ...] = ()
    negative_offset: int = 0
    negative: tuple[int, ...] = ()
    quantiles: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Series:
    """A series and every row that is stored of it, in any order, some twice."""

    fingerprint: int
    metric: str
    kind: str
    temporality: str
    unit: str = "1"
    service: str = "alpha"
    labels: dict[str, str] = field(default_factory=dict)
    rows: tuple[Point, ...] = ()

    def label(self, name: str) -> str:
        if name == "service_name":
            return self.service
        if name == "fingerprint":
            return f"{self.fingerprint:016x}"
        return self.labels.get(name, "")

    def points(self) -> list[Point]:
        """The points in order of time, each once; rows without a value are none."""
        best: dict[int, Point] = {}
        for row in self.rows:
            if row.recorded:
                known = best.get(row.at)
                if known is None or (row.count, row.value) > (known.count, known.value):
                    best[row.at] = row
        return [best[at] for at in sorted(best)]

    @cached_property
    def gains(self) -> list["Gain"]:
        """The points with their increases, in order of time."""
        points = self.points()
        befores = [None, *points]
        return [_gain(self, *pair) for pair in zip(points, befores, strict=False)]

    def between(self, since: int, until: int) -> list["Gain"]:
        """The points in [since, until)."""
        first, last = (bisect_left(self.gains, at, key=_time) for at in (since, until))
        return self.gains[first:last]


@dataclass(frozen=True)
class Question:
    """A question as the API takes it; `[start, end)` is of whole steps."""

    agg: str
    start: int
    end: int
    step: int
    window: int
    by: tuple[str, ...] = ()
    across: str | None = None

    @property
    def quantile(self) -> float:
        return float(self.agg[1:]) / 100

    def windows(self) -> Iterator[tuple[int, int, int]]:
        """Each step's begin, and begin and end of what it looks at."""
        for begin in range(self.start, self.end, self.step):
            yield begin, begin + self.step - self.window, begin + self.step


@dataclass(frozen=True)
class Gain:
    """A point and its increase; buckets of exponential histograms by scale, side and index."""

    point: Point
    value: float = 0.0
    count: int = 0
    sum: float | None = None
    buckets: tuple[int, ...] = ()
    zeros: int = 0
    exponential: tuple[tuple[int, str, int, int], ...] = ()


def _time(gain: Gain) -> int:
    return gain.point.at


def _gain(series: Series, point: Point, before: Point | None) -> Gain:
    if before is not None and point.at - before.at > LOOKBACK:
        before = None
    known_start = 0 < point.start < point.at
    if series.temporality == "DELTA":
        return _whole(point)
    if before is None:
        if known_start and point.at - point.start <= LOOKBACK:
            return _whole(point)
        return _nothing(point)
    if (known_start and point.start > before.at) or _fell(series, point, before):
        return _whole(point)
    return _difference(point, before)


def _fell(series: Series, point: Point, before: Point) -> bool:
    match series.kind:
        case "COUNTER":
            return point.value < before.value
        case "HISTOGRAM":
            return (
                point.bounds != before.bounds
                or point.count < before.count
                or any(
                    now < then for now, then in zip(_buckets(point), _buckets(before), strict=False)
                )
            )
        case "EXPONENTIAL_HISTOGRAM":
            scale = min(point.scale, before.scale)
            now, then = _at_scale(point, scale), _at_scale(before, scale)
            return (
                point.threshold != before.threshold
                or point.count < before.count
                or point.zeros < before.zeros
                or any(now.get(key, 0) < count for key, count in then.items())
            )
        case "SUMMARY":
            return point.count < before.count
        case _:
            return False


def _whole(point: Point) -> Gain:
    return Gain(
        point,
        point.value,
        point.count,
        point.sum,
        _buckets(point),
        point.zeros,
        _exponential(point),
    )


def _nothing(point: Point) -> Gain:
    unknown = None if point.sum is None else 0.0
    scale_only = ((point.scale, "positive", 0, 0),)
    return Gain(point, 0.0, 0, unknown, (0,) * len(_buckets(point)), 0, scale_only)


def _difference(point: Point, before: Point) -> Gain:
    return Gain(
        point,
        point.value - before.value,
        point.count - before.count,
        None if point.sum is None or before.sum is None else point.sum - before.sum,
        tuple(now - then for now, then in zip(_buckets(point), _buckets(before), strict=True)),
        point.zeros - before.zeros,
        (
            *_exponential(point),
            *((scale, side, index, -count) for scale, side, index, count in _exponential(before)),
        ),
    )


def _buckets(point: Point) -> tuple[int, ...]:
    return point.buckets or (point.count,)


def _exponential(point: Point) -> tuple[tuple[int, str, int, int], ...]:
    return (
        (point.scale, "positive", 0, 0),
        *(
            (point.scale, "positive", point.positive_offset + i, c)
            for i, c in enumerate(point.positive)
        ),
        *(
            (point.scale, "negative", point.negative_offset + i, c)
            for i, c in enumerate(point.negative)
        ),
    )


def _at_scale(point: Point, scale: int) -> dict[tuple[str, int], int]:
    return _downscaled(_exponential(point), scale)


def _downscaled(
    entries: Iterable[tuple[int, str, int, int]], scale: int
) -> dict[tuple[str, int], int]:
    sums: dict[tuple[str, int], int] = defaultdict(int)
    for own_scale, side, index, count in entries:
        sums[side, math.floor(index / 2 ** (own_scale - scale))] += count
    return dict(sums)


Group = tuple[tuple[tuple[str, str], ...], str, str, str, tuple[float, ...] | None]
"""Labels, type, temporality, unit, and bounds where they tell groups apart."""


def answer(series: Sequence[Series], question: Question) -> dict[Group, dict[int, float]]:
    """Return the value of each group and window that has one, by begin of the window."""
    groups: dict[Group, list[Series]] = defaultdict(list)
    for each in series:
        labels = tuple((name, each.label(name)) for name in question.by)
        groups[labels, each.kind, each.temporality, each.unit, None].append(each)
    answered: dict[Group, dict[int, float]] = {}
    for group, members in groups.items():
        for begin, since, until in question.windows():
            looked_at = [each.between(since, until) for each in members]
            for one, window in _by_bounds(group, looked_at, question):
                value = _value(group[1], window, question)
                if value is not None:
                    answered.setdefault(one, {})[begin] = value
    return answered


def _by_bounds(
    group: Group, looked_at: Sequence[Sequence[Gain]], question: Question
) -> Iterator[tuple[Group, Sequence[Sequence[Gain]]]]:
    """Tell apart what was counted in different buckets, where buckets matter."""
    if group[1] != "HISTOGRAM" or not question.agg.startswith("p"):
        yield group, looked_at
        return
    for bounds in {gain.point.bounds for each in looked_at for gain in each}:
        same = [[gain for gain in each if gain.point.bounds == bounds] for each in looked_at]
        yield (*group[:4], bounds), same


def _value(kind: str, looked_at: Sequence[Sequence[Gain]], question: Question) -> float | None:
    pooled = question.agg == "avg" or question.agg.startswith("p")
    if pooled and question.across is None:
        return _of_window(kind, [gain for each in looked_at for gain in each], question)
    values = [_of_window(kind, each, question) for each in looked_at]
    # A sum that nobody knows makes that of the group one that nobody knows.
    unknown = any(gain.sum is None for each in looked_at for gain in each)
    counted = kind not in {"COUNTER", "GAUGE", "UP_DOWN_COUNTER"}
    if counted and question.agg == "sum" and question.across is None and unknown:
        return None
    numbers = [value for value in values if value is not None]
    across = question.across or {"min": "min", "max": "max"}.get(question.agg, "sum")
    return _ACROSS[across](numbers) if numbers else None


def _of_window(kind: str, window: Sequence[Gain], question: Question) -> float | None:
    if not window:
        return None
    if kind in {"COUNTER", "GAUGE", "UP_DOWN_COUNTER"}:
        return _of_numbers(window, question)
    if question.agg.startswith("p"):
        return _quantile(kind, window, question.quantile)
    return _of_counts(window, question)


def _of_numbers(window: Sequence[Gain], question: Question) -> float | None:
    numbers = [gain.point.value for gain in window]
    match question.agg:
        case "last":
            return max(window, key=_time).point.value
        case "increase":
            return math.fsum(gain.value for gain in window)
        case "rate":
            return math.fsum(gain.value for gain in window) / (question.window / SECOND)
        case agg if agg in _ACROSS:
            return _ACROSS[agg](numbers)
        case _:
            ordered = sorted(numbers)
            place = question.quantile * (len(ordered) - 1)
            low = math.floor(place)
            high = min(low + 1, len(ordered) - 1)
            return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _of_counts(window: Sequence[Gain], question: Question) -> float | None:
    count = sum(gain.count for gain in window)
    sums = [gain.sum for gain in window if gain.sum is not None]
    total = math.fsum(sums) if len(sums) == len(window) else None
    match question.agg:
        case "avg":
            return None if total is None or not count else total / count
        case "sum":
            return total
        case "min":
            return min((g.point.min for g in window if g.point.min is not None), default=None)
        case "max":
            return max((g.point.max for g in window if g.point.max is not None), default=None)
        case _:
            return count / (question.window / SECOND if question.agg == "rate" else 1)


def _quantile(kind: str, window: Sequence[Gain], quantile: float) -> float | None:
    if kind == "SUMMARY":
        reported = [gain for gain in window if quantile in dict(gain.point.quantiles)]
        if not reported:
            return None
        return dict(max(reported, key=lambda gain: gain.point.at).point.quantiles)[quantile]
    if kind == "HISTOGRAM":
        columns = zip(*(gain.buckets for gain in window), strict=True)
        return histogram_quantile(quantile, window[0].point.bounds, [sum(each) for each in columns])
    return _exponential_quantile(quantile, window)


def histogram_quantile(
    quantile: float, bounds: Sequence[float], counts: Sequence[int]
) -> float | None:
    """Prometheus' `histogram_quantile` of buckets that are not cumulative."""
    total = sum(counts)
    if not total or not bounds:
        return None
    rank = quantile * total
    cumulative = [sum(counts[: index + 1]) for index in range(len(counts))]
    reached = (i for i in range(len(bounds)) if counts[i] and cumulative[i] >= rank)
    place = next(reached, len(bounds))
    if place == len(bounds):
        return bounds[-1]
    if place == 0 and bounds[0] <= 0:
        return bounds[0]
    lower = bounds[place - 1] if place else 0.0
    below = cumulative[place - 1] if place else 0
    return lower + (bounds[place] - lower) * (rank - below) / counts[place]


def _exponential_quantile(quantile: float, window: Sequence[Gain]) -> float | None:
    entries = [entry for gain in window for entry in gain.exponential]
    scale = min(entry[0] for entry in entries)
    sums = _downscaled(entries, scale)
    base = 2.0 ** (2.0**-scale)
    threshold = max(gain.point.threshold for gain in window)
    zeros = sum(gain.zeros for gain in window)
    buckets: list[tuple[float, float, int, str]] = []
    for (side, index), count in sums.items():
        if count > 0:
            buckets.append((base**index, base ** (index + 1), count, side))
    for bucket in sorted(buckets):
        if bucket[0] < threshold:
            threshold = max(threshold, bucket[1])
            zeros += bucket[2]
            buckets.remove(bucket)
    negative = sorted((b for b in buckets if b[3] == "negative"), reverse=True)
    positive = sorted(b for b in buckets if b[3] == "positive")
    rank = quantile * (zeros + sum(b[2] for b in buckets))
    if not zeros and not buckets:
        return None
    for lower, upper, count, _ in negative:
        if rank <= count:
            return -lower * (upper / lower) ** (1 - rank / count)
        rank -= count
    if zeros and rank <= zeros:
        low, high = -threshold if negative else 0.0, threshold if positive else 0.0
        return low + (high - low) * rank / zeros
    rank -= zeros
    for lower, upper, count, _ in positive:
        if rank <= count:
            return lower * (upper / lower) ** (rank / count)
        rank -= count
    return positive[-1][1] if positive else threshold
