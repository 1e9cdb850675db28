"""Which traces have to be computed, and between which times their spans lie."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from rak_libs.clickhouse.parameters import bind
from rak_libs.model.time_window import DAY_NS, HOUR_NS
from rak_services.derive.progress import Engine, Streaming
from rak_services.derive.times import floor_to


class Trace(NamedTuple):
    """A trace, and when the first and the last of its spans began at the earliest and the latest.

    Times are unix nanoseconds, both inclusive.
    """

    trace_id: str
    first_ns: int
    last_ns: int


class Touched(NamedTuple):
    """A trace of which rows came, and when the engine took each of these, in unix milliseconds."""

    trace: Trace
    moments: frozenset[int]


@dataclass(frozen=True, slots=True)
class Arrived:
    """Rows of `trace_times` that the engine took in `(after_ms, until_ms]`, by its clock.

    With `shares`, only those of every trace whose hash falls to `share`.
    """

    after_ms: int
    until_ms: int
    share: int = 0
    shares: int = 1

    def where(self) -> str:
        """Return the condition on these rows."""
        values = {"after": self.after_ms, "until": self.until_ms}
        condition = bind(_ARRIVED, values)
        if self.shares > 1:
            condition += f" AND cityHash64(trace_id) % {self.shares} = {self.share}"
        return condition


_ARRIVED: Final = """\
inserted_at > fromUnixTimestamp64Milli(%(after)s, 'UTC')
    AND inserted_at <= fromUnixTimestamp64Milli(%(until)s, 'UTC')"""

_COUNT: Final = "SELECT uniq(trace_id) FROM trace_times WHERE {rows}"

_FIRST: Final = """\
SELECT count(), toUnixTimestamp64Milli(min(inserted_at))
FROM trace_times
WHERE {rows}"""

# A span that says it lasts for centuries widens no range beyond what can be stored.
_TIMES: Final = """\
SELECT
    trace_id,
    toUnixTimestamp64Nano(min(start)),
    least(toUnixTimestamp64Nano(max(`end`)), toUnixTimestamp64Nano(now64(9)) + {day_ns}){more}
FROM trace_times
WHERE {rows}
GROUP BY trace_id"""

_MOMENTS: Final = """,
    groupUniqArray(toUnixTimestamp64Milli(inserted_at))"""

_OF_TRACES: Final = """\
trace_id IN ({ids})
    AND day >= toDate(fromUnixTimestamp64Nano({first}, 'UTC'))
    AND day <= toDate(fromUnixTimestamp64Nano({last}, 'UTC'))"""

LONG_NS: Final = HOUR_NS
"""Traces that last longer are read by themselves, so that they widen no range but their own."""
FEW_TRACES: Final = 100
"""How many traces are few: the index of trace ids leaves out most of what lies between the spans of
these, and little of what lies between those of more."""


def count_traces(engine: Engine, arrived: Arrived) -> int:
    """Return about how many traces some rows are of.

    Raises:
        ClickHouseError: The engine cannot be asked.
    """
    count: int
    ((count,),) = engine.execute(_COUNT.format(rows=arrived.where()))
    return count


def first_arrival(engine: Engine, arrived: Arrived) -> int | None:
    """Return when the first of some rows was taken, in unix milliseconds; None without rows.

    Raises:
        ClickHouseError: The engine cannot be asked.
    """
    ((count, first),) = engine.execute(_FIRST.format(rows=arrived.where()))
    return first if count else None


def touched_traces(engine: Streaming, arrived: Arrived) -> list[Touched]:
    """Return the traces that some rows are of, with the times of these rows.

    Raises:
        ClickHouseError: The engine cannot be asked.
    """
    sql = _TIMES.format(day_ns=DAY_NS, rows=arrived.where(), more=_MOMENTS)
    return [
        Touched(Trace(trace_id, first, last), frozenset(moments))
        for trace_id, first, last, moments in engine.stream(sql, {})
    ]


def with_times(engine: Streaming, traces: Iterable[Trace]) -> list[Trace]:
    """Return traces with the times of all their spans.

    Spans of one trace that lie more than a whole day from all others are found when one of those
    between arrives, or by a rebuild.

    Args:
        engine: Where to ask.
        traces: Traces with the times of some of their spans.

    Raises:
        ClickHouseError: The engine cannot be asked.
    """
    found: list[Trace] = []
    sought = {trace.trace_id: trace for trace in traces}
    while sought:
        wider: dict[str, Trace] = {}
        for (first, last), ids in _by_days(sought.values()).items():
            rows = _OF_TRACES.format(ids=id_list(ids), first=first, last=last)
            for trace in _times(engine, rows):
                known = sought.pop(trace.trace_id)
                if _days(trace) == _days(known):
                    found.append(trace)
                else:
                    wider[trace.trace_id] = trace
            found += [sought.pop(trace_id) for trace_id in ids if trace_id in sought]
        sought = wider
    return found


def groups_by_time(traces: Sequence[Trace]) -> Iterator[list[Trace]]:
    """Put traces together whose spans are read with one statement.

    Spans of many traces lie within two hours; few traces are read of a longer time at once: of a
    day and an hour, or of however long a trace lasts.
    """
    hours: dict[int, list[Trace]] = defaultdict(list)
    for trace in traces:
        if trace.last_ns - trace.first_ns <= LONG_NS:
            hours[floor_to(trace.first_ns, HOUR_NS)].append(trace)
    few: dict[int, list[Trace]] = defaultdict(list)
    for hour in sorted(hours):
        if len(hours[hour]) > FEW_TRACES:
            yield hours[hour]
        else:
            few[floor_to(hour, DAY_NS)] += hours[hour]
    for traces_of_a_day in few.values():
        yield from _few_at_once(traces_of_a_day)
    yield from _few_at_once(
        sorted(trace for trace in traces if trace.last_ns - trace.first_ns > LONG_NS)
    )


def _few_at_once(traces: Sequence[Trace]) -> Iterator[list[Trace]]:
    for begin in range(0, len(traces), FEW_TRACES):
        yield list(traces[begin : begin + FEW_TRACES])


def id_list(ids: Iterable[str]) -> str:
    """Return hexadecimal ids as the members of a set in SQL."""
    return "'" + "','".join(ids) + "'"


def _times(engine: Streaming, rows: str) -> Iterator[Trace]:
    """Yield each trace that some rows of `trace_times` are of, with the times of these rows."""
    for row in engine.stream(_TIMES.format(day_ns=DAY_NS, rows=rows, more=""), {}):
        yield Trace(*row)


def _days(trace: Trace) -> tuple[int, int]:
    return floor_to(trace.first_ns, DAY_NS), floor_to(trace.last_ns, DAY_NS)


def _by_days(traces: Iterable[Trace]) -> dict[tuple[int, int], list[str]]:
    """Return the ids of traces by the days around them."""
    by_days: dict[tuple[int, int], list[str]] = defaultdict(list)
    for trace in traces:
        first, last = _days(trace)
        by_days[max(first - DAY_NS, 0), last + DAY_NS].append(trace.trace_id)
    return by_days
