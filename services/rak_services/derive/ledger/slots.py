"""Sums the ledger up: computes whole slots of the summaries, again where an entry has changed.

The version of a slot's rows is the moment before the statement that computes them began, by the
engine's clock: whoever stores entries computes their slots afterwards, so that the rows that stay
have all of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from rak_libs.clickhouse.errors import ClickHouseError
from rak_libs.model.ledger_sums import SUMMARIES, Summary
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.metrics import counter
from rak_services.derive.config import LedgerLimits
from rak_services.derive.crash_points import CrashPoints
from rak_services.derive.progress import Engine
from rak_services.derive.statements import (
    MEMORY_LIMIT_EXCEEDED,
    Stopped,
    insert_settings,
    settings_clause,
)

SLOTS_AT_ONCE: Final = 288
"""Slots that one statement computes, a day of them."""
MAX_SHARES: Final = 4_096

_NOW: Final = "SELECT toUnixTimestamp64Milli(now64(3))"

_COMPUTE: Final = """\
INSERT INTO {table} (slot, {keys}, {columns}, seen_until)
{settings}
SELECT e.slot, {ledger_keys}, {values}, fromUnixTimestamp64Milli({version}, 'UTC')
FROM ledger AS e FINAL
WHERE e.slot IN ({slots}) AND {entries}{share}
GROUP BY e.slot, {ledger_keys}"""

# Rows of these slots that the statement above has not replaced are about entries that are no more.
_EMPTY: Final = """\
INSERT INTO {table} (slot, {keys}, seen_until)
{settings}
SELECT slot, {keys}, fromUnixTimestamp64Milli({version}, 'UTC')
FROM {table} FINAL
WHERE slot IN ({slots}) AND {count} > 0
    AND seen_until < fromUnixTimestamp64Milli({version}, 'UTC')"""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Slots:
    """Computes slots of the summaries.

    Attributes:
        engine: Carries out the statements.
        limits: How much one statement may take on.
        stopping: Tells whether to stop before the next statement.
        crash_points: Where the process kills itself, for tests.
    """

    engine: Engine
    limits: LedgerLimits
    stopping: Callable[[], bool]
    crash_points: CrashPoints

    def compute(self, slots: Sequence[int]) -> None:
        """Compute slots of all summaries, whole, and store them in place of what was there.

        Args:
            slots: When each begins, unix seconds, ascending.

        Raises:
            Stopped: Some of it may be stored.
            ClickHouseError: Likewise.
        """
        for begin in range(0, len(slots), SLOTS_AT_ONCE):
            some = slots[begin : begin + SLOTS_AT_ONCE]
            for summary in SUMMARIES:
                self._compute(summary, some)
            counter("derive_ledger_slots_total").inc(len(some))

    def _compute(self, summary: Summary, slots: Sequence[int]) -> None:
        shares = 1
        while True:
            try:
                return self._in_shares(summary, slots, shares)
            except ClickHouseError as error:
                if error.code != MEMORY_LIMIT_EXCEEDED or shares >= MAX_SHARES:
                    raise
                shares *= 4
                log.warning("derive.memory_exceeded", kind=summary.table.name, next_in_parts=shares)

    def _in_shares(self, summary: Summary, slots: Sequence[int], shares: int) -> None:
        ((version,),) = self.engine.execute(_NOW)
        ledger_keys = ", ".join(f"e.{key}" for key in summary.keys)
        names = {
            "table": summary.table.name,
            "keys": ", ".join(summary.keys),
            "settings": settings_clause(self._settings()),
            "slots": ", ".join(map(str, slots)),
            "version": version,
        }
        for share in range(shares):
            condition = f" AND cityHash64(e.slot, {ledger_keys}) % {shares} = {share}"
            self._execute(
                _COMPUTE.format(
                    **names,
                    columns=", ".join(summary.values),
                    ledger_keys=ledger_keys,
                    values=", ".join(summary.values.values()),
                    entries=summary.entries,
                    share=condition if shares > 1 else "",
                )
            )
        count = "entries" if "entries" in summary.values else "calls"
        self._execute(_EMPTY.format(**names, count=count))

    def _execute(self, sql: str) -> None:
        if self.stopping():
            raise Stopped
        self.crash_points.reach("ledger-before-insert")
        self.engine.execute(sql)
        self.crash_points.reach("ledger-after-insert")

    def _settings(self) -> dict[str, int | str]:
        return {
            **insert_settings(self.limits.threads, self.limits.memory_bytes),
            # Of a slot's key, each shard has entries: they are summed up in one place.
            "parallel_distributed_insert_select": 0,
            # Rows of one key are of one day.
            "do_not_merge_across_partitions_select_final": 1,
        }
