"""When a position can still be trusted, and where to begin when it cannot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rak_libs.kafka.consumer import TopicPartition
from rak_libs.kafka.positions import LogBounds, Positions

TP = TopicPartition("otlp_spans", 0)


def held(start: int, next_offset: int, committed: int | None = None) -> Positions:
    positions = Positions()
    positions.hold(TP, start)
    positions.advance(TP, next_offset)
    if committed is not None:
        positions.note_commit({TP: committed})
    return positions


@pytest.mark.parametrize(
    ("bounds", "start"),
    [
        (LogBounds(0, 10, None), 0),
        (LogBounds(5, 10, None), 5),
        (LogBounds(0, 10, 7), 7),
        (LogBounds(0, 10, 10), 10),
        (LogBounds(0, 10, 11), 0),  # of an older, longer log
        (LogBounds(5, 10, 4), 5),  # of records that expired
    ],
)
def test_a_partition_begins_at_a_committed_offset_inside_its_log(
    bounds: LogBounds, start: int
) -> None:
    assert bounds.start == start


@pytest.mark.parametrize(
    ("bounds", "another"),
    [
        (LogBounds(0, 40, 30), False),
        (LogBounds(0, 90, 35), False),  # a commit whose answer got lost
        (LogBounds(0, 90, None), True),  # longer than the old log, but nobody committed in it
        (LogBounds(0, 39, 30), True),  # ends before what was handed out
        (LogBounds(0, 90, 0), True),  # another member began anew in it
    ],
)
def test_a_log_is_another_one_when_it_contradicts_what_was_read_or_committed(
    bounds: LogBounds, *, another: bool
) -> None:
    positions = held(0, 40, committed=30)
    found = positions.in_another_log({TP: bounds}, positions.committed)
    assert found == ({TP: bounds} if another else {})


def test_a_commit_that_is_accepted_while_the_broker_is_asked_proves_nothing() -> None:
    """The answer may be older than the commit."""
    positions = held(0, 40, committed=30)
    asked = positions.committed
    answer = LogBounds(0, 40, 30)
    positions.note_commit({TP: 40})
    assert positions.in_another_log({TP: answer}, asked) == {}
    assert positions.in_another_log({TP: answer}, positions.committed) == {TP: answer}


def test_a_partition_that_is_not_held_is_in_no_other_log() -> None:
    assert Positions().in_another_log({TP: LogBounds(0, 0, None)}, {}) == {}


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 200))
def test_only_what_was_handed_out_may_be_committed(start: int, read: int, offset: int) -> None:
    positions = held(start, start + read)
    assert positions.may_commit(TP, offset) == (offset <= start + read)
    positions.drop([TP])
    assert not positions.may_commit(TP, offset)


def test_standing_beyond_the_end_is_seen_as_far_as_the_end_is_known() -> None:
    positions = held(0, 40)
    assert positions.beyond({TP: 39}) == [TP]
    assert positions.beyond({TP: 40}) == []
    assert positions.beyond({TP: None}) == []
    assert positions.beyond({}) == []


def test_a_dropped_partition_is_forgotten_whole() -> None:
    positions = held(5, 9, committed=7)
    assert (positions.next_offset(TP), positions.committed) == (9, {TP: 7})
    positions.drop([TP])
    positions.advance(TP, 50)
    positions.note_commit({TP: 50})
    assert positions.held == frozenset()
    assert (positions.next_offset(TP), positions.committed) == (None, {})
