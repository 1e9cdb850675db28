"""The service put together; the only place that makes its clients."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from rak_libs.clickhouse.connection import ping
from rak_libs.clickhouse.insert import Inserter
from rak_libs.runtime.admin import AdminServer, ReadinessCheck, not_stopping
from rak_libs.runtime.settings import Config
from rak_services.derive.config import derive_limits, ledger_limits
from rak_services.derive.crash_points import CrashPoints
from rak_services.derive.ledger.accounting import Rules
from rak_services.derive.ledger.accounts import Accounts
from rak_services.derive.ledger.rebuilding import LedgerRebuild
from rak_services.derive.ledger.upkeep import LedgerUpkeep
from rak_services.derive.loops import Loop, run_loops
from rak_services.derive.metrics.computing import Computing
from rak_services.derive.metrics.rollups import MetricRollups

CYCLES_A_SUM: Final = 1.5
"""For how many intervals of the ledger a slot of the summaries waits before it is computed again:
less than two, so that each second cycle finds it due."""

Rebuild = Callable[[int, int], tuple[int, int]]
"""Computes again what lies between two times in unix nanoseconds; returns the range computed."""


async def serve(
    config: Config, rules: Rules, stop: asyncio.Event, crash_points: CrashPoints | None = None
) -> None:
    """Keep derived rows up to date until `stop` is set; the composition root of the service.

    Args:
        config: The configuration.
        rules: What the ledger is made by.
        stop: Set to end the statements that run, which loses nothing, and return.
        crash_points: Where the process kills itself, for tests.

    Raises:
        ClickHouseError: A table is missing, a permission, or a statement is refused: waiting does
            not help.
        CannotListen: The port is in use or the host is not of this machine.
    """
    engine = Inserter(config.clickhouse)
    crashing = crash_points or CrashPoints()
    computing = Computing(engine, derive_limits(config), stop.is_set, crashing)
    accounts = Accounts(engine, rules, ledger_limits(config), stop.is_set, crashing)
    derive = config.derive
    upkeep = LedgerUpkeep(accounts, pause_seconds=CYCLES_A_SUM * derive.ledger_interval_seconds)
    loops = [
        Loop("", derive.interval_seconds, MetricRollups(computing).cycle),
        Loop("ledger", derive.ledger_interval_seconds, upkeep.cycle),
    ]

    async def clickhouse_answers() -> None:
        await asyncio.to_thread(ping, config.clickhouse)

    checks: dict[str, ReadinessCheck] = {
        "clickhouse": clickhouse_answers,
        "service": not_stopping(stop),
    }
    server = config.server
    admin = AdminServer(
        "derive", server.host, server.derive_admin_port, "[server] derive_admin_port", checks
    )
    await admin.start()
    cutting = asyncio.create_task(_cut_when_stopped(engine, stop))
    try:
        await run_loops(loops, stop)
    finally:
        cutting.cancel()
        await admin.stop()
        engine.close()


@contextlib.contextmanager
def rebuilding(config: Config, rules: Rules) -> Iterator[Mapping[str, Rebuild]]:
    """Yield what computes a range of time again, by what it computes."""
    engine = Inserter(config.clickhouse)
    crashing = CrashPoints()
    try:
        computing = Computing(engine, derive_limits(config), lambda: False, crashing)
        accounts = Accounts(engine, rules, ledger_limits(config), lambda: False, crashing)
        yield {
            "metrics": MetricRollups(computing).rebuild,
            "ledger": LedgerRebuild(accounts).run,
        }
    finally:
        engine.close()


async def _cut_when_stopped(engine: Inserter, stop: asyncio.Event) -> None:
    """End the statements that run: they are computed again, and nothing waits for them."""
    await stop.wait()
    engine.close()
