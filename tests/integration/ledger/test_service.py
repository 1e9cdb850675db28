"""`rak-derive` as a process: it keeps the ledger, dies, comes back, and says what is wrong."""

import contextlib
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import fleet
from integration.ledger.conftest import DERIVED
from ledger_answers import assert_ledger_right
from ledger_spans import draw_traces, insert_spans
from prometheus_text import metric
from rak_libs.clickhouse.insert import Inserter
from rak_libs.runtime.settings import Config


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
        derive={"ledger_interval_seconds": 0.1},
        server={"derive_admin_port": fleet.free_port()},
    )


def test_it_dies_comes_back_and_rebuilds(
    config: Config, inserter: Inserter, tmp_path: Path
) -> None:
    """Killed when entries were stored and their slots were not; then all once more."""
    draw = random.Random(11)
    rows = draw_traces(draw, 8, 8)
    insert_spans(inserter, rows[::2])
    with derive(config, tmp_path, ["--crash-at", "ledger-after-insert:2"]) as dying:
        dying.wait_killed()
    insert_spans(inserter, rows[1::2])
    port = config.server.derive_admin_port
    with derive(config, tmp_path) as service:
        service.wait_ready(port)

        def cycles() -> float:
            return metric(port, "derive_ledger_cycle_duration_seconds_count")

        done = cycles()
        fleet.wait_until(lambda: cycles() >= done + 3, "spans that were there are seen")
        assert_ledger_right(inserter, rows)
        assert 0 < metric(port, "derive_ledger_lag_seconds") < 60
        assert metric(port, "derive_ledger_traces_total") >= 8
        assert metric(port, "derive_ledger_entries_total") > 0
        assert metric(port, "derive_ledger_slots_total") > 0
        assert service.terminate() == 0
    for table in DERIVED:
        inserter.execute(f"TRUNCATE TABLE {table}")
    with derive(config, tmp_path, ["rebuild", "--only", "ledger"]) as rebuilding:
        assert rebuilding.process.wait(timeout=60) == 0
        assert "ledger: computed" in rebuilding.output()
        assert "metrics" not in rebuilding.output()
    assert_ledger_right(inserter, rows)


def test_wrong_prices_are_a_wrong_configuration(config: Config, tmp_path: Path) -> None:
    """Everything that is wrong is named, and nothing starts."""
    prices = tmp_path / "prices.toml"
    prices.write_text('currency = "EUR"\n[[price]]\nmodel = 1\ninput = "free"\n')
    with derive(fleet.changed(config, derive={"prices": str(prices)}), tmp_path) as service:
        assert service.process.wait(timeout=60) == 2
        output = service.output()
    for wrong in ("[derive] prices", str(prices), "currency", "model", "input"):
        assert wrong in output


def test_a_missing_table_of_the_ledger_does_not_stop_metrics(
    config: Config, inserter: Inserter, tmp_path: Path
) -> None:
    port = config.server.derive_admin_port
    inserter.execute("RENAME TABLE ledger TO elsewhere")
    insert_spans(inserter, draw_traces(random.Random(12), 1, 3))
    try:
        with derive(config, tmp_path) as service:
            service.wait_ready(port)
            fleet.wait_until(lambda: "derive.refused" in service.output(), "it has tried")
            fleet.wait_until(
                lambda: metric(port, "derive_cycle_duration_seconds_count") >= 1, "it goes on"
            )
            assert metric(port, "derive_ledger_errors_total", code="60") == 1
            assert service.terminate() == 0
    finally:
        inserter.execute("RENAME TABLE elsewhere TO ledger")
