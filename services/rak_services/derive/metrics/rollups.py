"""One cycle: which windows are dirty, in which order they are computed, what is noted when.

Correct whatever is cut off, repeated or done by two instances at once, for two reasons. A row's
version is the moment up to which its statement is sure to have seen every point, so the row that
stays is one that saw most. And progress is noted after what it says is stored: it is true for
whoever reads it, and says of every later point that somebody will compute its window again.
"""

from dataclasses import dataclass
from typing import Final

from rak_libs.clickhouse.parameters import bind
from rak_libs.model.metric_rollups import METRICS_PROGRESS
from rak_libs.model.time_window import HOUR_NS
from rak_libs.runtime.logs import get_logger
from rak_services.derive.metrics.computing import Computing
from rak_services.derive.metrics.kinds import KINDS, Kind
from rak_services.derive.metrics.points_sql import Arrivals
from rak_services.derive.progress import (
    Engine,
    Progress,
    note_progress,
    read_progress,
    settled_moment,
)
from rak_services.derive.times import (
    Slot,
    closed_until,
    floor_to,
    oldest_begin,
    slots,
    touched_slots,
)

OVERLAP_MS: Final = 10_000
"""Rows of as long before the last look are looked for again: a clock may have been set back, or an
INSERT of another user not have been seen."""

_LATE_POINTS: Final = """\
SELECT toUnixTimestamp64Nano(min(timestamp)), toUnixTimestamp64Nano(max(timestamp))
FROM {table}
WHERE inserted_at > fromUnixTimestamp64Milli(%(after)s, 'UTC')
    AND inserted_at <= fromUnixTimestamp64Milli(%(until)s, 'UTC')
    AND timestamp >= fromUnixTimestamp64Nano(%(oldest)s, 'UTC')
    AND timestamp < fromUnixTimestamp64Nano(%(complete)s, 'UTC')
GROUP BY intDiv(toUnixTimestamp64Nano(timestamp), %(hour)s)"""

_FIRST_POINT: Final = "SELECT count(), toUnixTimestamp64Nano(min(timestamp)) FROM {table}"

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class MetricRollups:
    """Keeps the rollups of metrics up to date."""

    computing: Computing

    def cycle(self) -> Progress:
        """Compute every window that is dirty or has closed since the last cycle.

        Returns:
            How far the rollups have come.

        Raises:
            Stopped: Told to stop; what is done is done.
            ClickHouseError: Likewise; the next cycle goes on.
        """
        limits = self.computing.limits
        seen = settled_moment(self._engine, clustered=limits.clustered)
        progress = read_progress(self._engine, METRICS_PROGRESS) or self._beginning(seen)
        if seen <= progress.seen_until_ms:
            return progress
        oldest = oldest_begin(seen, limits.retention_days)
        self._late(progress, seen, oldest)
        noted = progress = Progress(seen, max(progress.complete_until_ns, oldest))
        self._note(noted)
        closed = closed_until(seen, limits.settle_seconds)
        for slot in slots(progress.complete_until_ns, closed):
            progress = Progress(seen, slot.end_ns)
            if self._slot(slot, seen, oldest):
                self._note(progress)
                noted = progress
        if progress != noted:
            self._note(progress)
        return progress

    def rebuild(self, begin_ns: int, end_ns: int) -> tuple[int, int]:
        """Compute every window of a range of time again, as far as there are points to do it from.

        Returns:
            The range that was computed, in full hours or up to the last complete window.

        Raises:
            Stopped: Some of it may be done.
            ClickHouseError: Likewise.
        """
        limits = self.computing.limits
        seen = settled_moment(self._engine, clustered=limits.clustered)
        progress = read_progress(self._engine, METRICS_PROGRESS)
        closed = closed_until(seen, limits.settle_seconds)
        until = min(-floor_to(-end_ns, HOUR_NS), progress.complete_until_ns if progress else closed)
        oldest = oldest_begin(seen, limits.retention_days)
        since = max(floor_to(begin_ns, HOUR_NS), oldest)
        for slot in slots(since, until):
            self._slot(slot, seen, oldest)
        return since, max(since, until)

    @property
    def _engine(self) -> Engine:
        return self.computing.engine

    def _beginning(self, seen: int) -> Progress:
        """Return the progress of nobody: everything before the first point is done."""
        begin = closed_until(seen, self.computing.limits.settle_seconds)
        for kind in KINDS:
            sql = _FIRST_POINT.format(table=kind.points.name)
            for points, first in self._engine.execute(sql):
                begin = min(begin, floor_to(first, HOUR_NS)) if points else begin
        return Progress(0, begin)

    def _late(self, progress: Progress, seen: int, oldest: int) -> None:
        """Compute the windows that were complete and got points since, of their series alone."""
        arrivals = Arrivals(progress.seen_until_ms - OVERLAP_MS, seen)
        for kind in KINDS if progress.seen_until_ms else ():
            spans = self._late_spans(kind, progress, arrivals, oldest)
            touched = touched_slots(spans, progress.complete_until_ns)
            for slot in touched:
                log.debug("derive.late_points", kind=kind.name, begin_ns=slot.begin_ns)
                self.computing.compute(kind, "1m", slot, seen, arrivals)
            for hour in sorted({slot.hour_ns for slot in touched}):
                whole = Slot(hour, hour + HOUR_NS)
                if whole.end_ns <= progress.complete_until_ns:
                    self.computing.compute(kind, "1h", whole, seen, arrivals)

    def _late_spans(
        self, kind: Kind, progress: Progress, arrivals: Arrivals, oldest: int
    ) -> list[tuple[int, int]]:
        """Return the times of the first and the last late point of each hour that has some."""
        values = {
            "hour": HOUR_NS,
            "after": arrivals.after_ms,
            "until": arrivals.until_ms,
            "oldest": oldest,
            "complete": progress.complete_until_ns,
        }
        rows = self._engine.execute(bind(_LATE_POINTS.format(table=kind.points.name), values))
        return [(first, last) for first, last in rows]

    def _slot(self, slot: Slot, seen: int, oldest: int) -> bool:
        """Compute a slot of every series and, at its end, the hour.

        Returns:
            Whether there was anything to compute.
        """
        found = False
        for kind in KINDS:
            found |= self.computing.compute(kind, "1m", slot, seen, None)
            if slot.ends_hour and slot.hour_ns >= oldest:
                hour = Slot(slot.hour_ns, slot.end_ns)
                found |= self.computing.compute(kind, "1h", hour, seen, None)
        return found

    def _note(self, progress: Progress) -> None:
        self.computing.crash_points.reach("before-note")
        note_progress(self._engine, METRICS_PROGRESS, progress)
        self.computing.crash_points.reach("after-note")
