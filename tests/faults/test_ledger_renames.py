"""ClickHouse killed while the ledger is stored or summed up: all sums are right afterwards."""

import contextlib
import random
from pathlib import Path

import fleet
from ledger_answers import assert_ledger_right
from ledger_instances import upkeep_of
from ledger_spans import draw_traces, in_batches, insert_spans
from rak_libs.clickhouse.errors import ClickHouseError
from rak_libs.clickhouse.insert import Inserter
from rak_services.derive.ledger.upkeep import LedgerUpkeep
from renames import killed_at_rename, require_strace

RENAMES = (1, 2, 3)
"""Those of one thread: an INSERT of entries renames a part for each day, then come totals, and the
slots of four tables."""


def test_clickhouse_killed_at_a_rename_leaves_no_sum_wrong(tmp_path: Path) -> None:
    """Again and again, before or between parts, with spans that come in between."""
    require_strace()
    draw = random.Random(2)
    rows = draw_traces(draw, 12, 8)
    ports = fleet.Ports()
    config = fleet.fleet_config(ports, tmp_path)
    folder = tmp_path / "clickhouse"
    batches = in_batches(draw, rows, len(RENAMES))
    with fleet.engine(folder, ports.engine):
        fleet.migrate(config, tmp_path, "--only", "tables")
    with contextlib.closing(Inserter(config.clickhouse)) as inserter:
        upkeep = upkeep_of(config, inserter)
        for number, (rename, batch) in enumerate(zip(RENAMES, batches, strict=True)):
            with fleet.engine(folder, ports.engine) as (_, engine):
                insert_spans(inserter, batch)
                with killed_at_rename(engine.pid, rename, tmp_path / f"renames-{number}"):
                    _work_until_dead(upkeep, engine)
        with fleet.engine(folder, ports.engine):
            upkeep.cycle()
            assert_ledger_right(inserter, rows)


def _work_until_dead(upkeep: LedgerUpkeep, engine: fleet.Service) -> None:
    try:
        upkeep.cycle()
    except ClickHouseError:
        engine.wait_killed()
    else:
        raise AssertionError("the engine lived through a whole cycle")
