"""A consumer: every record of its partitions at least once, in order, whatever happens."""

import asyncio
import os

import pytest

from contract.broker.brokers import Broker, publishing, reading, run, topic, until
from rak_libs.kafka.consumer import TopicPartition
from rak_libs.kafka.errors import PartitionLost
from rak_libs.kafka.publisher import Publisher

MEBIBYTE = 1024 * 1024


async def publish_numbers(publisher: Publisher, name: str, numbers: range) -> set[bytes]:
    values = [b"%d" % number for number in numbers]
    await asyncio.gather(*(publisher.publish(name, value, []) for value in values))
    return set(values)


def test_a_new_group_starts_at_the_earliest_record_and_reads_contiguously(
    broker: Broker, name: str
) -> None:
    async def scenario() -> None:
        async with topic(broker.settings, name), publishing(broker.settings) as publisher:
            sent = await publish_numbers(publisher, name, range(500))
            async with reading(broker.settings, name) as reader:
                await reader.read(500)
        assert set(reader.values) == sent
        for partition in range(4):
            offsets = [r.offset for r in reader.records if r.partition == partition]
            assert offsets == list(range(len(offsets)))

    run(scenario())


def test_the_start_of_each_partition_is_committed_before_anything_is_read(
    broker: Broker, name: str
) -> None:
    """So a committed offset that is missing later means that the log is another one."""

    async def scenario() -> None:
        async with topic(broker.settings, name) as admin:
            async with reading(broker.settings, name) as reader:
                await reader.join(4)
            committed = await admin.committed(f"{name}-group", [name])
        assert committed == {TopicPartition(name, partition): 0 for partition in range(4)}

    run(scenario())


def test_the_next_member_of_a_group_reads_on_from_what_was_committed(
    broker: Broker, name: str
) -> None:
    async def scenario() -> None:
        async with topic(broker.settings, name) as admin, publishing(broker.settings) as publisher:
            await publish_numbers(publisher, name, range(100))
            async with reading(broker.settings, name) as first:
                await first.read(100)
                assert sum(first.consumer.lag().values()) == 0
            sent = await publish_numbers(publisher, name, range(100, 150))
            assert sum((await admin.lag(f"{name}-group", [name])).values()) == 50
            async with reading(broker.settings, name) as second:
                await second.read(50)
            assert sum((await admin.lag(f"{name}-group", [name])).values()) == 0
        assert set(second.values) == sent

    run(scenario())


def test_what_was_not_committed_is_read_again(broker: Broker, name: str) -> None:
    async def scenario() -> None:
        async with topic(broker.settings, name), publishing(broker.settings) as publisher:
            sent = await publish_numbers(publisher, name, range(60))
            for _ in range(2):
                async with reading(broker.settings, name) as reader:
                    await reader.read(60, commit=False)
                    assert sum(reader.consumer.lag().values()) == 60
                assert set(reader.values) == sent

    run(scenario())


def test_members_share_the_partitions_and_every_record_is_read(broker: Broker, name: str) -> None:
    """A join revokes everything first; a commit under the old assignment is refused after it."""

    async def scenario() -> None:
        async with (
            topic(broker.settings, name),
            publishing(broker.settings) as publisher,
            reading(broker.settings, name) as first,
            reading(broker.settings, name) as second,
        ):
            sent = await publish_numbers(publisher, name, range(100))
            await first.read(100)
            held = dict.fromkeys(first.consumer.assignment, 1)

            async def both() -> None:
                await asyncio.gather(first.poll(), second.poll())

            await until(lambda: len(second.consumer.assignment) == 2, 30, both)
            await until(lambda: len(first.consumer.assignment) == 2, 30, both)
            assert first.revoked == [frozenset(held)]
            assert not first.consumer.assignment & second.consumer.assignment
            with pytest.raises(PartitionLost):
                await first.consumer.commit(held)
            sent |= await publish_numbers(publisher, name, range(100, 200))
            await until(lambda: set(first.values + second.values) == sent, 30, both)
            assert {r.partition for r in second.records} == {
                partition for _, partition in second.consumer.assignment
            }

    run(scenario())


def test_a_commit_inside_on_revoked_is_accepted(broker: Broker, name: str) -> None:
    async def scenario() -> None:
        async with topic(broker.settings, name) as admin, publishing(broker.settings) as publisher:
            await publish_numbers(publisher, name, range(40))
            async with (
                reading(broker.settings, name) as first,
                reading(broker.settings, name) as second,
            ):
                await first.read(40, commit=False)
                handed_out = {
                    TopicPartition(name, r.partition): r.offset + 1 for r in first.records
                }

                async def commit(_: frozenset[TopicPartition]) -> None:
                    await first.consumer.commit(handed_out)

                first.consumer._on_revoked = commit

                async def both() -> None:
                    await asyncio.gather(first.poll(), second.poll())

                await until(lambda: bool(second.consumer.assignment), 30, both)
            assert sum((await admin.lag(f"{name}-group", [name])).values()) == 0
        assert second.values == []

    run(scenario())


