"""What each kind of data point must be to be stored.

The rules follow opentelemetry-proto `metrics/v1/metrics.proto`. Values may be anything, NaN and
infinities too; a `count` that is not the sum of the buckets is stored as it is, since SDKs read
the two one after the other.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    SummaryDataPoint,
)

from rak_libs.model.time_window import TimeWindow, reject_reason

MIN_SCALE: Final = -10
MAX_SCALE: Final = 20
"""Scales of exponential histograms: what every SDK keeps to. At -10 one bucket holds all doubles;
above 20 neighbouring bounds of buckets are closer than doubles can tell apart far from 1."""

MAX_BUCKETS: Final = 65_536
"""Buckets of a histogram, of an exponential one on each side. SDKs keep to some hundreds; a bucket
may be one byte on the wire and is eight in a table."""

_LARGEST_COUNT: Final = 2**63 - 1
"""A larger count is a negative one that was written without a sign."""

PointKind = str
"""Name of the member of `Metric.data`: `gauge`, `sum`, `histogram`, `exponential_histogram` or
`summary`."""


def point_reason(kind: PointKind, point: Any, window: TimeWindow) -> str | None:
    """Say why a point of a metric of `kind` is refused.

    Returns:
        None when it is not; else a reason of `rak_libs.model.time_window`, or `too_many_buckets`
        (`MAX_BUCKETS`), `negative_count` (a count above 2^63-1), `bucket_counts` (not one more than
        there are bounds), `explicit_bounds` (not increasing, or NaN), `scale` (not from -10 to 20),
        `quantile` (not from 0 to 1): the first that applies.
    """
    reason = reject_reason(point.time_unix_nano, window)
    shape = _SHAPES.get(kind)
    return shape(point) if reason is None and shape is not None else reason


def all_pass(kind: PointKind, points: Sequence[Any], window: TimeWindow) -> bool:
    """Tell whether every point passes `point_reason`, judged by whole columns."""
    if not points:
        return True
    times = [point.time_unix_nano for point in points]
    if min(times) < window.oldest_ns or max(times) > window.newest_ns:
        return False
    shape = _SHAPES.get(kind)
    return shape is None or not any(map(shape, points))


def _histogram_reason(point: HistogramDataPoint) -> str | None:
    if len(point.bucket_counts) > MAX_BUCKETS:
        return "too_many_buckets"
    bounds = point.explicit_bounds[:]
    counts = point.bucket_counts[:]
    if point.count > _LARGEST_COUNT or (counts and max(counts) > _LARGEST_COUNT):
        return "negative_count"
    # A histogram may have no buckets at all: then it has no bounds either.
    if len(counts) != len(bounds) + 1 and (counts or bounds):
        return "bucket_counts"
    return None if _increase(bounds) else "explicit_bounds"


def _increase(bounds: Sequence[float]) -> bool:
    """Tell whether each is larger than the one before; NaN is larger than nothing."""
    if len(bounds) == 1:
        return bounds[0] == bounds[0]
    return all(lower < upper for lower, upper in pairwise(bounds))


def _exponential_reason(point: ExponentialHistogramDataPoint) -> str | None:
    sides = (point.positive, point.negative)
    if any(len(side.bucket_counts) > MAX_BUCKETS for side in sides):
        return "too_many_buckets"
    if max(point.count, point.zero_count) > _LARGEST_COUNT or any(map(_has_negative, sides)):
        return "negative_count"
    return None if MIN_SCALE <= point.scale <= MAX_SCALE else "scale"


_CONTINUED, _ONE, _OTHER = b"C1o"
_VARINT_BYTES: Final = bytes(
    _CONTINUED if byte >= 0x80 else _ONE if byte == 1 else _OTHER for byte in range(256)
)
_ABOVE_LARGEST: Final = b"C" * 9 + b"1"
"""Ten bytes, the last of which is 1: the varints from 2^63 on."""


def _has_negative(side: ExponentialHistogramDataPoint.Buckets) -> bool:
    """Tell whether a bucket's count is above 2^63-1.

    Buckets come by the hundred; their bytes are searched in a tenth of the time of their objects.
    """
    kinds = side.SerializeToString().translate(_VARINT_BYTES)
    # A field that this version does not know may hold such bytes, too.
    return _ABOVE_LARGEST in kinds and max(side.bucket_counts, default=0) > _LARGEST_COUNT


def _summary_reason(point: SummaryDataPoint) -> str | None:
    if point.count > _LARGEST_COUNT:
        return "negative_count"
    return None if _are_shares(value.quantile for value in point.quantile_values) else "quantile"


def _are_shares(quantiles: Iterable[float]) -> bool:
    return all(0 <= quantile <= 1 for quantile in quantiles)


_SHAPES: Final[Mapping[PointKind, Callable[[Any], str | None]]] = {
    "histogram": _histogram_reason,
    "exponential_histogram": _exponential_reason,
    "summary": _summary_reason,
}
