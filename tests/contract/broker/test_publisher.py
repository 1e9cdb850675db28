"""A publisher: what it acknowledges is stored; what it refuses it names."""

import asyncio
import os
import time

import pytest

from contract.broker.brokers import Broker, publishing, reading, run, topic
from rak_libs.kafka.errors import MessageTooLarge, TransientKafkaError
from rak_libs.kafka.publisher import Stored, message_size

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


def test_many_concurrent_messages_are_stored_once_each_where_and_when_the_publisher_was_told(
    broker: Broker, name: str
) -> None:
    """Over all partitions, many to a batch."""

    async def scenario() -> None:
        async with topic(broker.settings, name), publishing(broker.settings) as publisher:
            sent = [b"%d" % number for number in range(2_000)]
            stored = await asyncio.gather(*(publisher.publish(name, each, []) for each in sent))
            async with reading(broker.settings, name) as reader:
                await reader.read(len(sent))
        found = {r.value: Stored(r.partition, r.offset, r.timestamp_ms) for r in reader.records}
        assert len(found) == len(reader.records)
        assert found == dict(zip(sent, stored, strict=True))
        assert {each.partition for each in stored} == {0, 1, 2, 3}

    run(scenario())


def test_a_message_bears_the_date_of_the_broker_whatever_its_producers_clock_says(
    broker: Broker, name: str
) -> None:
    """Apache Kafka dates it; the embedded broker believes the producer, which is on its machine."""

    async def scenario() -> None:
        async with topic(broker.settings, name), publishing(broker.settings) as publisher:
            before_ms = time.time_ns() // 1_000_000
            stored = await publisher.publish(name, b"first", [])
            producer = publisher._producer
            assert producer is not None
            await producer.send_and_wait(name, b"of 1970", timestamp_ms=1_000)
            async with reading(broker.settings, name) as reader:
                await reader.read(2)
        dates = {record.value: record.timestamp_ms for record in reader.records}
        assert dates[b"first"] == stored.timestamp_ms
        if broker.is_kafka:
            assert dates[b"of 1970"] >= before_ms
        else:
            assert dates[b"of 1970"] == 1_000

    run(scenario())


def test_a_message_is_stored_in_the_partition_that_was_asked_for(broker: Broker, name: str) -> None:
    async def scenario() -> None:
        async with topic(broker.settings, name), publishing(broker.settings) as publisher:
            for partition in (2, 2, 0):
                assert (await publisher.publish(name, b"x", [], partition)).partition == partition
            with pytest.raises(TransientKafkaError, match="no partition 4"):
                await publisher.publish(name, b"x", [], 4)

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
