import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

POLL_BYTES: Final = 16 * 1024 * 1024
"""Decompressed bytes after which a poll takes no more."""

_RECORDS = 32
_FEW_BYTES = 1024 * 1024
_REBALANCE_WAIT_SECONDS = 0.2


class Record(NamedTuple):
    """One message as it was read.

    Attributes:
        topic: Its topic.
        partition: Its partition.
        offset: Its offset there.
        timestamp_ms: When the broker (or, with CreateTime, the producer) dated it, unix ms.
        value: The payload, decompressed; empty when the message had none.
        headers: Names and values in order.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


async def fetch_bounded(
    consumer: AIOKafkaConsumer, deadline: float
) -> dict[TopicPartition, list[Any]]:
    """Take what has arrived, up to about `POLL_BYTES`; wait for something until `deadline`.

    aiokafka decompresses a record batch when its first record is taken, so taking few records at
    a time bounds memory however well they were compressed. Small records are taken in larger steps.

    Args:
        consumer: Where from; its positions move past what is returned.
        deadline: Time of the running loop.
    """
    loop = asyncio.get_running_loop()
    fetched: dict[TopicPartition, list[Any]] = {}
    size, records = 0, _RECORDS
    while size < POLL_BYTES:
        wait_ms = 0 if fetched else max(0, int(1000 * (deadline - loop.time())))
        some = await _getmany(consumer, wait_ms, records)
        if not some:
            break
        got = sum(record.serialized_value_size for each in some.values() for record in each)
        size += got
        records = records * 4 if got < _FEW_BYTES else _RECORDS
        for partition, each in some.items():
            fetched.setdefault(partition, []).extend(each)
    return fetched


def to_records(
    fetched: Mapping[TopicPartition, list[Any]],
) -> dict[TopicPartition, list[Record]]:
    """Turn aiokafka's records into ours."""
    return {
        partition: [
            Record(r.topic, r.partition, r.offset, r.timestamp, r.value or b"", r.headers)
            for r in records
        ]
        for partition, records in fetched.items()
    }


async def _getmany(
    consumer: AIOKafkaConsumer, wait_ms: int, records: int
) -> dict[TopicPartition, list[Any]]:
    # aiokafka waits for the end of a rebalance whatever the time limit.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wait_ms / 1000 + _REBALANCE_WAIT_SECONDS):
            some: dict[TopicPartition, list[Any]] = await consumer.getmany(
                timeout_ms=wait_ms, max_records=records
            )
            return some
    return {}
