"""`rak-derive` as a process: it follows what arrives, dies, comes back, and says what is wrong."""

import contextlib
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import fleet
from prometheus_text import metric
from rak_libs.clickhouse.insert import Inserter
from rak_libs.model.metric_rollups import ROLLUP_TABLES
from rak_libs.model.time_text import format_time
from rak_libs.runtime.settings import Config
from rollup_answers import assert_rollups_equal
from rollup_points import (
    MINUTE,
    DrawnKind,
    draw_points,
    draw_samples,
    insert_points,
    insert_series,
    midnight,
    shuffled,
)

KINDS: list[DrawnKind] = [([("COUNTER", "CUMULATIVE")], 6, draw_samples)]


@contextlib.contextmanager
def derive(config: Config, folder: Path, arguments: Sequence[str] = ()) -> Iterator[fleet.Service]:
    """Run the service, or one of its commands."""
    path = fleet.write_config(config, folder / "derive.toml")
    command = [sys.executable, "-m", "rak_services.derive", *arguments, "--config", str(path)]
    with fleet.running("rak-derive", command, folder) as child:
        yield child


@pytest.fixture
def config(migrated: Config) -> Config:
    """Looks often, on a port of its own."""
    return fleet.changed(
        migrated,
        derive={"interval_seconds": 0.1},
        server={"derive_admin_port": fleet.free_port()},
    )


def test_it_dies_comes_back_and_rebuilds(
    config: Config, inserter: Inserter, tmp_path: Path
) -> None:
    """Killed after an INSERT of windows, with late points after that; then all once more."""
    draw, begin = random.Random(11), midnight() - 30 * MINUTE
    points = draw_points(draw, KINDS, begin, begin + 60 * MINUTE)
    rows = shuffled(draw, points)
    insert_series(inserter, points)
    insert_points(inserter, rows[::2])
    with derive(config, tmp_path, ["--crash-at", "after-insert:2"]) as dying:
        dying.wait_killed()
    insert_points(inserter, rows[1::2])
    port = config.server.derive_admin_port
    with derive(config, tmp_path) as service:
        service.wait_ready(port)

        def cycles() -> float:
            return metric(port, "derive_cycle_duration_seconds_count")

        done = cycles()
        fleet.wait_until(lambda: cycles() >= done + 2, "points that were there are seen")
        assert_rollups_equal(inserter, points)
        assert 0 < metric(port, "derive_lag_seconds") < 200
        assert service.terminate() == 0
    for table in ROLLUP_TABLES:
        inserter.execute(f"TRUNCATE TABLE {table.name}")
    span = ["--from", format_time(begin), "--to", format_time(begin + 60 * MINUTE)]
    with derive(config, tmp_path, ["rebuild", *span]) as rebuilding:
        assert rebuilding.process.wait(timeout=60) == 0
        assert "computed" in rebuilding.output()
    assert_rollups_equal(inserter, points)


def test_a_missing_table_ends_it_loudly(config: Config, tmp_path: Path) -> None:
    """Nothing is retried that an operator has to put right."""
    elsewhere = fleet.changed(config, clickhouse={"database": "default"})
    with derive(elsewhere, tmp_path) as service:
        assert service.process.wait(timeout=60) == 1
        assert "derive.refused" in service.output()
        assert "rak-migrate up" in service.output()


def test_it_waits_for_an_engine_that_is_away(config: Config, tmp_path: Path) -> None:
    """It stays, tries again, and can still be stopped."""
    away = fleet.changed(config, clickhouse={"url": f"clickhouse://127.0.0.1:{fleet.free_port()}"})
    with derive(away, tmp_path) as service:
        fleet.wait_until(lambda: "derive.cycle_failed" in service.output(), "it has tried")
        assert service.terminate() == 0
