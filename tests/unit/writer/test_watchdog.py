"""When a consumer is stuck, and when it only looks so."""

import pytest

from rak_libs.kafka.consumer import TopicPartition
from rak_services.writer.watchdog import Lag, Vigil

MINE, ANOTHERS = TopicPartition("otlp_spans", 0), TopicPartition("otlp_spans", 1)
STUCK_SECONDS = 100.0
WAITING: Lag = {MINE: 3, ANOTHERS: 0}


class Watched:
    """A vigil whose time a test sets; what the watchdog does once in a round."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.vigil = Vigil("group", "otlp_spans", STUCK_SECONDS, lambda: self.now)
        self.assigned = {MINE}
        self.is_member = True

    def after(self, seconds: float, lag: Lag | None) -> str:
        """Look and judge once a second for so long; the first reason, or an empty one."""
        for _ in range(int(seconds)):
            self.now += 1
            self.vigil.see(self.assigned, is_member=self.is_member)
            if reason := self.vigil.judge(lag):
                return reason
        return ""


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_a_consumer_that_leaves_messages_lying_is_stuck_in_the_end(watched: Watched) -> None:
    assert watched.after(STUCK_SECONDS - 1, WAITING) == ""
    assert watched.after(1, WAITING) == "3 messages wait, and none was read or written"


def test_any_headway_begins_the_time_again(watched: Watched) -> None:
    assert watched.after(STUCK_SECONDS - 1, WAITING) == ""
    watched.vigil.progress()
    assert watched.after(STUCK_SECONDS - 1, WAITING) == ""
    assert watched.after(1, WAITING)


@pytest.mark.parametrize(
    ("assigned", "lag"),
    [
        ({MINE}, {MINE: 0, ANOTHERS: 0}),
        ({MINE}, {MINE: 0, ANOTHERS: 7}),
        (set(), {MINE: 7, ANOTHERS: 7}),
        ({MINE}, {}),
    ],
    ids=["nothing waits", "another's messages wait", "it stands by", "the topic does not exist"],
)
def test_a_member_without_anything_to_do_is_not_stuck(
    watched: Watched, assigned: set[TopicPartition], lag: Lag
) -> None:
    watched.assigned = assigned
    assert watched.after(STUCK_SECONDS * 3, lag) == ""


def test_a_broker_that_does_not_answer_is_not_the_consumers_fault(watched: Watched) -> None:
    """Once it answers, the consumer has its whole time."""
    watched.assigned, watched.is_member = set(), False
    assert watched.after(STUCK_SECONDS * 3, None) == ""
    assert watched.after(STUCK_SECONDS - 1, WAITING) == ""


@pytest.mark.parametrize("lag", [WAITING, {MINE: 0, ANOTHERS: 0}])
def test_a_consumer_that_finds_no_way_into_its_group_is_stuck(watched: Watched, lag: Lag) -> None:
    """Whether or not something waits: it would not be told."""
    watched.assigned, watched.is_member = set(), False
    assert watched.after(STUCK_SECONDS - 1, lag) == ""
    assert watched.after(1, lag) == "it is no member of its group, and the broker answers"


@pytest.mark.parametrize("lag", [WAITING, {MINE: 0}, None])
def test_a_loop_that_says_nothing_any_more_is_stuck(watched: Watched, lag: Lag | None) -> None:
    """What it has to do nobody knows: it may have been standing by."""
    watched.vigil.see(set(), is_member=True)
    watched.now += STUCK_SECONDS - 1
    assert watched.vigil.judge(lag) == ""
    watched.now += 1
    assert watched.vigil.judge(lag) == "its loop stands still"


def test_a_writer_that_drains_or_has_halted_is_not_stuck(watched: Watched) -> None:
    watched.vigil.end()
    assert watched.after(STUCK_SECONDS * 3, WAITING) == ""
    assert not watched.vigil.is_quiet


def test_the_broker_is_asked_only_when_it_has_been_quiet_for_a_while(watched: Watched) -> None:
    assert not watched.vigil.is_quiet
    watched.now += STUCK_SECONDS / 3
    watched.vigil.see({MINE}, is_member=True)
    assert watched.vigil.is_quiet
    watched.vigil.progress()
    assert not watched.vigil.is_quiet
