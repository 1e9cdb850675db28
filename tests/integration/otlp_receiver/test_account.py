"""A receiver tells what it accepted, rejected and failed to hand on, to the item."""

from collections.abc import Iterator

import pytest

from fleet import wait_until
from integration.otlp_receiver.agents import (
    Receiver,
    receiver_with_broker,
    request_of,
    standing_still,
)
from rak_libs.model.pipeline import HOUR_MS

Told = dict[tuple[str, str], int]


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """A receiver that tells every fifth of a second, and gives a message up after two seconds."""
    folder = tmp_path_factory.mktemp("account")
    often = {"status_interval_seconds": 0.2}
    impatient = {"publish_timeout_seconds": 2.0}
    with receiver_with_broker(folder, server=often, kafka=impatient) as receiver:
        yield receiver


def told(receiver: Receiver) -> Told:
    """Items by outcome and reason, over all hours: of each count the newest."""
    newest = {
        (count.hour_ms, count.principal, count.outcome, count.reason): count.items
        for status in receiver.statuses()
        for count in status.counts
    }
    items: Told = {}
    for (_, principal, outcome, reason), number in newest.items():
        assert principal == "anonymous"
        items[outcome, reason] = items.get((outcome, reason), 0) + number
    return items


def test_accepted_and_rejected_items_are_told(receiver: Receiver) -> None:
    """Of whole requests, of parts of them, and of requests that nothing is left of."""
    receiver.post(request_of("a", "b").SerializeToString())
    receiver.post(request_of("c", "bad", "bad too").SerializeToString())
    receiver.post(request_of("bad").SerializeToString())
    wait_until(
        lambda: told(receiver) == {("accepted", ""): 3, ("rejected", "trace_id"): 3},
        "everything is told",
    )


def test_items_are_told_under_the_hour_that_their_message_bears(receiver: Receiver) -> None:
    hours = {record.timestamp_ms // HOUR_MS for record in receiver.published()}
    counted = {
        count.hour_ms // HOUR_MS
        for status in receiver.statuses()
        for count in status.counts
        if count.outcome == "accepted"
    }
    assert counted == hours


def test_messages_and_records_name_the_same_boot(receiver: Receiver) -> None:
    (boot,) = {status.boot for status in receiver.statuses()}
    assert {record.envelope.boot for record in receiver.published()} == {boot}


def test_a_record_without_changes_is_a_sign_of_life(receiver: Receiver) -> None:
    before = len(receiver.statuses())
    wait_until(lambda: len(receiver.statuses()) > before + 1, "more records")
    newest = receiver.statuses()[-1]
    assert (newest.counts, newest.final) == ([], False)
    assert newest.signals == ["spans", "metrics", "logs"]


def test_what_was_given_up_is_told(receiver: Receiver) -> None:
    """It may have been stored all the same: nobody can know."""
    before = told(receiver)
    with standing_still(receiver.broker):
        assert receiver.post(request_of("d", "bad").SerializeToString()).status == 503
    wait_until(lambda: told(receiver) == before | {("failed", ""): 1}, "the failure is told")


def test_a_receiver_that_drains_closes_its_account(receiver: Receiver) -> None:
    """The last record says so; what it accepted just before is in it."""
    before = told(receiver)
    receiver.post(request_of("e").SerializeToString())
    assert receiver.service.terminate() == 0
    assert told(receiver)["accepted", ""] == before["accepted", ""] + 1
    assert [status.final for status in receiver.statuses()][-2:] == [False, True]
