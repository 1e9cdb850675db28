"""The plan of a question about a metric over time: one form, whoever asks.

    selector ─▶ range function over the points of a window, for each series
             ─▶ aggregation across the series of a group (by) ─▶ a value for each step

Windows are half-open. Window i belongs to the step that begins at `begin_ns + i * step_ns`; it ends
where that step ends and is `window_ns` long. (Prometheus' window (t - w, t] of points at whole
nanoseconds is the one that ends at t + 1 ns.)
"""

from dataclasses import dataclass
from typing import Final, Literal

from rak_libs.model.time_text import MAX_NS, SECOND_NS
from rak_services.query.metrics.aggregations import Aggregation
from rak_services.query.metrics.requests import AcrossName, QueryMetric
from rak_services.query.metrics.selector import Selector, matchers_of
from rak_services.query.problems import invalid
from rak_services.query.time_ranges import DEFAULT_RANGE_NS

MAX_WINDOWS: Final = 11_000
"""How many steps an answer may have, as Prometheus has it."""

MAX_STEPS_IN_WINDOW: Final = 1_000
ALL_LABELS: Final = "*"

_MILLISECOND_NS: Final = 1_000_000
_DEFAULT_STEPS_NS: Final = tuple(
    seconds * SECOND_NS for seconds in (10, 60, 300, 900, 3_600, 21_600, 86_400, 604_800)
)
_DEFAULT_WINDOWS: Final = 250

Across = AcrossName | Literal["points"]
"""How the values of a group's series become one; `points`: its points are pooled instead."""

_ACROSS: Final[dict[str, Across]] = {
    "avg": "points",
    "quantile": "points",
    "sum": "sum",
    "count": "sum",
    "last": "sum",
    "rate": "sum",
    "increase": "sum",
    "min": "min",
    "max": "max",
}
_POOLED: Final = frozenset({"sum", "count", "rate", "increase", "min", "max"})


@dataclass(frozen=True, slots=True)
class Plan:
    """What is computed of which points.

    Attributes:
        selector: Whose points.
        aggregation: The range function.
        across: The aggregation of the values of a group's series.
        by: The labels that tell groups apart, or `ALL_LABELS` alone.
        begin_ns: Begin of the first step, nanoseconds since 1970.
        end_ns: End of the last step.
        step_ns: Length of a step.
        window_ns: Length of a window; a multiple of the step.
        top: Only that many groups: those with the largest mean of their values; None: all.
    """

    selector: Selector
    aggregation: Aggregation
    across: Across
    by: tuple[str, ...]
    begin_ns: int
    end_ns: int
    step_ns: int
    window_ns: int
    top: int | None = None

    @property
    def windows(self) -> int:
        """How many steps there are."""
        return (self.end_ns - self.begin_ns) // self.step_ns

    @property
    def steps_in_window(self) -> int:
        """How many steps a window spans."""
        return self.window_ns // self.step_ns

    @property
    def since_ns(self) -> int:
        """Begin of the first window: the earliest point that counts."""
        return max(self.begin_ns + self.step_ns - self.window_ns, 0)

    @property
    def is_pooled(self) -> bool:
        """Whether points of several series may be aggregated together, for the same result."""
        natural = _ACROSS[self.aggregation.function] == self.across
        return self.across == "points" or (natural and self.aggregation.function in _POOLED)

    def begins_ns(self) -> list[int]:
        """Return the begin of each step."""
        return list(range(self.begin_ns, self.end_ns, self.step_ns))


def plan_of(request: QueryMetric, now_ns: int) -> Plan:
    """Return the plan of a request; its range is widened to whole steps.

    Raises:
        InvalidParameters: The range is empty, or a parameter does not fit another.
    """
    until_ns = now_ns if request.end is None else request.end.resolve(now_ns)
    if request.start is None:
        since_ns = max(until_ns - DEFAULT_RANGE_NS, 0)
    else:
        since_ns = request.start.resolve(now_ns)
    if since_ns >= until_ns:
        raise invalid("start", "a time before end")
    step_ns = _step(request, until_ns - since_ns)
    begin_ns = since_ns - since_ns % step_ns
    end_ns = until_ns + -until_ns % step_ns
    if (end_ns - begin_ns) // step_ns > MAX_WINDOWS:
        raise invalid("step", f"a step that divides the range into at most {MAX_WINDOWS:,} windows")
    if end_ns > MAX_NS:
        raise invalid("end", "a time whose window ends before the year 2262")
    return Plan(
        selector=Selector(
            metric_name=request.name,
            matchers=matchers_of(request),
            metric_type=request.type,
            temporality=request.temporality,
            unit=request.unit,
        ),
        aggregation=request.agg,
        across=_across(request),
        by=_by(request),
        begin_ns=begin_ns,
        end_ns=end_ns,
        step_ns=step_ns,
        window_ns=_window(request, step_ns),
        top=request.top,
    )


def _step(request: QueryMetric, range_ns: int) -> int:
    if request.step is None:
        finest = range_ns // _DEFAULT_WINDOWS
        weeks = -(-finest // _DEFAULT_STEPS_NS[-1]) * _DEFAULT_STEPS_NS[-1]
        return next((step for step in _DEFAULT_STEPS_NS if step >= finest), weeks)
    if request.step <= 0 or request.step % _MILLISECOND_NS:
        raise invalid("step", "a whole number of milliseconds above 0")
    return int(request.step)


def _window(request: QueryMetric, step_ns: int) -> int:
    if request.window is None:
        return step_ns
    window_ns = int(request.window)
    if window_ns < step_ns or window_ns % step_ns or window_ns > step_ns * MAX_STEPS_IN_WINDOW:
        raise invalid("window", f"a multiple of step, {MAX_STEPS_IN_WINDOW:,} times it at most")
    return window_ns


def _across(request: QueryMetric) -> Across:
    function = request.agg.function
    if request.across is not None and function == "quantile":
        raise invalid("across", "to be left out: a percentile is one of all points of a group")
    return request.across or _ACROSS[function]


def _by(request: QueryMetric) -> tuple[str, ...]:
    if ALL_LABELS in request.by and len(request.by) > 1:
        raise invalid("by", "* alone, or the names of labels")
    return tuple(dict.fromkeys(request.by))
