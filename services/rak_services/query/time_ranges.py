"""Which stored times a question is about."""

from dataclasses import dataclass
from typing import Annotated, Final, Protocol

from msgspec import Meta

from rak_libs.model.time_text import MAX_NS, SECOND_NS
from rak_services.query.parameter_types import TimePoint
from rak_services.query.problems import invalid

DEFAULT_RANGE_NS: Final = 3_600 * SECOND_NS

StoredTime = Annotated[int, Meta(ge=0, le=MAX_NS)]
"""A time or a duration in nanoseconds, as cursors carry it."""


@dataclass(frozen=True, slots=True)
class Range:
    """The time range of matching spans, in nanoseconds since 1970; None is open."""

    since_ns: int | None
    until_ns: int | None


class HasRange(Protocol):
    """A request with a time range."""

    @property
    def start(self) -> TimePoint | None:
        """From this time on."""

    @property
    def end(self) -> TimePoint | None:
        """Before this time."""


def resolve_range(
    request: HasRange,
    now_ns: int,
    *,
    open_start: bool = False,
    default_ns: int = DEFAULT_RANGE_NS,
) -> Range:
    """Return the range of a request: by default the last hour, open towards the future.

    Args:
        request: Its `start` and `end`.
        now_ns: The moment of the request.
        default_ns: How far a range without `start` reaches back.
        open_start: Whether a range without `start` reaches back to everything stored.

    Raises:
        InvalidParameters: The range is empty.
    """
    since = None if request.start is None else request.start.resolve(now_ns)
    until = None if request.end is None else request.end.resolve(now_ns)
    if since is None and not open_start:
        since = max((now_ns if until is None else until) - default_ns, 0)
    if since is not None and until is not None and since >= until:
        raise invalid("start", "a time before end")
    return Range(since, until)
