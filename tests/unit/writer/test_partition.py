"""A partition's buffer: undecoded, forming, in writing."""

import asyncio

import pytest

from rak_libs.clickhouse.errors import SchemaError, TransientClickHouseError
from rak_libs.kafka.consumer import TopicPartition
from rak_services.writer.batch import FlushPolicy
from rak_services.writer.identity import Intent, identify
from rak_services.writer.partition import AnotherLog, PartitionBuffer
from rak_services.writer.signals import SIGNALS
from unit.writer.span_messages import record, value_of

POLICY = FlushPolicy(rows=4, size=10_000, timeout=1.0, stretch=2.5, stretch_rows=2)
MESSAGE = value_of(["a", "b"])


def buffer(intent: Intent | None = None) -> PartitionBuffer:
    source = TopicPartition("otlp_spans", 3)
    return PartitionBuffer(source, SIGNALS["spans"], 30, POLICY, intent)


def test_messages_wait_undecoded_until_the_batch_has_room() -> None:
    """A full batch takes nothing more; what was read beyond it keeps its order."""
    held = buffer()
    held.offer(record(offset, MESSAGE) for offset in range(3))
    assert [held.take_one(7.0) for _ in range(3)] == [True, True, False]
    assert (held.rows, held.size) == (4, 3 * len(MESSAGE))
    assert not held.wants_more(9.0)
    batch = held.close_batch(8.0)
    assert (batch.first_offset, batch.end_offset, batch.formed_at) == (0, 2, 7.0)
    assert not batch.replayed
    assert held.take_one(9.0)
    assert held.wants_more(9.0)
    assert (held.rows, held.size) == (6, 3 * len(MESSAGE))
    held.batch_written(delivered=True)
    assert (held.rows, held.size) == (2, len(MESSAGE))
    assert held.close_batch(9.0).first_offset == 2


def test_one_batch_at_a_time_is_in_writing() -> None:
    async def check() -> None:
        held = buffer()
        assert held.due_at() is None
        held.offer([record(0, MESSAGE)])
        held.take_one(7.0)
        assert held.due_at() == 8.0
        held.close_batch(8.0)
        held.writing = asyncio.create_task(asyncio.sleep(0))
        held.offer([record(1, MESSAGE)])
        held.take_one(8.0)
        assert held.due_at() is None
        await held.writing
        held.batch_written(delivered=True)
        assert held.due_at() == 9.0

    asyncio.run(check())


def test_a_batch_that_is_due_while_another_is_in_writing_takes_nothing_more() -> None:
    """A slow engine leaves messages at the broker, and memory flat."""

    async def check() -> None:
        held = buffer()
        held.offer([record(0, MESSAGE)])
        held.take_one(7.0)
        held.close_batch(7.0)
        held.writing = asyncio.create_task(asyncio.sleep(0))
        held.offer([record(1, MESSAGE)])
        held.take_one(8.0)
        assert held.wants_more(8.0)
        assert not held.wants_more(60.0)
        held.batch_written(delivered=True)
        assert held.wants_more(60.0)

    asyncio.run(check())


def test_a_failing_partition_is_not_read_on() -> None:
    """Any failure stops its partition; one of the schema concerns the topic."""
    held = buffer()
    held.failure = TransientClickHouseError(210, "away")
    assert (held.wants_more(9.0), held.is_halted) == (False, False)
    held.failure = SchemaError(60, "no table")
    assert (held.wants_more(9.0), held.is_halted) == (False, True)
    held.failure = None
    assert held.wants_more(9.0)


def test_what_is_discarded_is_gone() -> None:
    """Only what is in writing stays; nothing is retried for it."""
    held = buffer()
    held.offer(record(offset, MESSAGE) for offset in range(4))
    held.take_one(7.0)
    held.close_batch(7.0)
    held.take_one(7.0)
    held.discard()
    assert held.abandoned.is_set()
    assert held.size == len(MESSAGE)
    held.batch_written(delivered=True)
    assert held.is_empty


def test_a_predecessors_batch_is_formed_again_whatever_its_size() -> None:
    """Rows, bytes and age of the policy do not divide it, and what follows is not part of it."""
    records = [record(offset, MESSAGE) for offset in range(10, 15)]
    held = buffer(Intent(end_offset=14, token=identify(records[0], 13).token))
    held.offer(records[:3])
    while held.take_one(7.0):
        pass
    assert held.is_replaying
    assert held.due_at() is None
    assert held.wants_more(1e9)
    held.offer(records[3:])
    while held.take_one(8.0):
        pass
    assert not held.wants_more(8.0)
    assert held.due_at() == 7.0
    batch = held.close_batch(9.0)
    assert batch.replayed
    assert (batch.first_offset, batch.end_offset, batch.rows) == (10, 14, 8)
    assert not held.is_replaying
    held.take_one(9.0)
    held.batch_written(delivered=True)
    assert not held.close_batch(11.0).replayed


@pytest.mark.parametrize("value", [value_of(["other"]), b""])
def test_other_messages_at_a_predecessors_offsets_are_told_apart(value: bytes) -> None:
    """The topic was made anew: the intent is not about these."""
    held = buffer(Intent(end_offset=12, token=identify(record(10, MESSAGE), 11).token))
    held.offer([record(10, value)])
    with pytest.raises(AnotherLog):
        held.take_one(7.0)


def test_the_oldest_message_that_is_not_written_is_known_wherever_it_is() -> None:
    held = buffer()
    assert (held.oldest_held_ms, held.last_written_ms) == (0, 0)
    held.offer([record(offset, MESSAGE, timestamp_ms=100 + offset) for offset in range(5)])
    assert held.oldest_held_ms == 100
    held.take_one(7.0)
    held.take_one(7.0)
    assert held.oldest_held_ms == 100
    held.close_batch(8.0)
    held.take_one(8.0)
    assert (held.oldest_held_ms, held.last_written_ms) == (100, 0)
    held.batch_written(delivered=True)
    assert (held.oldest_held_ms, held.last_written_ms) == (102, 101)
    held.close_batch(8.0)
    held.batch_written(delivered=False)
    assert (held.oldest_held_ms, held.last_written_ms) == (103, 101)
