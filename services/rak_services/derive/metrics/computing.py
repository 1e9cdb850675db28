"""Carries out the statements that compute windows, in parts that fit the engine's memory."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rak_libs.clickhouse.errors import ClickHouseError
from rak_libs.model.metric_rollups import STEP_SECONDS
from rak_libs.model.table import Table
from rak_libs.model.time_text import SECOND_NS
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.metrics import counter
from rak_services.derive.config import DeriveLimits
from rak_services.derive.crash_points import CrashPoints
from rak_services.derive.metrics.kinds import Kind
from rak_services.derive.metrics.points_sql import Arrivals, Portion, point_count
from rak_services.derive.progress import Engine
from rak_services.derive.statements import (
    MEMORY_LIMIT_EXCEEDED,
    Stopped,
    insert_settings,
    settings_clause,
)
from rak_services.derive.times import Slot

MAX_SHARES: Final = 4_096

_INSERT: Final = """\
INSERT INTO {table} ({columns})
{settings}
SELECT {selected}, fromUnixTimestamp64Milli({seen_until_ms}, 'UTC') AS seen_until
FROM (
{select}
)"""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Computing:
    """Computes slots.

    Attributes:
        engine: Carries out the statements.
        limits: How much one statement may take on.
        stopping: Tells whether to stop before the next statement.
        crash_points: Where the process kills itself, for tests.
    """

    engine: Engine
    limits: DeriveLimits
    stopping: Callable[[], bool]
    crash_points: CrashPoints

    def compute(
        self, kind: Kind, step: str, slot: Slot, seen_until_ms: int, arrivals: Arrivals | None
    ) -> bool:
        """Compute the windows of a slot, whole, and store them beside what was there.

        Args:
            kind: Of which points.
            step: Which windows, `1m` or `1h`; the slot begins and ends at windows of the step.
            slot: When.
            seen_until_ms: The version of the rows: every row of the points that was taken by then
                can be read.
            arrivals: None for every series, else those that these rows touch.

        Returns:
            Whether the slot had points.

        Raises:
            Stopped: Some of it may be stored.
            ClickHouseError: Likewise.
        """
        whole = Portion(slot.begin_ns, slot.end_ns, arrivals)
        shares = self._shares(kind, whole)
        while shares:
            try:
                self._in_shares(kind, step, whole, seen_until_ms, shares)
            except ClickHouseError as error:
                if error.code != MEMORY_LIMIT_EXCEEDED or shares >= MAX_SHARES:
                    raise
                shares *= 4
                log.warning("derive.memory_exceeded", kind=kind.name, next_in_parts=shares)
            else:
                return True
        return False

    def _shares(self, kind: Kind, portion: Portion) -> int:
        """Return in how many parts to compute a portion; 0 when it has no points."""
        points: int
        ((points,),) = self.engine.execute(point_count(kind.points.name, portion))
        return -(-points * kind.weight // self.limits.points_per_statement)

    def _in_shares(
        self, kind: Kind, step: str, whole: Portion, seen_until_ms: int, shares: int
    ) -> None:
        for share in range(shares):
            if self.stopping():
                raise Stopped
            self.crash_points.reach("before-insert")
            portion = dataclasses.replace(whole, share=share, shares=shares)
            select = kind.select(portion, STEP_SECONDS[step] * SECOND_NS)
            self.engine.execute(self._insert(kind.rollups[step], select, seen_until_ms))
            counter("derive_statements_total").labels(kind.name, step).inc()
            self.crash_points.reach("after-insert")

    def _insert(self, table: Table, select: str, seen_until_ms: int) -> str:
        names = table.column_names
        return _INSERT.format(
            table=table.name,
            columns=", ".join(names),
            settings=settings_clause(self._settings()),
            selected=", ".join(name for name in names if name != "seen_until"),
            seen_until_ms=seen_until_ms,
            select=select,
        )

    def _settings(self) -> dict[str, int | str]:
        limits = self.limits
        return {
            **insert_settings(limits.threads, limits.memory_bytes),
            # A point whose series is not described has no NULL for its type.
            "join_use_nulls": 0,
            # Each shard has its series whole.
            "distributed_product_mode": "'local'",
        }
