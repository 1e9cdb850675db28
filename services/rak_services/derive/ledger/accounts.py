"""Computes traces and stores what has changed of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rak_libs.clickhouse.insert import Inserter
from rak_libs.model.time_window import DAY_NS
from rak_libs.runtime.metrics import counter
from rak_services.derive.config import LedgerLimits
from rak_services.derive.crash_points import CrashPoints
from rak_services.derive.ledger.accounting import Rules, account_trace
from rak_services.derive.ledger.reading import Reading
from rak_services.derive.ledger.slots import Slots
from rak_services.derive.ledger.storing import ROWS_AT_ONCE, Storing
from rak_services.derive.ledger.traces import Trace, groups_by_time
from rak_services.derive.progress import settled_moment
from rak_services.derive.statements import Stopped
from rak_services.derive.times import MS_NS


@dataclass(frozen=True, slots=True)
class Accounts:
    """Keeps the ledger, the totals and the summaries of chosen traces.

    Attributes:
        engine: Where spans are, and the ledger.
        rules: What accounts are made by.
        limits: How much is taken on at once.
        stopping: Tells whether to stop before the next statement.
        crash_points: Where the process kills itself, for tests.
    """

    engine: Inserter
    rules: Rules
    limits: LedgerLimits
    stopping: Callable[[], bool]
    crash_points: CrashPoints

    def settled_moment(self) -> int:
        """Return the latest moment that no row can join any more, in unix milliseconds."""
        return settled_moment(self.engine, clustered=self.limits.clustered)

    def edge_ns(self, seen_until_ms: int) -> int:
        """Return before which time spans and entries may have expired, in unix nanoseconds.

        What is older is left as it is: computed again, it would come out smaller than it was.
        """
        return seen_until_ms * MS_NS - self.limits.retention_days * DAY_NS

    def compute(self, traces: Iterable[Trace], seen_until_ms: int) -> set[int]:
        """Compute traces, whole, and store the entries and totals that differ from those stored.

        Args:
            traces: Which.
            seen_until_ms: The version of what is stored: a moment that no row can join any more.

        Returns:
            The slots whose entries have changed, in unix seconds.

        Raises:
            Stopped: Some of it may be stored.
            ClickHouseError: Likewise.
        """
        reading = Reading(self.engine, self.limits)
        storing = Storing(self.engine, self.crash_points, self.edge_ns(seen_until_ms))
        touched: set[int] = set()
        for group in groups_by_time(list(traces)):
            for trace in reading.stored(group):
                storing.add(trace, account_trace(trace.spans, self.rules), touched)
                if storing.rows >= ROWS_AT_ONCE:
                    self._store(storing, seen_until_ms)
            counter("derive_ledger_traces_total").inc(len(group))
        self._store(storing, seen_until_ms)
        return touched

    def sum_up(self, slots: Iterable[int], seen_until_ms: int) -> None:
        """Compute slots of the summaries again.

        Raises:
            Stopped: Some of it may be stored.
            ClickHouseError: Likewise.
        """
        slots_ = Slots(self.engine, self.limits, self.stopping, self.crash_points)
        slots_.compute(slots, self.edge_ns(seen_until_ms))

    def _store(self, storing: Storing, seen_until_ms: int) -> None:
        if self.stopping():
            raise Stopped
        counter("derive_ledger_entries_total").inc(storing.rows)
        storing.store(seen_until_ms)
