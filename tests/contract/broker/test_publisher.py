"""A publisher: what it acknowledges is stored; what it refuses it names."""

import asyncio
import os

import pytest

from contract.broker.brokers import Broker, publishing, reading, run, topic
from rak_libs.kafka.errors import MessageTooLarge, TransientKafkaError
from rak_libs.kafka.publisher import message_size

MEBIBYTE = 1024 * 1024


def test_an_acknowledged_message_is_read_back_with_its_headers(broker: Broker, name: str) -> None:
    async def scenario() -> None:
        headers = [("rak-principal", b"agent \xc3\xa9"), ("twice", b"1"), ("twice", b"")]
        async with topic(broker.settings, name), publishing(broker.settings) as publisher:
            await publisher.publish(name, b"payload", headers)
            async with reading(broker.settings, name) as reader:
                await reader.read(1)
        (record,) = reader.records
        assert (record.topic, record.offset, record.value) == (name, 0, b"payload")
        assert list(record.headers) == headers
        assert record.timestamp_ms > 1_700_000_000_000

    run(scenario())


def test_many_concurrent_messages_are_stored_once_each_over_all_partitions(
    broker: Broker, name: str
) -> None:
    async def scenario() -> None:
        async with topic(broker.settings, name), publishing(broker.settings) as publisher:
            sent = [b"%d" % number for number in range(2_000)]
            await asyncio.gather(*(publisher.publish(name, value, []) for value in sent))
            async with reading(broker.settings, name) as reader:
                await reader.read(len(sent))
        assert sorted(reader.values) == sorted(sent)
        assert {record.partition for record in reader.records} == {0, 1, 2, 3}

    run(scenario())


def test_a_message_of_the_limit_passes_and_a_larger_one_is_refused(
    broker: Broker, name: str
) -> None:
    """The limit holds for random bytes, which no compression makes smaller."""

    async def scenario() -> None:
        limit = broker.settings.max_message_bytes
        largest = os.urandom(limit)
        while (over := message_size(largest, []) - limit) > 0:
            largest = largest[:-over]
        while message_size(largest + b"x", []) <= limit:
            largest += b"x"
        async with topic(broker.settings, name), publishing(broker.settings) as publisher:
            await publisher.publish(name, largest, [])
            for too_large in (largest + b"x", bytes(limit + 1)):
                with pytest.raises(MessageTooLarge, match="allowed"):
                    await publisher.publish(name, too_large, [])
            await publisher.publish(name, b"after", [])
            async with reading(broker.settings, name) as reader:
                await reader.read(2)
        assert set(reader.values) == {largest, b"after"}

    run(scenario())


def test_a_topic_that_does_not_exist_is_transient_and_says_what_to_run(
    broker: Broker, name: str
) -> None:
    """Unless the broker makes topics on demand: then the message is stored like any other."""

    async def scenario() -> None:
        async with publishing(broker.settings) as publisher:
            if broker.creates_topics_on_demand:
                await publisher.publish(name, b"on demand", [])
                async with reading(broker.settings, name) as reader:
                    assert await reader.read(1) == [b"on demand"]
                return
            with pytest.raises(TransientKafkaError, match="rak-migrate up"):
                await publisher.publish(name, b"nowhere", [])

    run(scenario())


def test_check_tells_a_broker_that_answers_from_an_address_where_none_is(broker: Broker) -> None:
    async def scenario() -> None:
        async with publishing(broker.settings) as publisher:
            async with asyncio.timeout(10):
                while True:
                    try:
                        await publisher.check()
                        break
                    except TransientKafkaError:
                        await asyncio.sleep(0.02)
        nowhere = broker.with_settings(bootstrap_servers="127.0.0.1:1")
        async with publishing(nowhere) as publisher:
            with pytest.raises(TransientKafkaError, match=r"127\.0\.0\.1:1"):
                await publisher.check()

    run(scenario())


def test_stopping_delivers_what_is_under_way(broker: Broker, name: str) -> None:
    async def scenario() -> None:
        async with topic(broker.settings, name):
            async with publishing(broker.settings) as publisher:
                await publisher.publish(name, b"first", [])
                pending = [
                    asyncio.create_task(publisher.publish(name, b"%d" % number, []))
                    for number in range(100)
                ]
                await asyncio.sleep(0)
            await asyncio.gather(*pending)
            async with reading(broker.settings, name) as reader:
                await reader.read(101)

    run(scenario())
