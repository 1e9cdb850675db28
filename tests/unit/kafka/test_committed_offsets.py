"""A coordinator that loads its groups is not one whose groups have committed nothing.

Kafka gives the first kind of answer for some milliseconds after a restart, too briefly to be met at
will, so stand-ins for aiokafka's coordinator and admin client give it here.
"""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import errors as kafka

from rak_libs.kafka.admin import KafkaAdmin
from rak_libs.kafka.aiokafka_seams import committed_offsets
from rak_libs.kafka.consumer import TopicPartition
from rak_libs.kafka.errors import TransientKafkaError
from rak_libs.kafka.positions import Committed
from rak_libs.runtime.settings import KafkaSettings

FIRST, SECOND = TopicPartition("otlp_spans", 0), TopicPartition("otlp_spans", 1)


class Coordinator:
    """Answers questions for offsets with what the test chose."""

    def __init__(
        self, error: type[kafka.KafkaError], *partitions: tuple[int, int, str | None, int]
    ) -> None:
        topics = [("otlp_spans", list(partitions))] if partitions else []
        self._answer = SimpleNamespace(error_code=error.errno, topics=topics)
        self.is_known = self.is_dead = False

    async def _send_req(self, _request: Any) -> Any:
        assert self.is_known, "aiokafka looks for a coordinator only when it is asked to"
        return self._answer

    async def ensure_coordinator_known(self) -> None:
        self.is_known = True

    def coordinator_dead(self) -> None:
        self.is_dead = True

    def ask(self) -> dict[TopicPartition, Committed | None]:
        consumer: Any = SimpleNamespace(_coordinator=self, _group_id="g")
        return asyncio.run(committed_offsets(consumer, [FIRST, SECOND]))


@pytest.mark.parametrize(("note", "told"), [("a note", "a note"), ("", ""), (None, "")])
def test_offsets_are_told_and_none_where_nothing_was_committed(note: str | None, told: str) -> None:
    coordinator = Coordinator(kafka.NoError, (0, 7, note, 0), (1, -1, "", 0))
    assert coordinator.ask() == {FIRST: Committed(7, told, ""), SECOND: None}


def test_an_error_for_the_whole_group_is_not_taken_for_nothing_committed() -> None:
    with pytest.raises(kafka.GroupLoadInProgressError):
        Coordinator(kafka.GroupLoadInProgressError).ask()


def test_an_error_of_one_partition_is_raised() -> None:
    code = kafka.UnknownTopicOrPartitionError.errno
    with pytest.raises(kafka.UnknownTopicOrPartitionError):
        Coordinator(kafka.NoError, (0, 7, "", 0), (1, -1, "", code)).ask()


def test_an_answer_that_leaves_out_a_partition_is_no_answer() -> None:
    with pytest.raises(kafka.GroupCoordinatorNotAvailableError):
        Coordinator(kafka.NoError, (0, 7, "", 0)).ask()


def test_another_coordinator_is_looked_for_when_this_one_is_none() -> None:
    coordinator = Coordinator(kafka.NotCoordinatorForGroupError)
    with pytest.raises(kafka.NotCoordinatorForGroupError):
        coordinator.ask()
    assert coordinator.is_dead


class LoadingClient:
    """An admin client whose answers are as empty as aiokafka makes them while a group loads."""

    async def list_consumer_group_offsets(self, _group: str, **_options: Any) -> dict[Any, Any]:
        return {}


def test_administration_does_not_take_a_loading_group_for_lag(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def topics(_admin: KafkaAdmin) -> dict[str, int]:
        return {"otlp_spans": 2}

    monkeypatch.setattr(KafkaAdmin, "topics", topics)
    client: Any = LoadingClient()
    reader: Any = None
    admin = KafkaAdmin(KafkaSettings(), client, reader)
    with pytest.raises(TransientKafkaError, match="not ready"):
        asyncio.run(admin.committed("g", ["otlp_spans"]))
