"""Rollups equal a plain computation over the points, in whatever order those arrived."""

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest

from fleet import changed
from rak_libs.clickhouse.insert import Inserter
from rak_libs.model.metric_rollups import ROLLUP_TABLES
from rak_libs.runtime.settings import Config
from rak_services.derive.metrics.rollups import MetricRollups
from rollup_answers import assert_rollups_equal, read_samples
from rollup_instances import rollups_of
from rollup_points import (
    MINUTE,
    Points,
    draw_exponential,
    draw_histograms,
    draw_points,
    draw_samples,
    insert_points,
    insert_series,
    midnight,
    shuffled,
)

SAMPLES = [
    ("COUNTER", "CUMULATIVE"),
    ("COUNTER", "CUMULATIVE"),
    ("COUNTER", "DELTA"),
    ("UP_DOWN_COUNTER", "CUMULATIVE"),
    ("UP_DOWN_COUNTER", "DELTA"),
    ("GAUGE", "UNSPECIFIED"),
]
HISTOGRAMS = [("HISTOGRAM", "CUMULATIVE"), ("HISTOGRAM", "DELTA")]
EXPONENTIAL = [("EXPONENTIAL_HISTOGRAM", "CUMULATIVE"), ("EXPONENTIAL_HISTOGRAM", "DELTA")]
SEED = int(os.environ.get("RAK_TEST_ROLLUP_SEED", "1"))
DRAWS = [(SAMPLES, 120, draw_samples), (HISTOGRAMS, 60, draw_histograms),
         (EXPONENTIAL, 40, draw_exponential)]  # fmt: skip


def batches(draw: random.Random, rows: list[Any], count: int) -> Iterator[list[Any]]:
    cuts = sorted(draw.randrange(len(rows)) for _ in range(count - 1))
    for begin, end in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        yield rows[begin:end]


@pytest.mark.usefixtures("without_overlap")
def test_rollups_equal_a_plain_computation(inserter: Inserter, rollups: MetricRollups) -> None:
    """However points arrive, at every look, after merges, and when all is computed again."""
    draw = random.Random(SEED)
    begin = midnight() - 45 * MINUTE
    points = draw_points(draw, DRAWS, begin, begin + 100 * MINUTE)
    insert_series(inserter, points)
    arrived: Points = {series: [] for series in points}
    for rows in batches(draw, shuffled(draw, points), 2):
        insert_points(inserter, rows)
        for series, point in rows:
            arrived[series].append(point)
        rollups.cycle()
        assert_rollups_equal(inserter, arrived)
    for table in ROLLUP_TABLES:
        inserter.execute(f"OPTIMIZE TABLE {table.name} FINAL")
    assert_rollups_equal(inserter, points)
    for table in ROLLUP_TABLES:
        inserter.execute(f"TRUNCATE TABLE {table.name}")
    rollups.rebuild(begin, begin + 100 * MINUTE)
    assert_rollups_equal(inserter, points)


def test_windows_outlive_their_points(
    migrated: Config, inserter: Inserter, rollups: MetricRollups
) -> None:
    """What has expired is not computed again from nothing, and not from half of it."""
    draw, begin = random.Random(SEED), midnight() - 10 * MINUTE
    points = draw_points(draw, [(SAMPLES, 12, draw_samples)], begin, begin + 20 * MINUTE)
    insert_series(inserter, points)
    insert_points(inserter, shuffled(draw, points))
    expired = changed(migrated, storage={"metrics_retention_days": 1})
    rollups_of(expired, inserter).cycle()
    assert read_samples(inserter, "1m") == {}
    rollups.rebuild(begin, begin + 20 * MINUTE)
    assert_rollups_equal(inserter, points)
    inserter.execute("TRUNCATE TABLE metric_samples")
    rollups.rebuild(begin, begin + 20 * MINUTE)
    rollups.cycle()
    assert_rollups_equal(inserter, points)
