"""Where a range of time is read: whole slots of a summary, and the ledger for the rest.

Summaries are of slots, ranges are not, so the two ends of a range come from the ledger; all of it
does when filters are set that summaries do not tell apart.
"""

from dataclasses import dataclass
from typing import Final

from rak_libs.model.ledger import SLOT_SECONDS, slot_of
from rak_libs.model.time_text import SECOND_NS
from rak_services.query.problems import invalid
from rak_services.query.time_ranges import Range

SLOT_NS: Final = SLOT_SECONDS * SECOND_NS

_MOST_PARTS: Final = 100
_MINUTE: Final = 60 * SECOND_NS
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_DEFAULT_STEPS: Final = (
    *(minutes * _MINUTE for minutes in (5, 10, 15, 30)),
    *(hours * _HOUR for hours in (1, 2, 3, 6, 12)),
    *(days * _DAY for days in (1, 2, 7, 30, 90, 365)),
)


@dataclass(frozen=True, slots=True)
class Sources:
    """The parts of a range; no span is in two of them.

    Attributes:
        period: The range.
        slots: Begin of the first slot and end of the last (None: open) that are read from the
            summary, in unix seconds; None when all of the range is read from the ledger.
        edges: The slots of which the ledger has the part within the range, when `slots` is set.
    """

    period: Range
    slots: tuple[int, int | None] | None = None
    edges: tuple[int, ...] = ()


def sources_of(period: Range, *, summarised: bool) -> Sources:
    """Return the parts of a range.

    Args:
        period: The range.
        summarised: Whether the summary has what is asked.
    """
    if not summarised or period.since_ns is None:
        return Sources(period)
    before = slot_of(period.since_ns)
    aligned = before * SECOND_NS == period.since_ns
    first = before if aligned else before + SLOT_SECONDS
    if slot_of(first * SECOND_NS) != first:
        return Sources(period)
    edges = () if aligned else (before,)
    if period.until_ns is None:
        return Sources(period, (first, None), edges)
    end = slot_of(period.until_ns)
    if end <= first:
        return Sources(period)
    if end * SECOND_NS != period.until_ns:
        edges = (*edges, end)
    return Sources(period, (first, end), edges)


def checked_step(step_ns: int | None, period: Range, now_ns: int, most: int) -> int | None:
    """Return the step of a request, which divides its range into `most` parts at most.

    A range without a begin is that of one trace, of which few steps have anything.

    Raises:
        InvalidParameters: It does not.
    """
    if step_ns is None:
        return None
    length = _length(period, now_ns)
    if step_ns < 1 or length // step_ns > most:
        shortest = f"{-(-length // most)}ns"
        raise invalid("step", f"a duration of {shortest} or more, for {most} steps at most")
    return step_ns


def default_step(period: Range, now_ns: int, most: int) -> int:
    """Return the step that divides a range into 100 parts and `most` or fewer, in nanoseconds."""
    length, parts = _length(period, now_ns), min(most, _MOST_PARTS)
    longest = _DEFAULT_STEPS[-1]
    return next((step for step in _DEFAULT_STEPS if length <= step * parts), longest)


def _length(period: Range, now_ns: int) -> int:
    if period.since_ns is None:
        return 0
    until = now_ns if period.until_ns is None else period.until_ns
    return max(until - period.since_ns, 0)
