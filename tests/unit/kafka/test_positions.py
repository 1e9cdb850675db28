"""When a position can still be trusted, and where to begin when it cannot."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rak_libs.kafka.consumer import TopicPartition
from rak_libs.kafka.positions import Committed, LogBounds, Positions

TP = TopicPartition("otlp_spans", 0)
OLD, NEW = "0123456789abcdef" * 2, "fedcba9876543210" * 2


def held(start: int, next_offset: int, committed: int | None = None) -> Positions:
    positions = Positions()
    positions.hold(TP, Committed(start, "", ""))
    positions.advance(TP, next_offset)
    if committed is not None:
        positions.note_commit({TP: committed})
    return positions


@pytest.mark.parametrize(
    ("bounds", "start"),
    [
        (LogBounds(0, 10, None), Committed(0, "", "")),
        (LogBounds(5, 10, None), Committed(5, "", "")),
        (LogBounds(0, 10, Committed(7, "note", "")), Committed(7, "note", "")),
        (LogBounds(0, 10, Committed(10, "", "")), Committed(10, "", "")),
        (
            LogBounds(0, 10, Committed(11, "note", "")),
            Committed(0, "", ""),
        ),  # of an older, longer log
        (
            LogBounds(5, 10, Committed(4, "note", "")),
            Committed(5, "", ""),
        ),  # of records that expired
    ],
)
def test_a_partition_begins_at_a_committed_offset_inside_its_log(
    bounds: LogBounds, start: Committed
) -> None:
    """A note belongs to the offset that it was committed with, and to no other."""
    assert bounds.start == start


@pytest.mark.parametrize(
    ("bounds", "another"),
    [
        (LogBounds(0, 40, Committed(30, "", "")), False),
        (LogBounds(0, 90, Committed(35, "", "")), False),  # a commit whose answer got lost
        (LogBounds(0, 90, None), True),  # longer than the old log, but nobody committed in it
        (LogBounds(0, 39, Committed(30, "", "")), True),  # ends before what was handed out
        (LogBounds(0, 90, Committed(0, "", "")), True),  # another member began anew in it
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
    answer = LogBounds(0, 40, Committed(30, "", ""))
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


@pytest.mark.parametrize(
    ("taken", "now", "another"),
    [(OLD, OLD, False), (OLD, NEW, True), (OLD, "", False), ("", NEW, False)],
)
def test_a_topic_was_made_anew_when_its_id_is_another_as_far_as_it_is_known(
    taken: str, now: str, *, another: bool
) -> None:
    positions = Positions()
    positions.hold(TP, Committed(3, "", taken))
    positions.note_topics({})
    positions.note_topics({TP.topic: now})
    assert positions.anew == ({TP} if another else set())
    assert positions.to_commit(TP, 9, "note") == Committed(9, "note", taken)


def test_a_partition_to_be_read_anew_commits_nothing_until_it_is_taken_again() -> None:
    """Dropping it does not make its log the old one again."""
    positions = held(0, 40, committed=30)
    bounds = LogBounds(0, 40, Committed(30, "", ""))
    positions.begin_anew(TopicPartition("elsewhere", 0))
    assert positions.in_another_log({TP: bounds}, positions.committed) == {}
    positions.begin_anew(TP)
    assert not positions.may_commit(TP, 30)
    assert positions.in_another_log({TP: bounds}, positions.committed) == {TP: bounds}
    positions.drop([TP])
    assert positions.anew == {TP}
    positions.hold(TP, bounds.beginning)
    assert positions.anew == frozenset()
    assert positions.may_commit(TP, 0)


def test_forgetting_leaves_nothing_to_be_read_anew() -> None:
    positions = held(0, 40)
    positions.begin_anew(TP)
    positions.forget()
    assert (positions.held, positions.anew) == (frozenset(), frozenset())


@given(st.integers(0), st.text(), st.sampled_from(["", OLD, NEW]))
def test_the_metadata_of_a_commit_says_which_topic_and_what_note(
    offset: int, note: str, topic_id: str
) -> None:
    committed = Committed(offset, note, topic_id)
    assume(topic_id or Committed.from_metadata(offset, note).topic_id == "")
    assert Committed.from_metadata(offset, committed.metadata) == committed


@pytest.mark.parametrize("metadata", ["", "@", "somebody's", "a@b", OLD, f"@{OLD}0"])
def test_what_somebody_else_committed_is_a_note(metadata: str) -> None:
    assert Committed.from_metadata(1, metadata) == Committed(1, metadata, "")


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
