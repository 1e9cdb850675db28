"""What makes a publisher replace its producer.

Most of these errors take a cluster and bad luck, so a stand-in for aiokafka's producer raises them
here; tests/integration/broker/test_idempotent_producer.py provokes the real ones.
"""

import asyncio
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka import errors as kafka
from aiokafka.structs import RecordMetadata

from rak_libs.kafka import publisher as publisher_module
from rak_libs.kafka.errors import (
    MessageTooLarge,
    PermanentKafkaError,
    TransientKafkaError,
)
from rak_libs.kafka.publisher import Publisher
from rak_libs.runtime.settings import KafkaSettings

STORED = RecordMetadata("otlp_spans", 0, TopicPartition("otlp_spans", 0), 7, -1, 0, 0)


class StandIn:
    """Answers each message with what the test chose."""

    def __init__(self, answer: Exception | None) -> None:
        self.answer = answer
        self.sent = 0
        self.abandoned = False

    async def start(self) -> None:
        return

    async def flush(self) -> None:
        return

    async def send(self, *_: Any, **__: Any) -> asyncio.Future[RecordMetadata]:
        self.sent += 1
        future = asyncio.get_running_loop().create_future()
        if self.answer is None:
            future.set_result(STORED)
        else:
            future.set_exception(self.answer)
        return future


class ScriptedPublisher(Publisher):
    """Its first producer answers with `first`, every later one acknowledges."""

    def __init__(self, first: Exception | None) -> None:
        settings = KafkaSettings(publish_timeout_seconds=2.0, max_message_bytes=1_000)
        super().__init__(settings, "test")
        self._first = first
        self.producers: list[StandIn] = []

    def _new_producer(self) -> Any:
        self.producers.append(StandIn(None if self.producers else self._first))
        return self.producers[-1]


@pytest.fixture(autouse=True)
def abandoning(monkeypatch: pytest.MonkeyPatch) -> None:
    async def abandon(producer: StandIn) -> None:
        producer.abandoned = True

    monkeypatch.setattr(publisher_module, "abandon", abandon)


async def publish_twice(publisher: ScriptedPublisher) -> list[Exception | None]:
    outcomes: list[Exception | None] = []
    await publisher.start()
    try:
        for _ in range(2):
            try:
                await publisher.publish("otlp_spans", b"x", [])
                outcomes.append(None)
            except (TransientKafkaError, PermanentKafkaError) as error:
                outcomes.append(error)
    finally:
        await publisher.stop(1.0)
    return outcomes


@pytest.mark.parametrize(
    "error",
    [
        kafka.OutOfOrderSequenceNumber(),
        kafka.ProducerFenced(),
        kafka.UnknownProducerId(),
        kafka.InvalidProducerEpoch(),
        kafka.NotLeaderForPartitionError(),
        kafka.KafkaError("Unexpected error during batch delivery"),
    ],
)
def test_a_producer_whose_state_may_be_wrong_is_replaced_and_the_next_message_passes(
    error: Exception,
) -> None:
    """Sequence numbers of an idempotent producer never recover: aiokafka has no epoch bump."""
    publisher = ScriptedPublisher(error)
    first, second = asyncio.run(publish_twice(publisher))
    assert isinstance(first, TransientKafkaError)
    assert second is None
    assert [producer.sent for producer in publisher.producers] == [1, 1]
    assert publisher.producers[0].abandoned


@pytest.mark.parametrize(
    "error", [kafka.TopicAuthorizationFailedError(), kafka.UnknownTopicOrPartitionError()]
)
def test_a_producer_survives_what_only_one_topic_is_to_blame_for(error: Exception) -> None:
    publisher = ScriptedPublisher(error)
    asyncio.run(publish_twice(publisher))
    assert [producer.sent for producer in publisher.producers] == [2]


def test_a_message_above_the_limit_never_reaches_a_producer() -> None:
    async def scenario() -> None:
        publisher = ScriptedPublisher(None)
        await publisher.start()
        with pytest.raises(MessageTooLarge, match="of 1000 bytes"):
            await publisher.publish("otlp_spans", bytes(1_001), [])
        await publisher.stop(1.0)
        assert sum(producer.sent for producer in publisher.producers) == 0

    asyncio.run(scenario())


def test_a_publisher_that_was_not_started_says_so() -> None:
    async def scenario() -> None:
        with pytest.raises(RuntimeError, match="not started"):
            await Publisher(KafkaSettings(), "test").publish("otlp_spans", b"x", [])

    asyncio.run(scenario())
