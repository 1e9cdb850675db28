"""The times that may be stored: one rule for the receiver and for the writer.

An item outside its table's window must not reach an INSERT: one INSERT over too many daily
partitions fails for ever (ClickHouse code 252), and a row older than the table's TTL vanishes
in the second it is stored.
"""

from dataclasses import dataclass
from typing import Final

HOUR_NS: Final = 3_600 * 1_000_000_000
DAY_NS: Final = 24 * HOUR_NS
MAX_TIME_NS: Final = 2**63 - 1
"""The largest time that a signed 64-bit column of nanoseconds holds (year 2262)."""

TIME_REASONS: Final = ("time_zero", "time_overflow", "time_future", "time_expired")
"""Every reason that `reject_reason` gives."""


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """The inclusive range of times, in nanoseconds since 1970, that a table takes now."""

    oldest_ns: int
    newest_ns: int


def time_window(retention_days: int, now_ns: int) -> TimeWindow:
    """Return the window of a table that keeps rows for `retention_days`, seen at `now_ns`.

    It reaches from the retention less one hour ago (a row must outlive its way to the table) to
    one hour ahead (clocks differ). It never leaves the range 1 to 2^63-1 ns.
    """
    oldest = now_ns - retention_days * DAY_NS + HOUR_NS
    return TimeWindow(oldest_ns=max(oldest, 1), newest_ns=min(now_ns + HOUR_NS, MAX_TIME_NS))


def reject_reason(time_ns: int, window: TimeWindow) -> str | None:
    """Say why `time_ns`, an unsigned 64-bit count of nanoseconds since 1970, is refused.

    Returns:
        None when the window holds it, else `time_zero` (the time is 0: not set),
        `time_overflow` (above 2^63-1), `time_future` or `time_expired`.
    """
    if window.oldest_ns <= time_ns <= window.newest_ns:
        return None
    if time_ns == 0:
        return "time_zero"
    if time_ns > MAX_TIME_NS:
        return "time_overflow"
    return "time_future" if time_ns > window.newest_ns else "time_expired"
