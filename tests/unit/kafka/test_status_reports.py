"""What is told of a process, whether the broker takes it or not; the broker is a list."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import cast

import pytest

from rak_libs.kafka import account as account_module
from rak_libs.kafka import status_reports as reports_module
from rak_libs.kafka.account import Account
from rak_libs.kafka.errors import TransientKafkaError
from rak_libs.kafka.publisher import Publisher
from rak_libs.kafka.status_reports import ReceiverReports, WriterReports
from rak_libs.model.pipeline import HOUR_MS
from rak_libs.model.status import (
    Position,
    ReceiverStatus,
    Status,
    WriterStatus,
    decode_status,
)
from rak_libs.runtime.boot import Boot

HOUR = 500_000 * HOUR_MS
BOOT = Boot("b1", HOUR, "1.0")


class ScriptedBroker:
    """Takes records, unless told to be away."""

    def __init__(self) -> None:
        self.records: list[Status] = []
        self.is_away = False

    async def publish(self, topic: str, value: bytes, headers: object) -> None:
        assert (topic, headers) == ("rak_pipeline", [])
        if self.is_away:
            raise TransientKafkaError("away")
        self.records.append(decode_status(value))

    @property
    def receiver_records(self) -> list[ReceiverStatus]:
        return [record for record in self.records if isinstance(record, ReceiverStatus)]


@pytest.fixture
def broker() -> ScriptedBroker:
    return ScriptedBroker()


@pytest.fixture
def account() -> Account:
    account = Account(BOOT)
    for reason in ("a", "b", "c"):
        account.rejected("spans", "p", HOUR, reason, 1)
    return account


def receiver_reports(broker: ScriptedBroker, account: Account) -> ReceiverReports:
    return ReceiverReports(cast("Publisher", broker), 0.001, account, ["spans"])


@contextlib.contextmanager
def records_of_two_counts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(account_module, "MOST_CHANGES", 2)
        patch.setattr(reports_module, "MOST_CHANGES", 2)
        yield


def test_what_the_broker_did_not_take_is_told_again(
    broker: ScriptedBroker, account: Account
) -> None:
    """Under a new number: the record that was given up may have been stored all the same."""
    reports = receiver_reports(broker, account)
    broker.is_away = True
    asyncio.run(reports.try_to_report())
    broker.is_away = False
    asyncio.run(reports.try_to_report())
    (record,) = broker.receiver_records
    assert (record.sequence, len(record.counts), record.boot) == (2, 3, "b1")


def test_counts_that_fit_no_record_go_into_several(
    broker: ScriptedBroker, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    with records_of_two_counts(monkeypatch):
        asyncio.run(receiver_reports(broker, account).report())
    assert [len(record.counts) for record in broker.receiver_records] == [2, 1]
    assert [record.sequence for record in broker.receiver_records] == [1, 2]


@pytest.mark.parametrize("complete", [True, False])
def test_the_last_record_closes_an_account_that_is_complete(
    broker: ScriptedBroker, account: Account, monkeypatch: pytest.MonkeyPatch, complete: bool
) -> None:
    """In the last of its parts; requests that are still under way keep it open."""

    async def run_and_close() -> None:
        reports = receiver_reports(broker, account)
        broker.is_away = True
        reports.start()
        await asyncio.sleep(0)
        broker.is_away = False
        with records_of_two_counts(monkeypatch):
            await reports.close(5, complete=complete)

    asyncio.run(run_and_close())
    assert [record.final for record in broker.receiver_records] == [False, complete]


def test_a_receiver_that_never_started_has_nothing_to_say(
    broker: ScriptedBroker, account: Account
) -> None:
    asyncio.run(receiver_reports(broker, account).close(5, complete=True))
    assert broker.records == []


def test_a_broker_that_does_not_answer_ends_with_the_deadline(account: Account) -> None:
    class SilentBroker(ScriptedBroker):
        async def publish(self, topic: str, value: bytes, headers: object) -> None:  # noqa: ARG002
            await asyncio.Event().wait()

    async def start_and_close() -> None:
        reports = receiver_reports(SilentBroker(), account)
        reports.start()
        await reports.close(0.01, complete=True)

    asyncio.run(start_and_close())


def test_a_writer_tells_where_it_is(broker: ScriptedBroker) -> None:
    position = Position(
        signal="spans", topic="otlp_spans", partition=3, next_offset=1, end_offset=2
    )
    reports = WriterReports(cast("Publisher", broker), BOOT, 0.001, lambda: [position])
    asyncio.run(reports.report())
    (record,) = broker.records
    assert isinstance(record, WriterStatus)
    assert (record.boot, record.sequence, record.positions) == ("b1", 1, [position])
