"""Reading stretches of a log whose ends are known before: for tools, beside every group."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka

from rak_libs.kafka.aiokafka_seams import close_consumer, existing_topics, log_ends
from rak_libs.kafka.errors import TransientKafkaError, translate
from rak_libs.kafka.records import Record, fetch_bounded, to_records
from rak_libs.runtime.settings import KafkaSettings

__all__ = ["Stretch", "TopicReader", "open_reader"]

_REQUEST_SECONDS: Final = 10.0
_SILENCE_SECONDS: Final = 30.0
_PARTITION_FETCH_BYTES: Final = 1024 * 1024
_FETCH_BYTES: Final = 8 * 1024 * 1024
_FETCH_WAIT_MS: Final = 10
_LOG_APPEND_TIME: Final = 1
_CLOCKS_MS: Final = 60_000
"""By how much times of one log may go back: leaders' clocks differ, batches hold several times."""

_FAILURES: Final = (kafka.KafkaError, TimeoutError, OSError)


class Stretch(NamedTuple):
    """Offsets from `start` to, not including, `end`."""

    start: int
    end: int


class TopicReader:
    """Reads stretches of partitions; belongs to no group and commits nothing (`open_reader`).

    One stretch is read at a time. Memory: one fetch answer (8 MiB, or one larger record batch) and
    about 16 MiB of decompressed records.

    Every method raises TransientKafkaError (no broker answers, no such topic) and
    PermanentKafkaError (not authorised).
    """

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def stretches(self, topic: str, from_ms: int | None = None) -> dict[int, Stretch]:
        """What each partition of a topic holds now, by partition.

        Args:
            topic: The topic.
            from_ms: Leave out what lies before every record of this time (unix ms) or later; up
                to a minute more is left in, since a broker may answer with a whole batch.
        """
        doing = f"reading {topic}"
        try:
            async with asyncio.timeout(_REQUEST_SECONDS):
                count = (await existing_topics(self._consumer)).get(topic, 0)
                if not count:
                    raise kafka.UnknownTopicOrPartitionError
                partitions = [TopicPartition(topic, number) for number in range(count)]
                ends = await log_ends(self._consumer, partitions)
                starts: dict[TopicPartition, int]
                starts = await self._consumer.beginning_offsets(partitions)
                if from_ms is not None:
                    starts |= await self._dated(ends, from_ms - _CLOCKS_MS)
        except _FAILURES as error:
            raise translate(error, doing) from error
        return {tp.partition: Stretch(min(starts[tp], ends[tp]), ends[tp]) for tp in partitions}

    async def read(
        self, topic: str, partition: int, stretch: Stretch, to_ms: int | None = None
    ) -> AsyncIterator[Record]:
        """Hand out a stretch's records in order; those that expired meanwhile are passed over.

        Args:
            topic: The topic.
            partition: The partition.
            stretch: From where to where.
            to_ms: Stop early, at the first record that is a minute past this time (unix ms). Only
                times that the broker gave count: producers' may be anything, and are read to the
                stretch's end.

        Raises:
            TransientKafkaError: nothing was read for half a minute: the log is another one, or
                the broker is away.
        """
        if stretch.start >= stretch.end:
            # aiokafka takes seconds to close a consumer that was just assigned something else.
            return
        source = TopicPartition(topic, partition)
        self._consumer.assign([source])
        self._consumer.seek(source, stretch.start)
        position = stretch.start
        while position < stretch.end:
            fetched = await self._fetch(source, position)
            records = to_records({source: fetched})[source]
            for record, raw in zip(records, fetched, strict=True):
                if record.offset >= stretch.end or (to_ms is not None and _is_past(raw, to_ms)):
                    return
                yield record
            position = await self._position(source)

    async def _dated(
        self, ends: dict[TopicPartition, int], from_ms: int
    ) -> dict[TopicPartition, int]:
        found = await self._consumer.offsets_for_times(dict.fromkeys(ends, max(0, from_ms)))
        # The embedded broker says with a time of -1 what Kafka says with nothing: no such record.
        dated = {tp: at.offset for tp, at in found.items() if at and at.timestamp >= 0}
        return {tp: dated.get(tp, end) for tp, end in ends.items()}

    async def _fetch(self, source: TopicPartition, position: int) -> list[Any]:
        """Wait for records; an empty list when the position moved without any."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _SILENCE_SECONDS
        doing = f"reading {source.topic}/{source.partition}"
        while loop.time() < deadline:
            try:
                fetched = await fetch_bounded(self._consumer, loop.time() + 1.0)
            except _FAILURES as error:
                raise translate(error, doing) from error
            if fetched.get(source):
                return fetched[source]
            if await self._position(source) > position:
                return []
        raise TransientKafkaError(
            f"{doing}: no record at offset {position} within {_SILENCE_SECONDS:g} s"
        )

    async def _position(self, source: TopicPartition) -> int:
        position: int = await self._consumer.position(source)
        return position


@asynccontextmanager
async def open_reader(settings: KafkaSettings, client_id: str) -> AsyncIterator[TopicReader]:
    """Connect a reader.

    Args:
        settings: `[kafka]`.
        client_id: The name in the broker's logs.

    Raises:
        TransientKafkaError: no broker answers.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers,
        client_id=client_id,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        request_timeout_ms=int(_REQUEST_SECONDS * 1000),
        # What is read is there; a fetch at the end of one stretch must not hold up the next.
        fetch_max_wait_ms=_FETCH_WAIT_MS,
        max_partition_fetch_bytes=_PARTITION_FETCH_BYTES,
        fetch_max_bytes=_FETCH_BYTES,
    )
    try:
        try:
            async with asyncio.timeout(_REQUEST_SECONDS):
                await consumer.start()
        except _FAILURES as error:
            raise translate(error, f"connecting to {settings.bootstrap_servers}") from error
        yield TopicReader(consumer)
    finally:
        await close_consumer(consumer)


def _is_past(record: Any, to_ms: int) -> bool:
    dated_by_broker: bool = record.timestamp_type == _LOG_APPEND_TIME
    return dated_by_broker and record.timestamp > to_ms + _CLOCKS_MS
