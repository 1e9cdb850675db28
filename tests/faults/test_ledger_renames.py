"""ClickHouse killed while the ledger is stored or summed up: all sums are right afterwards."""

import contextlib
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import fleet
from ledger_answers import assert_ledger_right
from ledger_instances import upkeep_of
from ledger_spans import draw_traces, in_batches, insert_spans
from rak_libs.clickhouse.errors import ClickHouseError
from rak_libs.clickhouse.insert import Inserter
from rak_services.derive.crash_points import CrashPoints
from rak_services.derive.ledger.upkeep import LedgerUpkeep
from renames import killed_at_rename, require_strace


class Kill(NamedTuple):
    """At which rename of which INSERT of a cycle the engine dies, both from 1."""

    insert: int
    rename: int


KILLS = (Kill(1, 1), Kill(1, 2), Kill(2, 1), Kill(3, 1), Kill(5, 1))
"""Entries come first, with a part for each of two days, then totals, then the slots of a table
after the other."""


class BeforeInsert(CrashPoints):
    """Does something before an INSERT of the test's choice."""

    def arm(self, insert: int, action: Callable[[], object]) -> None:
        """Choose the INSERT, the first of which from now on is 1, and what to do."""
        self._left = insert
        self._action = action

    def reach(self, point: str) -> None:
        """Count INSERTs, and act before the chosen one."""
        if point != "ledger-before-insert":
            return
        self._left -= 1
        if self._left == 0:
            self._action()


def test_clickhouse_killed_at_a_rename_leaves_no_sum_wrong(tmp_path: Path) -> None:
    """Again and again, before or between parts, with spans that come in between."""
    require_strace()
    draw = random.Random(2)
    rows = draw_traces(draw, 20, 8)
    ports = fleet.Ports()
    config = fleet.fleet_config(ports, tmp_path)
    folder = tmp_path / "clickhouse"
    batches = in_batches(draw, rows, len(KILLS))
    with fleet.engine(folder, ports.engine):
        fleet.migrate(config, tmp_path, "--only", "tables")
    with contextlib.closing(Inserter(config.clickhouse)) as inserter:
        before_insert = BeforeInsert()
        upkeep = upkeep_of(config, inserter, before_insert)
        for kill, batch in zip(KILLS, batches, strict=True):
            with fleet.engine(folder, ports.engine) as (_, engine), contextlib.ExitStack() as stack:
                insert_spans(inserter, batch)
                killed = killed_at_rename(engine.pid, kill.rename, tmp_path / f"{kill}")
                before_insert.arm(kill.insert, partial(stack.enter_context, killed))
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
