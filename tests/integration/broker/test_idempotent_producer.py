"""What an idempotent producer promises on Apache Kafka, and what makes it useless for ever."""

import asyncio
import os
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka import errors as kafka
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.protocol.produce import ProduceRequest

from contract.broker.brokers import Broker, publishing, reading, run, shared_broker, topic
from rak_libs.kafka.errors import MessageTooLarge, TransientKafkaError
from rak_libs.kafka.publisher import Publisher
from rak_libs.runtime.settings import KafkaSettings

SMALL_BYTES = 2_000
"""`max.message.bytes` of a topic whose owner made it smaller than `[kafka] max_message_bytes`."""


@pytest.fixture(scope="module")
def broker(shared_kafka: KafkaSettings) -> Broker:
    return shared_broker(shared_kafka)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return "idempotent_" + "".join(c if c.isalnum() else "_" for c in request.node.name)


async def make_small_topic(settings: KafkaSettings, name: str) -> None:
    """Make a topic of one partition that takes messages of `SMALL_BYTES` at most."""
    client = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
    await client.start()
    configuration = {"max.message.bytes": str(SMALL_BYTES)}
    await client.create_topics([NewTopic(name, 1, 1, topic_configs=configuration)])
    await client.close()


async def connected(publisher: Publisher) -> AIOKafkaProducer:
    async with asyncio.timeout(10):
        while publisher._producer is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return publisher._producer


async def recovered(publisher: Publisher) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                await publisher.check()
            except TransientKafkaError:
                await asyncio.sleep(0.01)
            else:
                return


def test_aiokafka_never_recovers_from_a_message_that_kafka_refused(
    broker: Broker, name: str
) -> None:
    """The refused batch has used up its sequence number, so Kafka misses it for ever."""

    async def scenario() -> None:
        await make_small_topic(broker.settings, name)
        producer = AIOKafkaProducer(
            bootstrap_servers=broker.settings.bootstrap_servers, enable_idempotence=True
        )
        await producer.start()
        try:
            await producer.send_and_wait(name, b"first", partition=0)
            with pytest.raises(kafka.MessageSizeTooLargeError):
                await producer.send_and_wait(name, os.urandom(2 * SMALL_BYTES), partition=0)
            for _ in range(3):
                with pytest.raises(kafka.OutOfOrderSequenceNumber):
                    await producer.send_and_wait(name, b"later", partition=0)
        finally:
            await producer.stop()

    run(scenario())


def test_a_publisher_goes_on_after_a_message_that_kafka_refused(broker: Broker, name: str) -> None:
    async def scenario() -> None:
        await make_small_topic(broker.settings, name)
        async with publishing(broker.settings) as publisher:
            await publisher.publish(name, b"first", [])
            with pytest.raises(MessageTooLarge):
                await publisher.publish(name, os.urandom(2 * SMALL_BYTES), [])
            await publisher.publish(name, b"later", [])

    run(scenario())


def test_a_sequence_number_out_of_order_costs_one_producer_and_no_acknowledged_message(
    broker: Broker, name: str
) -> None:
    """A batch that Kafka never saw makes it answer OutOfOrderSequenceNumber under load.

    Publishes fail with an error to retry, the publisher is not ready until it has a new producer,
    and each acknowledged message is stored exactly once.
    """

    async def scenario() -> None:
        acknowledged: list[bytes] = []
        failures: list[TransientKafkaError] = []
        not_ready: list[TransientKafkaError] = []

        async def publish(publisher: Publisher, value: bytes) -> None:
            try:
                await publisher.publish(name, value, [])
            except TransientKafkaError as error:
                failures.append(error)
                try:
                    await publisher.check()
                except TransientKafkaError as unready:
                    not_ready.append(unready)
            else:
                acknowledged.append(value)

        async def load(publisher: Publisher, numbers: range) -> None:
            for number in numbers:
                await publish(publisher, b"%d" % number)

        async with topic(broker.settings, name), publishing(broker.settings) as publisher:
            await publisher.publish(name, b"before", [])
            broken = await connected(publisher)
            loads = [load(publisher, range(n, n + 200)) for n in range(0, 3200, 200)]
            running = asyncio.gather(*loads)
            while len(acknowledged) < 400:  # noqa: ASYNC110
                await asyncio.sleep(0)
            for partition in range(broker.settings.partitions):
                lost = TopicPartition(name, partition)
                broken._txn_manager.increment_sequence_number(lost, 1)
            await running
            await recovered(publisher)
            assert await connected(publisher) is not broken
            async with reading(broker.settings, name) as reader:
                while not set(acknowledged) <= set(reader.values):
                    await reader.poll()
        assert any("OutOfOrderSequenceNumber" in str(error) for error in failures)
        assert any("OutOfOrderSequenceNumber" in str(error) for error in not_ready)
        assert len(failures) < 1_600
        once = [value for value in reader.values if value in set(acknowledged)]
        assert sorted(once) == sorted(acknowledged)

    run(scenario())


def lose_answers(producer: AIOKafkaProducer, answers: int) -> None:
    """Let the answers to the next publishes get lost after Kafka has stored the messages."""
    send = producer.client.send
    left = answers

    async def lossy(node: int, request: Any, **options: Any) -> Any:
        nonlocal left
        answer = await send(node, request, **options)
        if isinstance(request, ProduceRequest) and left:
            left -= 1
            raise kafka.KafkaConnectionError("the connection was cut")
        return answer

    producer.client.send = lossy


@pytest.mark.parametrize(("idempotent", "copies"), [(True, 1), (False, 3)])
def test_a_publish_whose_answer_gets_lost_is_stored_once_by_an_idempotent_producer(
    broker: Broker, name: str, copies: int, *, idempotent: bool
) -> None:
    async def scenario() -> None:
        settings = broker.with_settings(enable_idempotence=idempotent, partitions=1)
        async with topic(settings, name), publishing(settings) as publisher:
            lose_answers(await connected(publisher), 2)
            await publisher.publish(name, b"once", [])
            await publisher.publish(name, b"end", [])
            async with reading(settings, name) as reader:
                while b"end" not in reader.values:
                    await reader.poll()
        assert reader.values == [b"once"] * copies + [b"end"]

    run(scenario())
