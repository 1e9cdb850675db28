"""Instances of what `rak-derive` runs for the ledger, inside a test's process."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from rak_libs.clickhouse.insert import Inserter
from rak_libs.runtime.settings import Config
from rak_services.derive.config import ledger_limits
from rak_services.derive.crash_points import CrashPoints
from rak_services.derive.ledger.accounting import Rules
from rak_services.derive.ledger.accounts import Accounts
from rak_services.derive.ledger.prices import load_prices
from rak_services.derive.ledger.rebuilding import LedgerRebuild
from rak_services.derive.ledger.upkeep import LedgerUpkeep

EVER = (0, 2**63 - 1)


def accounts_of(
    config: Config,
    inserter: Inserter,
    crash_points: CrashPoints | None = None,
    prices: str | Path = "",
) -> Accounts:
    """Make what computes traces."""
    rules = Rules(load_prices(str(prices)))
    limits = ledger_limits(config)
    return Accounts(inserter, rules, limits, lambda: False, crash_points or CrashPoints())


def upkeep_of(
    config: Config, inserter: Inserter, crash_points: CrashPoints | None = None
) -> LedgerUpkeep:
    """Make what the service runs."""
    return LedgerUpkeep(accounts_of(config, inserter, crash_points))


def rebuild(config: Config, inserter: Inserter, prices: str | Path = "") -> None:
    """Compute all that is kept again."""
    LedgerRebuild(accounts_of(config, inserter, prices=prices)).run(*EVER)


def with_traces_at_once(config: Config, traces: int) -> Config:
    """Return a configuration under which few traces are computed at once."""
    derive = msgspec.structs.replace(config.derive, ledger_traces=traces)
    return msgspec.structs.replace(config, derive=derive)


Change = Callable[[Inserter], None]