def test_a_consumer_polls_on_paused_partitions_without_losing_its_place(
    broker: Broker, name: str
) -> None:
    """It stays in the group far beyond the poll interval, gets nothing, then everything."""

    async def scenario() -> None:
        async with (
            topic(broker.settings, name),
            publishing(broker.settings) as publisher,
            reading(broker.settings, name, max_poll_interval_seconds=1.5) as reader,
        ):
            await reader.join(4)
            reader.consumer.pause(*reader.consumer.assignment)
            sent = await publish_numbers(publisher, name, range(100))
            for _ in range(40):
                assert await reader.poll(100) == []
            assert reader.revoked == []
            reader.consumer.resume(*reader.consumer.assignment)
            await reader.read(100)
            assert set(reader.values) == sent
            assert len(reader.assigned) == 1

    run(scenario())


def test_only_what_was_handed_out_can_be_committed(broker: Broker, name: str) -> None:
    async def scenario() -> None:
        async with topic(broker.settings, name), reading(broker.settings, name) as reader:
            await reader.join(4)
            with pytest.raises(PartitionLost):
                await reader.consumer.commit({TopicPartition(name, 0): 7})
            with pytest.raises(PartitionLost):
                await reader.consumer.commit({TopicPartition("elsewhere", 0): 0})
            await reader.consumer.commit({TopicPartition(name, 0): 0})

    run(scenario())


def test_a_poll_hands_out_a_bounded_volume(broker: Broker, name: str) -> None:
    """80 MiB that compress to almost nothing arrive in one fetch, and are handed out in parts."""

    async def scenario() -> None:
        value = bytes(MEBIBYTE)
        async with topic(broker.settings, name), publishing(broker.settings) as publisher:
            for _ in range(80):
                await publisher.publish(name, value, [])
            async with reading(broker.settings, name) as reader:
                sizes = []
                while len(reader.records) < 80:
                    polled = await reader.poll()
                    sizes.append(sum(len(record.value) for record in polled))
                    reader.records = [r._replace(value=b"") for r in reader.records]
            assert max(sizes) <= 48 * MEBIBYTE

    run(scenario())


def test_a_log_that_starts_anew_under_a_live_consumer_is_read_from_its_beginning(
    broker: Broker, name: str
) -> None:
    """Its partitions are revoked and assigned again; the old log's offsets cannot be committed.

    Kafka's consumers notice when they refresh their metadata, so one round is enough there.
    """
    rounds = 3 if broker.creates_topics_on_demand else 1

    async def scenario() -> None:
        async with (
            topic(broker.settings, name) as admin,
            publishing(broker.settings) as publisher,
            reading(broker.settings, name) as reader,
        ):
            for round_number in range(rounds):
                numbers = range(1000 * round_number, 1000 * round_number + 200)
                sent = await publish_numbers(publisher, name, numbers)
                reader.records.clear()
                await reader.read(200)
                assert set(reader.values) == sent
                old = {TopicPartition(name, r.partition): r.offset + 1 for r in reader.records}
                revoked = len(reader.revoked)
                await admin.recreate([name])
                await until(lambda n=revoked: len(reader.revoked) > n, 30, reader.poll)
                with pytest.raises(PartitionLost):
                    await reader.consumer.commit(old)
                await reader.join(4)
            committed = await admin.committed(f"{name}-group", [name])
            assert set(committed.values()) == {0}

    run(scenario())


def test_a_log_that_grew_beyond_the_position_behind_a_consumers_back_is_read_whole(
    broker: Broker, name: str
) -> None:
    """Nothing but the topic's id tells the logs apart: both hold a record where it stands."""

    async def scenario() -> None:
        async with (
            topic(broker.settings, name) as admin,
            publishing(broker.settings) as publisher,
            reading(broker.settings, name) as reader,
        ):
            for number in range(5):
                await publisher.publish(name, b"old %d" % number, [], 0)
            await reader.read(5)
            await admin.recreate([name])
            new = [b"new %d" % number for number in range(20)]
            for value in new:
                await publisher.publish(name, value, [], 0)
            await until(lambda: set(new) <= set(reader.values), 30, reader.poll)
            committed = await admin.committed(f"{name}-group", [name])
            assert committed[TopicPartition(name, 0)] == 20

    run(scenario())


def test_records_keep_their_bytes(broker: Broker, name: str) -> None:
    async def scenario() -> None:
        values = [b"", b"\0", os.urandom(100_000), bytes(100_000), bytes(range(256))]
        async with topic(broker.settings, name), publishing(broker.settings) as publisher:
            for value in values:
                await publisher.publish(name, value, [])
            async with reading(broker.settings, name) as reader:
                await reader.read(len(values))
        assert sorted(reader.values) == sorted(values)

    run(scenario())
