"""Notes committed with offsets: Apache Kafka gives them back, the embedded broker loses them.

A writer puts its intent there before it inserts, so what is promised here is what exactly-once
stands on.
"""

from collections.abc import Mapping

import pytest

from contract.broker.brokers import (
    Broker,
    Reader,
    next_offsets,
    publishing,
    reading,
    run,
    topic,
    until,
)
from rak_libs.kafka.admin import KafkaAdmin
from rak_libs.kafka.consumer import Start, TopicPartition
from rak_libs.kafka.errors import PartitionLost
from rak_libs.kafka.positions import Committed

NOTE = '{"v":1,"e":30,"b":"0123456789abcdef0123456789abcdef"}'


async def committed(admin: KafkaAdmin, name: str) -> dict[TopicPartition, Start]:
    """What the readers' group has committed, by another client than the one under test."""
    partitions = [TopicPartition(name, number) for number in range(4)]
    found = await admin._client.list_consumer_group_offsets(f"{name}-group", partitions=partitions)
    return {
        tp: Committed.from_metadata(each.offset, each.metadata).start for tp, each in found.items()
    }


def starts(reader: Reader) -> dict[TopicPartition, Start]:
    """Where a reader's partitions started last."""
    return {tp: start for assigned in reader.assigned for tp, start in assigned.items()}


def test_a_note_comes_back_to_the_next_member_with_its_offset(broker: Broker, name: str) -> None:
    """The offset may be one that lies before what was handed out; assignment changes no note."""
    noted, plain = TopicPartition(name, 1), TopicPartition(name, 2)
    note = NOTE if broker.keeps_notes else ""

    async def scenario() -> None:
        async with topic(broker.settings, name) as admin, publishing(broker.settings) as publisher:
            for partition in (1, 2):
                for number in range(5):
                    await publisher.publish(name, b"%d" % number, [], partition)
            async with reading(broker.settings, name) as first:
                await first.read(10, commit=False)
                await first.consumer.commit({noted: 3, plain: 4}, {noted: NOTE})
            async with reading(broker.settings, name) as second:
                await second.read(3, commit=False)
                assert starts(second)[noted] == Start(3, note)
                assert starts(second)[plain] == Start(4, "")
                offsets = sorted((r.partition, r.offset) for r in second.records)
                assert offsets == [(1, 3), (1, 4), (2, 4)]
                assert second.consumer.keeps_notes is broker.keeps_notes
            assert (await committed(admin, name))[noted] == Start(3, note)

    run(scenario())


def test_a_consumer_knows_whether_notes_are_kept_before_it_is_assigned_anything(
    broker: Broker, name: str
) -> None:
    """It has tried, and left no trace of it."""

    async def scenario() -> None:
        async with (
            topic(broker.settings, name) as admin,
            reading(broker.settings, name) as reader,
        ):
            known: list[bool | None] = [reader.consumer.keeps_notes]

            async def on_assigned(_: Mapping[TopicPartition, Start]) -> None:
                known.append(reader.consumer.keeps_notes)

            reader.consumer._on_assigned = on_assigned
            await reader.join(4)
            assert known == [None, broker.keeps_notes]
            assert set((await committed(admin, name)).values()) == {Start(0, "")}

    run(scenario())


def test_a_commit_without_a_note_takes_the_note_away(broker: Broker, name: str) -> None:
    noted = TopicPartition(name, 0)

    async def scenario() -> None:
        async with topic(broker.settings, name) as admin:
            async with reading(broker.settings, name) as reader:
                await reader.join(4)
                await reader.consumer.commit({noted: 0}, {noted: NOTE})
                found = (await committed(admin, name))[noted]
                assert found == Start(0, NOTE if broker.keeps_notes else "")
                await reader.consumer.commit({noted: 0})
            assert (await committed(admin, name))[noted] == Start(0, "")

    run(scenario())


def test_a_log_that_is_not_the_one_of_the_note_is_read_anew(broker: Broker, name: str) -> None:
    """From its earliest record, without the note; the other partitions are left alone."""
    other = TopicPartition(name, 1)

    async def scenario() -> None:
        async with (
            topic(broker.settings, name) as admin,
            publishing(broker.settings) as publisher,
        ):
            for number in range(5):
                await publisher.publish(name, b"%d" % number, [], 1)
            async with reading(broker.settings, name) as first:
                await first.read(5, commit=False)
                await first.consumer.commit({other: 3}, {other: NOTE})
            async with reading(broker.settings, name) as second:
                await second.read(2, commit=False)
                await second.consumer.read_anew(other)
                with pytest.raises(PartitionLost):
                    await second.consumer.commit({other: 4})
                second.records.clear()
                await until(lambda: bool(second.revoked), 10, second.poll, commit=False)
                assert second.revoked == [frozenset({other})]
                await second.read(5, commit=False)
                assert starts(second)[other] == Start(0, "")
                assert len(second.assigned) == 2
                assert (await committed(admin, name))[other] == Start(0, "")
                await second.consumer.commit(next_offsets({other: second.records}))
            assert (await committed(admin, name))[other] == Start(5, "")

    run(scenario())
