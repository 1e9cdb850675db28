"""Parts of a question's range of time, by the rows that they are answered from.

A rollup gives exactly the numbers of the points when every step is a whole number of its windows
and the function can be computed of what it keeps.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from rak_libs.model.metric_rollups import (
    EXPONENTIAL_ROLLUPS,
    HISTOGRAM_ROLLUPS,
    LOOKBACK_SECONDS,
    SAMPLE_ROLLUPS,
    STEP_SECONDS,
)
from rak_libs.model.table import Table
from rak_libs.model.time_text import SECOND_NS
from rak_libs.model.time_window import HOUR_NS
from rak_services.query.metrics.groups import Kind
from rak_services.query.metrics.plan import Plan

LOOKBACK_NS: Final = LOOKBACK_SECONDS * SECOND_NS
RAW: Final = "raw"
RESOLUTION_NS: Final = {name: seconds * SECOND_NS for name, seconds in STEP_SECONDS.items()}
_COARSEST_FIRST: Final = sorted(RESOLUTION_NS, key=RESOLUTION_NS.__getitem__, reverse=True)

ROLLUPS: Final = {
    "COUNTER": SAMPLE_ROLLUPS,
    "GAUGE": SAMPLE_ROLLUPS,
    "UP_DOWN_COUNTER": SAMPLE_ROLLUPS,
    "HISTOGRAM": HISTOGRAM_ROLLUPS,
    "EXPONENTIAL_HISTOGRAM": EXPONENTIAL_ROLLUPS,
}
"""The rollups of points of each type that has any."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the range, and the rows it is answered from.

    Attributes:
        resolution: `raw`, or the ending of the rollup's table.
        begin_ns: Its begin, nanoseconds since 1970.
        end_ns: Its end.
    """

    resolution: str
    begin_ns: int
    end_ns: int

    def table(self, kind: Kind) -> Table:
        """Return the rollup that it is answered from."""
        return ROLLUPS[kind.metric_type][self.resolution]


def coarseness(resolution: str) -> int:
    """Return the length of a resolution's windows in nanoseconds, 0 for the points themselves."""
    return RESOLUTION_NS.get(resolution, 0)


def exact_resolutions(plan: Plan, kind: Kind) -> list[str]:
    """Return the rollups that give exact values of a plan, coarsest first."""
    if kind.metric_type not in ROLLUPS:
        return []
    if plan.aggregation.quantile is not None and ROLLUPS[kind.metric_type] is SAMPLE_ROLLUPS:
        return []
    return [name for name in _COARSEST_FIRST if plan.step_ns % RESOLUTION_NS[name] == 0]


def clean_ranges(
    since_ns: int, until_ns: int, late_hours: Iterable[int]
) -> Iterator[tuple[int, int]]:
    """Yield the ranges of [since, until) that no late point touches, in order.

    A point changes its own hour and, since the next one is compared with it, what follows within
    the lookback.
    """
    begin = since_ns
    for hour in sorted(late_hours):
        if begin < min(hour, until_ns):
            yield begin, min(hour, until_ns)
        begin = max(begin, hour + HOUR_NS + LOOKBACK_NS)
    if begin < until_ns:
        yield begin, until_ns


def segments_of(plan: Plan, clean: Iterable[tuple[int, int]], exact: list[str]) -> list[Segment]:
    """Return the segments of a plan's range when rollups may answer the clean ranges of it."""
    segments: list[Segment] = []
    at = plan.since_ns
    for begin, end in clean:
        for segment in (Segment(RAW, at, begin), *_divided(begin, end, exact)):
            _append(segments, segment)
        at = end
    _append(segments, Segment(RAW, at, plan.end_ns))
    return segments


def _divided(begin: int, end: int, resolutions: list[str]) -> Iterator[Segment]:
    """Yield a range in parts: as much as possible of the coarsest, the ends of finer ones."""
    if begin >= end:
        return
    if not resolutions:
        yield Segment(RAW, begin, end)
        return
    length = RESOLUTION_NS[resolutions[0]]
    first, last = begin + -begin % length, end - end % length
    if first >= last:
        yield from _divided(begin, end, resolutions[1:])
        return
    yield from _divided(begin, first, resolutions[1:])
    yield Segment(resolutions[0], first, last)
    yield from _divided(last, end, resolutions[1:])


def _append(segments: list[Segment], segment: Segment) -> None:
    if segment.begin_ns >= segment.end_ns:
        return
    if segments and segments[-1].resolution == segment.resolution:
        segments[-1] = Segment(segment.resolution, segments[-1].begin_ns, segment.end_ns)
    else:
        segments.append(segment)
