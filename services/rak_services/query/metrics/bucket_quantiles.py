"""Quantiles of observations that are known by buckets alone."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


def explicit_quantile(
    quantile: float, bounds: Sequence[float], counts: Sequence[int]
) -> float | None:
    """Return a quantile by linear interpolation within its bucket; None without observations.

    As Prometheus' `histogram_quantile`: the first bucket begins at 0 when its bound is above 0, and
    a quantile in the last one, which has no upper bound, is that bucket's lower bound.

    Args:
        quantile: From 0 to 1.
        bounds: Inclusive upper bounds of all buckets but the last, increasing.
        counts: Observations in each bucket; one more than bounds.
    """
    counts = [max(count, 0) for count in counts]
    total = sum(counts)
    if not total or not bounds:
        return None
    rank = quantile * total
    below = 0
    for index, count in enumerate(counts):
        if count and below + count >= rank and index < len(bounds):
            return _interpolated(bounds, index, count, rank - below)
        below += count
    return bounds[-1]


def _interpolated(bounds: Sequence[float], index: int, count: int, rank: float) -> float:
    upper = bounds[index]
    if index == 0 and upper <= 0:
        return upper
    lower = bounds[index - 1] if index else 0.0
    return lower + (upper - lower) * (rank / count)


@dataclass(slots=True)
class ExponentialBuckets:
    """Observations in exponential buckets.

    Bucket i of the positive side holds (base^i, base^(i+1)], base = 2^(2^-scale); the negative side
    mirrors it. Values of at most `threshold`, of either sign, are counted as zeros.
    """

    scale: int
    zeros: int = 0
    threshold: float = 0.0
    positive: dict[int, int] = field(default_factory=dict)
    negative: dict[int, int] = field(default_factory=dict)

    def add(self, other: "ExponentialBuckets") -> None:
        """Add observations; both go to the lower scale of the two, where that loses nothing."""
        scale = min(self.scale, other.scale)
        self._downscale(scale)
        self.zeros += other.zeros
        self.threshold = max(self.threshold, other.threshold)
        for side, added in ((self.positive, other.positive), (self.negative, other.negative)):
            for index, count in added.items():
                shifted = index >> (other.scale - scale)
                side[shifted] = side.get(shifted, 0) + count

    def settle(self) -> None:
        """Move buckets that lie within the threshold to the zeros, and drop empty ones.

        A bucket that lies partly within raises the threshold to its end, as OpenTelemetry merges
        histograms of different thresholds.
        """
        for side in (self.positive, self.negative):
            for index in sorted(side):
                count = side[index]
                if count <= 0:
                    del side[index]
                elif self.bound(index) < self.threshold:
                    self.threshold = max(self.threshold, self.bound(index + 1))
                    self.zeros += side.pop(index)

    def bound(self, index: int) -> float:
        """Return the lower bound of a bucket of the positive side."""
        return self._power(index)

    def quantile(self, quantile: float) -> float | None:
        """Return a quantile, by exponential interpolation within its bucket; None without any.

        In the bucket of zeros it is linear, from 0 where there are values of one sign only, as
        Prometheus does it for native histograms.
        """
        zeros = max(self.zeros, 0)
        total = sum(self.negative.values()) + zeros + sum(self.positive.values())
        if not total:
            return None
        rank = quantile * total
        for index in sorted(self.negative, reverse=True):
            count = self.negative[index]
            if rank <= count:
                return -self._within(index, 1 - rank / count)
            rank -= count
        if rank <= zeros and zeros:
            return self._within_zeros(rank / zeros)
        rank -= zeros
        for index in sorted(self.positive):
            count = self.positive[index]
            if rank <= count:
                return self._within(index, max(rank, 0.0) / count)
            rank -= count
        last = max(self.positive, default=None)
        return self.threshold if last is None else self.bound(last + 1)

    def _within(self, index: int, share: float) -> float:
        return self._power(index + share)

    def _power(self, index: float) -> float:
        """Return base to the power of an index; infinity where it overflows."""
        try:
            return math.exp2(math.ldexp(index, -self.scale))
        except OverflowError:
            return math.inf

    def _within_zeros(self, share: float) -> float:
        lower = -self.threshold if self.negative else 0.0
        upper = self.threshold if self.positive else 0.0
        return lower + (upper - lower) * share

    def _downscale(self, scale: int) -> None:
        shift = self.scale - scale
        if not shift:
            return
        self.positive = _shifted(self.positive, shift)
        self.negative = _shifted(self.negative, shift)
        self.scale = scale


def _shifted(side: Mapping[int, int], shift: int) -> dict[int, int]:
    shifted: dict[int, int] = {}
    for index, count in side.items():
        # Rounds down for negative indexes too.
        shifted[index >> shift] = shifted.get(index >> shift, 0) + count
    return shifted
