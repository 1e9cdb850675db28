"""A partition's buffer: undecoded, forming, in writing."""

import asyncio

from rak_libs.clickhouse.errors import SchemaError, TransientClickHouseError
from rak_libs.kafka.consumer import TopicPartition
from rak_services.writer.batch import FlushPolicy
from rak_services.writer.partition import PartitionBuffer
from rak_services.writer.signals import SIGNALS
from unit.writer.span_messages import record, value_of

POLICY = FlushPolicy(rows=4, size=10_000, timeout=1.0, stretch=2.5, stretch_rows=2)
MESSAGE = value_of(["a", "b"])


def buffer() -> PartitionBuffer:
    return PartitionBuffer(TopicPartition("otlp_spans", 3), SIGNALS["spans"], 30, POLICY)


def test_messages_wait_undecoded_until_the_batch_has_room() -> None:
    """A full batch takes nothing more; what was read beyond it keeps its order."""
    held = buffer()
    held.offer(record(offset, MESSAGE) for offset in range(3))
    assert [held.take_one(7.0) for _ in range(3)] == [True, True, False]
    assert (held.rows, held.size) == (4, 3 * len(MESSAGE))
    assert not held.wants_more(9.0)
    batch = held.close_batch(8.0)
    assert (batch.first_offset, batch.last_offset, batch.formed_at) == (0, 1, 7.0)
    assert held.take_one(9.0)
    assert held.wants_more(9.0)
    assert (held.rows, held.size) == (6, 3 * len(MESSAGE))
    held.batch_written()
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
        held.batch_written()
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
        held.batch_written()
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
    held.batch_written()
    assert held.is_empty
