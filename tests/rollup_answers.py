"""Reads the rollups back, and compares them with what the oracle says."""

import math
from typing import Any

from rak_libs.clickhouse.insert import Inserter
from rak_libs.model.metric_rollups import STEP_SECONDS
from rollup_oracle import Series, Window, histogram_windows, sample_windows
from rollup_points import Points

Rows = dict[Any, dict[str, Any]]

_SAMPLES = (
    "points, resets, sum, min, max, last, last_remainder, toUnixTimestamp64Nano(last_timestamp),"
    " increase"
)
_COUNTS = "points, resets, count, sum, min, max"
_SELECT = "SELECT fingerprint, toUnixTimestamp64Nano(timestamp), {} FROM {} FINAL"


def assert_rollups_equal(inserter: Inserter, points: Points, *, until: int = 2**63) -> None:
    """Compare every table with the oracle: the same windows, and the same numbers in them."""
    for step, seconds in STEP_SECONDS.items():
        step_ns = seconds * 10**9
        expected = {
            kind: {key: row for key, row in rows.items() if key[1] + step_ns <= until}
            for kind, rows in _expected(points, step_ns).items()
        }
        _assert_equal(expected["samples"], read_samples(inserter, step))
        _assert_equal(expected["histograms"], read_histograms(inserter, step))
        _assert_equal(expected["exponential"], read_exponential(inserter, step))


def read_samples(inserter: Inserter, step: str) -> Rows:
    names = [*_SAMPLES.replace("toUnixTimestamp64Nano(last_timestamp)", "last_timestamp").split()]
    names = [name.strip(",") for name in names]
    rows = inserter.execute(_SELECT.format(_SAMPLES, f"metric_samples_{step}"))
    return {row[:2]: dict(zip(names, row[2:], strict=True)) for row in rows}


def read_histograms(inserter: Inserter, step: str) -> Rows:
    columns = f"{_COUNTS}, explicit_bounds, bucket_counts"
    found = {}
    for row in inserter.execute(_SELECT.format(columns, f"metric_histograms_{step}")):
        *key, points, resets, count, total, low, high, bounds, counts = row
        buckets = {place: number for place, number in enumerate(counts) if number}
        found[(*key, tuple(bounds))] = _histogram(
            points, resets, count, total, low, high, 0, buckets
        )
        assert len(counts) == len(bounds) + 1
    return found


def read_exponential(inserter: Inserter, step: str) -> Rows:
    columns = (
        f"{_COUNTS}, zero_threshold, scale, zero_count, positive_indexes, positive_counts,"
        " negative_indexes, negative_counts"
    )
    found = {}
    for row in inserter.execute(_SELECT.format(columns, f"metric_exponential_histograms_{step}")):
        *key, points, resets, count, total, low, high, threshold, scale, zeros = row[:-4]
        positive, positive_counts, negative, negative_counts = row[-4:]
        assert list(positive) == sorted(set(positive))
        buckets: dict[Any, int] = {("0", 0): zeros} if zeros else {}
        buckets |= zip((("+", i) for i in positive), positive_counts, strict=True)
        buckets |= zip((("-", i) for i in negative), negative_counts, strict=True)
        found[(*key, threshold)] = _histogram(
            points, resets, count, total, low, high, scale, buckets
        )
    return found


def _histogram(*values: Any) -> dict[str, Any]:
    names = ("points", "resets", "count", "sum", "min", "max", "scale", "buckets")
    return dict(zip(names, values, strict=True))


def _expected(points: Points, step_ns: int) -> dict[str, Rows]:
    found: dict[str, Rows] = {"samples": {}, "histograms": {}, "exponential": {}}
    for series, its_points in points.items():
        if series.metric_type == "HISTOGRAM":
            windows = histogram_windows(series, its_points, step_ns)
            found["histograms"] |= _rows(series, windows)
        elif series.metric_type == "EXPONENTIAL_HISTOGRAM":
            windows = histogram_windows(series, its_points, step_ns)
            found["exponential"] |= _rows(series, windows)
        else:
            plain = sample_windows(series, its_points, step_ns)
            found["samples"] |= _rows(series, {(begin,): row for begin, row in plain.items()})
    return found


def _rows(series: Series, windows: dict[Any, Window]) -> Rows:
    return {
        (series.fingerprint, *key): {
            "points": window.points,
            "resets": window.resets,
            **window.values,
        }
        for key, window in windows.items()
    }


def _assert_equal(expected: Rows, found: Rows) -> None:
    assert found.keys() - expected.keys() == set()
    assert expected.keys() - found.keys() == set()
    different = [
        (key, name, value, found[key][name])
        for key, row in expected.items()
        for name, value in row.items()
        if not _same(value, found[key][name])
    ]
    assert different == []


def _same(expected: Any, found: Any) -> bool:
    if isinstance(expected, float) and isinstance(found, float):
        return math.isclose(expected, found, rel_tol=1e-9, abs_tol=1e-9)
    return bool(expected == found)
