"""The rule of the increase, case by case; `rak_libs.model.metric_rollups` states it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from rak_libs.clickhouse.insert import Inserter
from rak_libs.runtime.settings import Config
from rak_services.derive.metrics.rollups import MetricRollups
from rollup_answers import read_exponential, read_samples
from rollup_instances import rollups_of
from rollup_oracle import HistogramPoint, Sample, Series
from rollup_points import HOUR, MINUTE, insert_points, insert_series, midnight

HALF = MINUTE // 2
COUNTER = ("COUNTER", "CUMULATIVE")
LARGE = 2**60
ORIGIN = midnight() + 3 * HOUR

# Series, points as (time, start or None, value), and the increase and resets of each window that
# has points: times in minutes.
CASES = {
    "a point counts from its predecessor": (
        COUNTER,
        [(0, None, 10), (1, None, 15), (2, None, 17)],
        {0: (0, 0), 1: (5, 0), 2: (2, 0)},
    ),
    "a first point with a recent start counts whole": (COUNTER, [(5, 1, 7)], {5: (7, 0)}),
    "a first point with an old start counts nothing": (COUNTER, [(5, -56, 7)], {5: (0, 0)}),
    "a start at the point's own time is not known": (
        COUNTER,
        [(5, 5, 7), (6, 5, 9)],
        {5: (0, 0), 6: (2, 0)},
    ),
    "a fall is a reset": (
        COUNTER,
        [(0, None, 10), (1, None, 4), (2, None, 5)],
        {0: (0, 0), 1: (4, 1), 2: (1, 0)},
    ),
    "a later start is a reset, though the value rose": (
        COUNTER,
        [(0, -1, 10), (2, 1, 25)],
        {0: (10, 0), 2: (25, 1)},
    ),
    "a start before the predecessor is none": (
        COUNTER,
        [(0, -2, 10), (2, 0, 25)],
        {0: (10, 0), 2: (15, 0)},
    ),
    "an hour is looked back": (COUNTER, [(0, None, 10), (60, None, 15)], {0: (0, 0), 60: (5, 0)}),
    "more than an hour is not": (COUNTER, [(0, None, 10), (61, None, 15)], {0: (0, 0), 61: (0, 0)}),
    "several points of a window add up": (
        COUNTER,
        [(0, None, 10), (1, None, 12), (1.5, None, 3), (1.75, None, 8)],
        {0: (0, 0), 1: (2 + 3 + 5, 1)},
    ),
    "deltas are increases": (
        ("COUNTER", "DELTA"),
        [(0, -1, 10), (1, 0, 4), (1.5, 1, 6)],
        {0: (10, 0), 1: (10, 0)},
    ),
    "an up-down counter falls without a reset": (
        ("UP_DOWN_COUNTER", "CUMULATIVE"),
        [(0, None, 10), (1, None, 4), (3, 2, 6)],
        {0: (0, 0), 1: (-6, 0), 3: (6, 1)},
    ),
    "a gauge does not increase": (
        ("GAUGE", "UNSPECIFIED"),
        [(0, -1, 10), (1, 0.5, 4)],
        {0: (0, 0), 1: (0, 0)},
    ),
    "rows of one time are one point, the greatest": (
        COUNTER,
        [(0, None, 10), (1, None, 12), (1, None, 14), (1, None, 14)],
        {0: (0, 0), 1: (4, 0)},
    ),
    "large integers are exact": (
        COUNTER,
        [(0, None, LARGE), (1, None, LARGE + 1), (2, None, LARGE)],
        {0: (0, 0), 1: (1, 0), 2: (float(LARGE), 1)},
    ),
}


@pytest.fixture(scope="module")
def computed(migrated: Config) -> Iterator[dict[str, dict[float, tuple[float, int]]]]:
    """Increase and resets of every case, by the minute."""
    inserter = Inserter(migrated.clickhouse)
    origin = ORIGIN
    points = {}
    for number, (name, (kind, given, _)) in enumerate(CASES.items(), start=1):
        points[Series(name, number, *kind)] = [
            Sample(
                origin + int(time * MINUTE),
                0 if start is None else origin + int(start * MINUTE),
                float(value),
                int(value) - int(float(value)),
            )
            for time, start, value in given
        ]
    insert_series(inserter, points)
    insert_points(inserter, [(series, point) for series in points for point in points[series]])
    insert_points(
        inserter,
        [(series, Sample(origin + HALF, 0, 1e9, stale=True)) for series in points],
    )
    rollups_of(migrated, inserter).cycle()
    found: dict[str, dict[float, tuple[float, int]]] = {name: {} for name in CASES}
    names = list(CASES)
    for (fingerprint, begin), row in read_samples(inserter, "1m").items():
        minute = (begin - origin) // MINUTE
        found[names[fingerprint - 1]][minute] = (row["increase"], row["resets"])
    yield found
    inserter.close()


@pytest.mark.parametrize("name", list(CASES))
def test_increase(name: str, computed: dict[str, dict[float, tuple[float, int]]]) -> None:
    """A row without a recorded value half a minute in changes nothing."""
    assert computed[name] == CASES[name][2]


def exponential(minute: float, scale: int, buckets: dict[int, int]) -> HistogramPoint:
    """A point of positive measurements, without a start."""
    time, count = ORIGIN + int(minute * MINUTE), sum(buckets.values())
    places = {("+", index): number for index, number in buckets.items()}
    return HistogramPoint(time, 0, count, None, None, None, 0.0, places, scale)


# Points as (minute, scale, buckets); buckets, scale and resets of the hour.
EXPONENTIAL_CASES = {
    "a lower scale is no reset": (
        [(0, 3, {4: 1, 5: 2, 9: 1}), (1, 2, {2: 4, 4: 1, 5: 1})],
        ({("+", 2): 1, ("+", 5): 1}, 2, 0),
    ),
    "a higher scale is compared at the lower one": (
        [(0, 2, {2: 3}), (1, 3, {4: 2, 5: 2})],
        ({("+", 2): 1}, 2, 0),
    ),
    "negative indexes round down": (
        [(0, 1, {-3: 1, -1: 1}), (1, 0, {-2: 2, -1: 2})],
        ({("+", -2): 1, ("+", -1): 1}, 0, 0),
    ),
    "a bucket that has gone is a reset": (
        [(0, 0, {0: 5}), (1, 0, {3: 6})],
        ({("+", 3): 6}, 0, 1),
    ),
    "a bucket that has fallen is a reset": (
        [(0, 0, {0: 5, 1: 1}), (1, 0, {0: 6, 1: 0, 2: 9})],
        ({("+", 0): 6, ("+", 2): 9}, 0, 1),
    ),
    "buckets far apart are added": (
        [(0, 0, {-(2**31): 5}), (1, 0, {-(2**31): 6}), (2, 0, {2**31 - 1: 7})],
        ({("+", -(2**31)): 1, ("+", 2**31 - 1): 7}, 0, 1),
    ),
}


def test_exponential_histograms(inserter: Inserter, rollups: MetricRollups) -> None:
    """Scales differ as the range of a histogram grows; what has fallen is a reset."""
    points = {
        Series(name, number, "EXPONENTIAL_HISTOGRAM", "CUMULATIVE"): [
            exponential(*each) for each in given
        ]
        for number, (name, (given, _)) in enumerate(EXPONENTIAL_CASES.items())
    }
    insert_series(inserter, points)
    insert_points(inserter, [(series, point) for series in points for point in points[series]])
    rollups.cycle()
    found = {
        list(EXPONENTIAL_CASES)[fingerprint]: (row["buckets"], row["scale"], row["resets"])
        for (fingerprint, *_), row in read_exponential(inserter, "1h").items()
    }
    assert found == {name: expected for name, (_, expected) in EXPONENTIAL_CASES.items()}


@pytest.mark.usefixtures("without_overlap")
def test_a_late_point_changes_the_increase_of_the_next(
    inserter: Inserter, rollups: MetricRollups
) -> None:
    """Up to an hour later, though nothing arrived there; the hours follow."""
    series = Series("late", 1, *COUNTER)

    def arrive(*points: tuple[int, int]) -> dict[int, float]:
        rows = [(series, Sample(ORIGIN + time * MINUTE, 0, float(value))) for time, value in points]
        insert_series(inserter, {series: [point for _, point in rows]})
        insert_points(inserter, rows)
        rollups.cycle()
        windows = read_samples(inserter, "1m").items()
        return {(key[1] - ORIGIN) // MINUTE: row["increase"] for key, row in windows}

    assert arrive((0, 10), (50, 30), (105, 70)) == {0: 0, 50: 20, 105: 40}
    assert arrive((45, 22)) == {0: 0, 45: 12, 50: 8, 105: 40}
    assert arrive((55, 41)) == {0: 0, 45: 12, 50: 8, 55: 11, 105: 29}
    hours = {key[1]: row["increase"] for key, row in read_samples(inserter, "1h").items()}
    assert hours == {ORIGIN: 31, ORIGIN + HOUR: 29}


def test_the_query_of_the_page_runs_as_written(inserter: Inserter) -> None:
    page = (Path(__file__).parents[3] / "docs" / "rollups.md").read_text()
    (query,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    assert inserter.execute(query) == []
