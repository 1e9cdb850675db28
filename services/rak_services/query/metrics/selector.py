"""Which series a question is about."""

from dataclasses import dataclass
from typing import Final, Protocol

from rak_libs.model.time_window import DAY_NS
from rak_services.query.metrics.matchers import Matcher
from rak_services.query.span_conditions import Conditions

_LAST_DAY: Final = 2**16 - 1
"""The last day that the engine's Date holds; it takes a larger number for seconds."""

_FILTER_COLUMNS: Final = {
    "service": "service_name",
    "agent": "agent_name",
    "user": "user_id",
    "session": "session_id",
}


class HasSeriesFilters(Protocol):
    """A request about series of one metric."""

    @property
    def name(self) -> str:
        """The metric."""

    @property
    def match(self) -> tuple[Matcher, ...]:
        """Conditions on labels."""

    @property
    def service(self) -> str | None:
        """The service of the series."""

    @property
    def agent(self) -> str | None:
        """The agent of the series."""

    @property
    def user(self) -> str | None:
        """The user of the series."""

    @property
    def session(self) -> str | None:
        """The session of the series."""


@dataclass(frozen=True, slots=True)
class Selector:
    """Series of one metric that meet every condition.

    Attributes:
        metric_name: The metric.
        matchers: Conditions on labels.
        metric_type: Only series of this type; None: of any.
        temporality: Only series of this temporality; None: of any.
        unit: Only series of this unit; None: of any.
    """

    metric_name: str
    matchers: tuple[Matcher, ...] = ()
    metric_type: str | None = None
    temporality: str | None = None
    unit: str | None = None

    @property
    def is_whole_metric(self) -> bool:
        """Whether every series of the metric is meant."""
        return not self.matchers and (self.metric_type, self.temporality, self.unit) == (
            None,
            None,
            None,
        )


def matchers_of(request: HasSeriesFilters) -> tuple[Matcher, ...]:
    """Return every condition of a request on labels, the shared filters among them."""
    filters = [
        Matcher(column, "=", text)
        for parameter, column in _FILTER_COLUMNS.items()
        if (text := getattr(request, parameter)) is not None
    ]
    return (*request.match, *filters)


def series_conditions(selector: Selector, since_ns: int, until_ns: int) -> Conditions:
    """Return the conditions on `metric_series`: rows of the days of a range."""
    conditions = Conditions()
    conditions.add("metric_name = %(metric_name)s", metric_name=selector.metric_name)
    add_days(conditions, since_ns, until_ns)
    for column in ("metric_type", "temporality", "unit"):
        text = getattr(selector, column)
        if text is not None:
            conditions.add(f"{column} = %({column})s", **{column: text})
    for number, matcher in enumerate(selector.matchers):
        text, parameters = matcher.condition(number)
        conditions.add(text, **parameters)
    return conditions


def add_days(conditions: Conditions, since_ns: int | None, until_ns: int | None) -> None:
    """Add that a row of `metric_series` is of a day of a range; None is open."""
    if since_ns is not None:
        first = min(since_ns // DAY_NS, _LAST_DAY)
        conditions.add("day >= toDate(%(since_day)s)", since_day=first)
    if until_ns is not None:
        last = min((until_ns - 1) // DAY_NS, _LAST_DAY)
        conditions.add("day <= toDate(%(until_day)s)", until_day=last)
