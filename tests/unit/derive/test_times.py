"""Which windows are computed when."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rak_libs.model.time_window import DAY_NS, HOUR_NS
from rak_services.derive.times import (
    MINUTE_NS,
    MS_NS,
    Slot,
    ceiling_to,
    closed_until,
    floor_to,
    oldest_begin,
    slots,
    touched_slots,
)

TIMES = st.integers(0, 2**62)


@given(TIMES, st.integers(0, 5 * HOUR_NS))
def test_slots_cover_a_range_and_cross_no_hour(begin: int, length: int) -> None:
    found = list(slots(begin, begin + length))
    assert sum(slot.end_ns - slot.begin_ns for slot in found) == length
    for before, after in itertools.pairwise(found):
        assert before.end_ns == after.begin_ns
        assert before.ends_hour
    for slot in found:
        assert slot.hour_ns <= slot.begin_ns < slot.end_ns <= slot.hour_ns + HOUR_NS


def test_only_a_slot_that_reaches_the_full_hour_ends_it() -> None:
    assert Slot(HOUR_NS + MINUTE_NS, 2 * HOUR_NS).ends_hour
    assert not Slot(HOUR_NS, 2 * HOUR_NS - MINUTE_NS).ends_hour


@given(TIMES, st.integers(1, HOUR_NS))
def test_a_time_lies_between_its_multiples(time_ns: int, step: int) -> None:
    assert floor_to(time_ns, step) <= time_ns <= ceiling_to(time_ns, step)
    assert ceiling_to(time_ns, step) - floor_to(time_ns, step) in {0, step}


@pytest.mark.parametrize(
    ("after_minute_ms", "settle_seconds", "closed_minutes"),
    [(0, 0.0, 10), (29_999, 30.0, 9), (30_000, 30.0, 10), (59_999, 30.0, 10), (0, 60.0, 9)],
)
def test_a_minute_is_closed_when_it_has_settled(
    after_minute_ms: int, settle_seconds: float, closed_minutes: int
) -> None:
    seen_ms = 10 * MINUTE_NS // MS_NS + after_minute_ms
    assert closed_until(seen_ms, settle_seconds) == closed_minutes * MINUTE_NS


def test_a_window_needs_its_points_and_those_they_look_back_to() -> None:
    """Of both none may have expired."""
    now = 100 * DAY_NS + 1
    oldest = oldest_begin(now // MS_NS, 90)
    assert oldest % HOUR_NS == 0
    assert oldest - HOUR_NS >= now - 90 * DAY_NS - MS_NS
    assert oldest - 2 * HOUR_NS < now - 90 * DAY_NS


def test_a_point_touches_what_can_look_back_to_it() -> None:
    """An hour later, that minute included, and nothing that is not complete."""
    late = 10 * HOUR_NS + 5 * MINUTE_NS + 1
    touched = Slot(10 * HOUR_NS + 5 * MINUTE_NS, 11 * HOUR_NS)
    rest = Slot(11 * HOUR_NS, 11 * HOUR_NS + 6 * MINUTE_NS)
    assert touched_slots([(late, late)], 24 * HOUR_NS) == [touched, rest]
    assert touched_slots([(late, late)], 11 * HOUR_NS) == [touched]
    assert touched_slots([(late, late)], 10 * HOUR_NS) == []


def test_what_several_points_touch_is_computed_once() -> None:
    minute = MINUTE_NS
    spans = [(3 * HOUR_NS, 3 * HOUR_NS + minute), (HOUR_NS, 2 * HOUR_NS), (0, minute)]
    slots_ = touched_slots(spans, 24 * HOUR_NS)
    assert [slot.begin_ns for slot in slots_] == [hour * HOUR_NS for hour in range(5)]
    assert slots_[-1].end_ns == 4 * HOUR_NS + 2 * minute
