"""A reader of stretches: beside every group, from an offset or a time to an end known before."""

import asyncio

import pytest

from contract.broker.brokers import Broker, publish_all, publishing, run, topic
from rak_libs.kafka.errors import TransientKafkaError
from rak_libs.kafka.records import Record
from rak_libs.kafka.topic_reader import Stretch, TopicReader, open_reader


async def read_all(reader: TopicReader, name: str, from_ms: int | None = None) -> list[Record]:
    """Every record of a topic up to its present ends."""
    return [
        record
        for partition, stretch in (await reader.stretches(name, from_ms)).items()
        async for record in reader.read(name, partition, stretch)
    ]


def test_everything_up_to_the_present_end_is_read_in_order(broker: Broker, name: str) -> None:
    """Batches of several records, a record larger than a fetch, several partitions."""
    values = [b"%d" % number for number in range(500)] + [bytes(3_000_000)]

    async def scenario() -> list[Record]:
        async with topic(broker.settings, name), publishing(broker.settings) as publisher:
            await asyncio.gather(*(publisher.publish(name, value, []) for value in values))
            async with open_reader(broker.settings, "test") as reader:
                first = await read_all(reader, name)
                assert await read_all(reader, name) == first
                return first

    records = run(scenario())
    assert sorted(record.value for record in records) == sorted(values)
    assert {record.partition for record in records} == {0, 1, 2, 3}
    by_partition = [(record.partition, record.offset) for record in records]
    assert by_partition == sorted(by_partition)


def test_a_stretch_ends_where_it_says(broker: Broker, name: str) -> None:
    """Also inside a batch, and although the log goes on."""

    async def scenario() -> None:
        async with topic(broker.settings, name), publishing(broker.settings) as publisher:
            await asyncio.gather(*(publisher.publish(name, b"v", []) for _ in range(100)))
            async with open_reader(broker.settings, "test") as reader:
                stretches = await reader.stretches(name)
                partition, whole = max(stretches.items(), key=lambda item: item[1].end)
                part = Stretch(2, whole.end - 3)
                read = [record.offset async for record in reader.read(name, partition, part)]
                assert read == list(range(2, whole.end - 3))
                await publish_all(publisher, name, [b"later"] * 8)
                later = [record.offset async for record in reader.read(name, partition, whole)]
                assert later == list(range(whole.end))

    run(scenario())


def test_a_time_leaves_out_what_was_published_more_than_a_minute_before(
    broker: Broker, name: str
) -> None:
    async def scenario() -> None:
        async with topic(broker.settings, name), publishing(broker.settings) as publisher:
            await publish_all(publisher, name, [b"%d" % number for number in range(20)])
            async with open_reader(broker.settings, "test") as reader:
                records = await read_all(reader, name)
                newest = max(record.timestamp_ms for record in records)
                assert await read_all(reader, name, from_ms=newest) == records
                assert await read_all(reader, name, from_ms=0) == records
                # The embedded broker looks by a time of its own, some milliseconds later.
                assert await read_all(reader, name, from_ms=newest + 70_000) == []

    run(scenario())


def test_a_reader_stops_where_the_brokers_times_say_that_nothing_more_can_come(
    broker: Broker, name: str
) -> None:
    """Producers' times say nothing: the embedded broker dates nothing, and is read to the end."""

    async def scenario() -> None:
        async with topic(broker.settings, name), publishing(broker.settings) as publisher:
            stored = [await publisher.publish(name, b"v", [], 1) for _ in range(10)]
            first, last = stored[0].timestamp_ms, stored[-1].timestamp_ms
            async with open_reader(broker.settings, "test") as reader:
                for to_ms, ends_early in ((last, False), (first - 60_001, True)):
                    stretch = (await reader.stretches(name))[1]
                    read = [record async for record in reader.read(name, 1, stretch, to_ms)]
                    dates = not broker.creates_topics_on_demand
                    assert len(read) == (0 if ends_early and dates else 10)

    run(scenario())


def test_an_empty_topic_holds_nothing_and_a_missing_one_is_named(broker: Broker, name: str) -> None:
    async def scenario() -> None:
        async with (
            topic(broker.settings, name) as admin,
            open_reader(broker.settings, "test") as reader,
        ):
            assert await read_all(reader, name) == []
            assert set((await reader.stretches(name)).values()) == {Stretch(0, 0)}
            with pytest.raises(TransientKafkaError, match=r"not_made.*`rak-migrate up`"):
                await reader.stretches("not_made")
            assert "not_made" not in await admin.topics()

    run(scenario())


def test_no_broker_is_told_at_once(broker: Broker) -> None:
    async def scenario() -> None:
        settings = broker.with_settings(bootstrap_servers="127.0.0.1:1")
        with pytest.raises(TransientKafkaError, match=r"connecting to 127\.0\.0\.1:1"):
            async with open_reader(settings, "test"):
                raise AssertionError("connected to nothing")

    run(scenario())
