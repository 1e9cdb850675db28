"""Which rows answer which part of a range."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rak_services.query.metrics.aggregations import Aggregation
from rak_services.query.metrics.groups import Kind
from rak_services.query.metrics.plan import Plan
from rak_services.query.metrics.segments import (
    RESOLUTION_NS,
    Segment,
    clean_ranges,
    exact_resolutions,
    segments_of,
)
from rak_services.query.metrics.selector import Selector

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
COUNTER = Kind("COUNTER", "CUMULATIVE", "1")


def plan(agg: str, step: int, begin: int = 0, end: int = 24 * HOUR) -> Plan:
    return Plan(
        Selector("m"), Aggregation.parse(agg), "sum", (), begin, end, step_ns=step, window_ns=step
    )


def test_a_rollup_is_exact_when_steps_are_whole_windows_and_it_keeps_what_is_asked_for() -> None:
    histogram = Kind("HISTOGRAM", "DELTA", "s")
    assert exact_resolutions(plan("rate", 2 * HOUR), COUNTER) == ["1h", "1m"]
    assert exact_resolutions(plan("rate", 90 * MINUTE), COUNTER) == ["1m"]
    assert exact_resolutions(plan("rate", 90 * SECOND), COUNTER) == []
    assert exact_resolutions(plan("p95", HOUR), COUNTER) == []
    assert exact_resolutions(plan("p95", HOUR), histogram) == ["1h", "1m"]
    assert exact_resolutions(plan("rate", HOUR), Kind("SUMMARY", "UNSPECIFIED", "s")) == []


def test_the_coarsest_comes_first_and_points_fill_the_end() -> None:
    asked = plan("rate", HOUR)
    until = 22 * HOUR + 30 * MINUTE
    assert segments_of(asked, [(0, until)], ["1h", "1m"]) == [
        Segment("1h", 0, 22 * HOUR),
        Segment("1m", 22 * HOUR, until),
        Segment("raw", until, 24 * HOUR),
    ]
    assert segments_of(asked, [], ["1h", "1m"]) == [Segment("raw", 0, 24 * HOUR)]


def test_hours_that_late_points_touch_are_answered_from_points() -> None:
    clean = list(clean_ranges(0, 24 * HOUR, [3 * HOUR, 10 * HOUR, 11 * HOUR]))
    assert clean == [(0, 3 * HOUR), (5 * HOUR, 10 * HOUR), (13 * HOUR, 24 * HOUR)]
    assert [each.resolution for each in segments_of(plan("rate", HOUR), clean, ["1h", "1m"])] == [
        *("1h", "raw", "1h", "raw", "1h")
    ]
    # A point before the range is what the first one in it is compared with.
    assert list(clean_ranges(HOUR, 5 * HOUR, [0])) == [(2 * HOUR, 5 * HOUR)]


@given(
    st.integers(0, 100),
    st.integers(1, 100),
    st.integers(0, 6_000),
    st.lists(st.integers(-1, 100), max_size=5),
)
def test_segments_cover_the_range_once_and_end_on_their_windows(
    first: int, hours: int, minutes: int, late: list[int]
) -> None:
    asked = plan("rate", HOUR, first * HOUR, (first + hours) * HOUR)
    until = min(first * HOUR + minutes * MINUTE, asked.end_ns)
    clean = list(clean_ranges(asked.since_ns, until, {hour * HOUR for hour in late}))
    segments = segments_of(asked, clean, ["1h", "1m"])
    assert segments[0].begin_ns == asked.since_ns
    assert segments[-1].end_ns == asked.end_ns
    for one, following in pairwise(segments):
        assert one.end_ns == following.begin_ns
        assert one.resolution != following.resolution
    for segment in segments:
        assert segment.begin_ns < segment.end_ns
        length = RESOLUTION_NS.get(segment.resolution, 1)
        assert segment.begin_ns % length == segment.end_ns % length == 0
        if segment.resolution != "raw":
            assert segment.end_ns <= until
            for hour in late:
                touched = range(hour * HOUR, (hour + 2) * HOUR)
                assert segment.begin_ns >= touched.stop or segment.end_ns <= touched.start
