"""Computes traces and stores what has changed of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rak_libs.clickhouse.insert import Inserter
from rak_libs.clickhouse.parameters import bind
from rak_libs.model.time_text import SECOND_NS
from rak_libs.model.time_window import DAY_NS
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.metrics import counter
from rak_services.derive.config import LedgerLimits
from rak_services.derive.crash_points import CrashPoints
from rak_services.derive.ledger.accounting import Rules, account_trace
from rak_services.derive.ledger.reading import MOST_SPANS, Reading
from rak_services.derive.ledger.slots import Slots
from rak_services.derive.ledger.storing import ROWS_AT_ONCE, Storing
from rak_services.derive.ledger.traces import Trace, groups_by_time
from rak_services.derive.progress import settled_moment
from rak_services.derive.statements import Stopped
from rak_services.derive.times import MS_NS

log = get_logger(__name__)

_TOUCHED_SLOTS: Final = """\
SELECT DISTINCT toUnixTimestamp(slot)
FROM ledger
WHERE seen_until >= fromUnixTimestamp64Milli(%(since)s, 'UTC')"""


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

    def compute(self, traces: Sequence[Trace], seen_until_ms: int) -> None:
        """Compute traces, whole, and store the entries and totals that differ from those stored.

        Args:
            traces: Which; those of more than `MOST_SPANS` are left as they are.
            seen_until_ms: The version of what is stored: a moment that no row can join any more.

        Raises:
            Stopped: Some of it may be stored.
            ClickHouseError: Likewise.
        """
        reading = Reading(self.engine, self.limits)
        storing = Storing(self.engine, self.crash_points, self.edge_ns(seen_until_ms))
        for group in groups_by_time(traces):
            for trace in reading.stored(group):
                if len(trace.spans) > MOST_SPANS:
                    counter("derive_ledger_traces_skipped_total").inc()
                    log.error("derive.trace_too_large", trace_id=trace.trace_id, limit=MOST_SPANS)
                    continue
                storing.add(trace, account_trace(trace.spans, self.rules))
                if storing.rows >= ROWS_AT_ONCE:
                    self._store(storing, seen_until_ms)
            counter("derive_ledger_traces_total").inc(len(group))
        self._store(storing, seen_until_ms)

    def touched_slots(self, since_ms: int) -> set[int]:
        """Return the slots, in unix seconds, of entries that were stored or deleted lately.

        Args:
            since_ms: The oldest version of such entries, unix milliseconds.

        Raises:
            ClickHouseError: The engine cannot be asked.
        """
        sql = bind(_TOUCHED_SLOTS, {"since": max(since_ms, 0)})
        return {slot for (slot,) in self.engine.execute(sql)}

    def sum_up(self, slots: Iterable[int]) -> None:
        """Compute slots of the summaries again, but those whose entries may have expired.

        Raises:
            Stopped: Some of it may be stored.
            ClickHouseError: Likewise.
        """
        edge_ns = self.edge_ns(self.settled_moment())
        kept = sorted(slot for slot in slots if slot * SECOND_NS >= edge_ns)
        Slots(self.engine, self.limits, self.stopping, self.crash_points).compute(kept)

    def _store(self, storing: Storing, seen_until_ms: int) -> None:
        if self.stopping():
            raise Stopped
        counter("derive_ledger_entries_total").inc(storing.rows)
        storing.store(seen_until_ms)
