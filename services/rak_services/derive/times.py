"""Which windows there are to compute: arithmetic with times, in unix nanoseconds."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from rak_libs.model.metric_rollups import LOOKBACK_SECONDS, STEP_SECONDS
from rak_libs.model.time_text import SECOND_NS
from rak_libs.model.time_window import DAY_NS, HOUR_NS

MS_NS: Final = 1_000_000
MINUTE_NS: Final = STEP_SECONDS["1m"] * SECOND_NS


@dataclass(frozen=True, slots=True)
class Slot:
    """A range of time within one hour that is computed at once, `[begin, end)`."""

    begin_ns: int
    end_ns: int

    @property
    def hour_ns(self) -> int:
        """Begin of the hour that the slot lies in."""
        return floor_to(self.begin_ns, HOUR_NS)

    @property
    def ends_hour(self) -> bool:
        """Whether the slot reaches to the end of its hour."""
        return self.end_ns == self.hour_ns + HOUR_NS


def floor_to(time_ns: int, step_ns: int) -> int:
    """Return the last multiple of a step that is not after a time."""
    return time_ns - time_ns % step_ns


def ceiling_to(time_ns: int, step_ns: int) -> int:
    """Return the first multiple of a step that is not before a time."""
    return -floor_to(-time_ns, step_ns)


def slots(begin_ns: int, end_ns: int) -> Iterator[Slot]:
    """Divide a range of time at full hours."""
    while begin_ns < end_ns:
        until = min(floor_to(begin_ns, HOUR_NS) + HOUR_NS, end_ns)
        yield Slot(begin_ns, until)
        begin_ns = until


def closed_until(seen_until_ms: int, settle_seconds: float) -> int:
    """Return the end of the last minute that is over for long enough to be computed."""
    settled = seen_until_ms * MS_NS - int(settle_seconds * SECOND_NS)
    return floor_to(settled, MINUTE_NS)


def oldest_begin(seen_until_ms: int, retention_days: int) -> int:
    """Return the first hour whose points, and those they look back to, are all still stored.

    An earlier window must not be computed again: it would come out smaller than it was.
    """
    kept_since = seen_until_ms * MS_NS - retention_days * DAY_NS
    return ceiling_to(kept_since + LOOKBACK_SECONDS * SECOND_NS, HOUR_NS)


def touched_slots(spans: Iterable[tuple[int, int]], complete_until_ns: int) -> list[Slot]:
    """Return the complete minutes in which points of some spans of time can change an increase.

    A point changes its own increase and that of the point after it, which looks back to it: at
    most the lookback later.

    Args:
        spans: The times of a first and a last point each.
        complete_until_ns: End of the last complete minute.
    """
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        begin = floor_to(first, MINUTE_NS)
        end = floor_to(last + LOOKBACK_SECONDS * SECOND_NS, MINUTE_NS) + MINUTE_NS
        if merged and begin <= merged[-1][1]:
            begin, end = merged[-1][0], max(end, merged[-1][1])
            merged.pop()
        merged.append((begin, end))
    return [slot for begin, end in merged for slot in slots(begin, min(end, complete_until_ns))]
