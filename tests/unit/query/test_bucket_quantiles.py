"""Quantiles of observations that are known by buckets."""

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from metric_oracle import histogram_quantile
from rak_services.query.metrics.bucket_quantiles import ExponentialBuckets, explicit_quantile

QUANTILES = st.floats(0, 1)
COUNTS = st.lists(st.integers(0, 1_000), min_size=2, max_size=12)


def test_a_quantile_lies_as_far_into_its_bucket_as_its_rank() -> None:
    assert explicit_quantile(0.5, [1.0, 2.0, 4.0], [0, 4, 0, 0]) == 1.5
    assert explicit_quantile(0.5, [1.0, 2.0], [4, 0, 0]) == 0.5
    assert explicit_quantile(0.5, [-1.0, 2.0], [4, 0, 0]) == -1.0
    assert explicit_quantile(0.9, [1.0, 2.0], [1, 0, 9]) == 2.0
    assert explicit_quantile(0.5, [1.0], [0, 0]) is None
    assert explicit_quantile(0.5, [], [7]) is None


@given(QUANTILES, COUNTS)
def test_explicit_quantiles_are_those_of_plain_python(quantile: float, counts: list[int]) -> None:
    bounds = [float(n) - 2 for n in range(len(counts) - 1)]
    found, expected = (
        explicit_quantile(quantile, bounds, counts),
        histogram_quantile(quantile, bounds, counts),
    )
    assert (found is None) == (expected is None)
    assert found is None or expected is None or math.isclose(found, expected, abs_tol=1e-9)


@given(COUNTS)
def test_quantiles_rise(counts: list[int]) -> None:
    bounds = [float(n) for n in range(len(counts) - 1)]
    buckets = ExponentialBuckets(1, 2, 0.0, dict(enumerate(counts)), dict(enumerate(counts)))
    buckets.settle()
    for of in (lambda q: explicit_quantile(q, bounds, counts), buckets.quantile):
        values = [of(n / 20) for n in range(21)]
        for lower, higher in pairwise(value for value in values if value is not None):
            assert lower <= higher + 1e-9


def test_an_exponential_quantile_grows_by_a_share_of_the_exponent() -> None:
    one = ExponentialBuckets(0, positive={0: 4})
    assert one.quantile(0.5) == math.sqrt(2)
    assert one.quantile(1.0) == 2.0
    assert ExponentialBuckets(0, negative={0: 4}).quantile(0.25) == -(2**0.75)
    assert ExponentialBuckets(0, zeros=3).quantile(0.5) == 0.0
    assert ExponentialBuckets(0).quantile(0.5) is None
    mixed = ExponentialBuckets(0, 2, 0.5, positive={0: 1}, negative={0: 1})
    assert mixed.quantile(0.5) == 0.0
    assert ExponentialBuckets(-10, positive={3: 1}).quantile(1.0) == math.inf


def test_different_scales_are_added_at_the_lower_one_where_negative_indexes_round_down() -> None:
    sums = ExponentialBuckets(2, 1, positive={-5: 1, -4: 2, 3: 4}, negative={7: 1})
    sums.add(ExponentialBuckets(0, 1, positive={-2: 10, 0: 20}, negative={1: 1}))
    assert (sums.scale, sums.zeros) == (0, 2)
    assert sums.positive == {-2: 11, -1: 2, 0: 24}
    assert sums.negative == {1: 2}
    sums.add(ExponentialBuckets(1, positive={-3: -11}))
    sums.settle()
    assert sums.positive == {-1: 2, 0: 24}


def test_what_lies_within_the_threshold_of_zero_is_counted_as_zero() -> None:
    sums = ExponentialBuckets(0, 1, 0.25, positive={-3: 2, -2: 4, 1: 8})
    sums.add(ExponentialBuckets(0, 0, 0.3))
    sums.settle()
    # The bucket (0.25, 0.5] lies partly within, so the threshold is raised to its end.
    assert (sums.zeros, sums.threshold, sums.positive) == (7, 0.5, {1: 8})


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-40, 40), st.integers(1, 5)), min_size=1))
def test_the_order_of_adding_changes_nothing(parts: list[tuple[int, int, int]]) -> None:
    def added(some: list[tuple[int, int, int]]) -> ExponentialBuckets:
        sums = ExponentialBuckets(20)
        for scale, index, count in some:
            sums.add(ExponentialBuckets(scale, positive={index: count}))
        return sums

    assert added(parts) == added(parts[::-1])
    assert sum(added(parts).positive.values()) == sum(count for *_, count in parts)
