import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Final

from tenacity import AsyncRetrying, retry_if_exception, wait_random_exponential

from rak_libs.clickhouse.errors import ClickHouseError
from rak_libs.kafka.consumer import PartitionConsumer, TopicPartition
from rak_libs.kafka.errors import KafkaError, PartitionLost, TransientKafkaError
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.metrics import gauge
from rak_services.writer.batch import Batch
from rak_services.writer.config import WriterLimits
from rak_services.writer.dead_letters import DeadLetters
from rak_services.writer.insertion import Insertion
from rak_services.writer.partition import PartitionBuffer
from rak_services.writer.retries import sleep_unless, stop_when_set, warn_of
from rak_services.writer.signals import Signal

log = get_logger(__name__)

_IDLE_POLL_SECONDS: Final = 0.2
_BUSY_POLL_SECONDS: Final = 0.02
_DECODING_SECONDS: Final = 0.02
_GAUGES_SECONDS: Final = 1.0
_READ_AGAIN_SECONDS: Final = 1.0


class Writer:
    """Reads a topic, writes its rows, and commits what is written.

    Per partition, in this order: messages become a batch; the batch becomes one INSERT; what it
    refuses goes to the dead-letter topic; then the offsets are committed. A failure anywhere
    leaves the offsets where they are, so a batch may be written twice but never not at all.
    """

    def __init__(
        self,
        signal: Signal,
        retention_days: int,
        limits: WriterLimits,
        consumer: Callable[["Writer"], PartitionConsumer],
        insertion: Insertion,
        dead_letters: DeadLetters,
    ) -> None:
        """Describe the writer; `consumer` makes a consumer with this writer's callbacks."""
        self._signal = signal
        self._retention_days = retention_days
        self._limits = limits
        self._insertion = insertion
        self._dead_letters = dead_letters
        self._partitions: dict[TopicPartition, PartitionBuffer] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._gauges_at = 0.0
        self._lag_labels: set[TopicPartition] = set()
        self.consumer = consumer(self)

    async def run(self, stop: asyncio.Event) -> None:
        """Write until `stop` is set, then write what has been read, within the drain's deadline.

        Raises:
            PermanentKafkaError: The broker refuses this consumer for good.
        """
        async with asyncio.TaskGroup() as self._tasks:
            while not stop.is_set():
                await self._step(stop)
            await self._drain()
        await self.consumer.stop()
        log.info("writer.drained", signal=self._signal.name)

    async def on_assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """Start with empty buffers for partitions that will be read from now on."""
        for source in partitions:
            self._partitions[source] = PartitionBuffer(
                source, self._signal, self._retention_days, self._limits.policy
            )
        log.info("writer.partitions_assigned", partitions=_names(partitions))

    async def on_revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Let go of partitions: discard what forms, let a running INSERT end and commit."""
        buffers = [self._partitions.pop(each) for each in partitions if each in self._partitions]
        for buffer in buffers:
            buffer.discard()
        writing = {buffer.writing for buffer in buffers if buffer.writing}
        if writing:
            _, late = await asyncio.wait(writing, timeout=self._limits.revoke_seconds)
            for task in late:
                task.cancel()
        log.info("writer.partitions_revoked", partitions=_names(partitions))

    async def _step(self, stop: asyncio.Event) -> None:
        try:
            found = await self.consumer.poll(int(self._poll_seconds() * 1000))
        except TransientKafkaError as error:
            log.error("writer.read_failed", topic=self._signal.topic, error=str(error))
            await asyncio.sleep(_READ_AGAIN_SECONDS)
            return
        for source, records in found.items():
            if source in self._partitions:
                self._partitions[source].offer(records)
        await self._digest(stop)
        self._pause_and_resume()
        self._set_gauges()

    def _poll_seconds(self) -> float:
        now = time.monotonic()
        busy = any(buffer.writing for buffer in self._partitions.values())
        waits = [_BUSY_POLL_SECONDS if busy else _IDLE_POLL_SECONDS]
        waits += [due - now for due in map(PartitionBuffer.due_at, self._buffers()) if due]
        return max(0.0, min(waits))

    def _buffers(self) -> Iterable[PartitionBuffer]:
        return tuple(self._partitions.values())

    async def _digest(self, stop: asyncio.Event) -> None:
        """Decode what waits and start what is due, without keeping the loop for long."""
        working = True
        resting_at = time.monotonic() + _DECODING_SECONDS
        while working and not stop.is_set():
            working = False
            for buffer in self._buffers():
                now = time.monotonic()
                working |= buffer.take_one(now)
                self._write_if_due(buffer, now)
                if now > resting_at:
                    # Heartbeats and probes are answered here; partitions may be revoked.
                    await asyncio.sleep(0)
                    resting_at = time.monotonic() + _DECODING_SECONDS

    def _write_if_due(self, buffer: PartitionBuffer, now: float) -> None:
        due = buffer.due_at()
        if due is None or self._partitions.get(buffer.source) is not buffer:
            return
        if now >= due or self._size() > self._limits.buffer_bytes:
            self._start_writing(buffer, now)

    def _size(self) -> int:
        return sum(buffer.size for buffer in self._partitions.values())

    def _start_writing(self, buffer: PartitionBuffer, now: float) -> None:
        assert self._tasks is not None  # noqa: S101 - only run() steps
        batch = buffer.close_batch(now)
        buffer.writing = self._tasks.create_task(self._write(buffer, batch))

    async def _write(self, buffer: PartitionBuffer, batch: Batch) -> None:
        def note(error: ClickHouseError | None) -> None:
            buffer.failure = error
            self._pause_and_resume()

        rows = batch.rows
        try:
            refused = await self._insertion.insert(batch, buffer.abandoned, note)
            log.info("writer.batch_inserted", **_described(batch), rows=rows)
            await self._dead_letters.publish([*batch.refused, *refused], buffer.abandoned)
            await self._commit(buffer, batch)
        # Retries end with an error only when the batch is left to the partition's next owner.
        except ClickHouseError as error:
            log.warning("writer.batch_not_inserted", **_described(batch), error=str(error))
        except KafkaError as error:
            log.warning("writer.batch_not_committed", **_described(batch), error=str(error))
        finally:
            buffer.batch_written()

    async def _commit(self, buffer: PartitionBuffer, batch: Batch) -> None:
        retrying = AsyncRetrying(
            retry=retry_if_exception(_is_worth_retrying),
            wait=wait_random_exponential(multiplier=0.1, max=5),
            stop=stop_when_set(buffer.abandoned),
            sleep=sleep_unless(buffer.abandoned),
            before_sleep=warn_of("writer.commit_failed", **_described(batch)),
            reraise=True,
        )
        await retrying(self.consumer.commit, {buffer.source: batch.last_offset + 1})

    def _pause_and_resume(self) -> None:
        """Read only what may be read: memory is bounded, and failing partitions wait."""
        everything_waits = self._size() > self._limits.buffer_bytes or any(
            buffer.is_halted for buffer in self._partitions.values()
        )
        now = time.monotonic()
        for source, buffer in self._partitions.items():
            if everything_waits or not buffer.wants_more(now):
                self.consumer.pause(source)
            else:
                self.consumer.resume(source)

    async def _drain(self) -> None:
        """Write what has been read; at the deadline, what is left is read again by another."""
        deadline = time.monotonic() + self._limits.drain_seconds
        never = asyncio.Event()
        log.info("writer.draining", signal=self._signal.name, bytes=self._size())
        while any(not buffer.is_empty for buffer in self._buffers()):
            await self._digest(never)
            for buffer in self._buffers():
                if buffer.due_at() is not None:
                    self._start_writing(buffer, time.monotonic())
            writing = {buffer.writing for buffer in self._buffers() if buffer.writing}
            left = deadline - time.monotonic()
            if left <= 0:
                log.error("writer.drain_deadline_passed", bytes=self._size())
                break
            if writing:
                await asyncio.wait(writing, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        for buffer in self._buffers():
            buffer.discard()
            if buffer.writing:
                buffer.writing.cancel()

    def _set_gauges(self) -> None:
        now = time.monotonic()
        if now < self._gauges_at:
            return
        self._gauges_at = now + _GAUGES_SECONDS
        rows = sum(buffer.rows for buffer in self._partitions.values())
        gauge("ingest_buffer_size").labels(self._signal.name).set(rows)
        lags = self.consumer.lag()
        for source in self._lag_labels - lags.keys():
            gauge("ingest_consumer_lag").remove(source.topic, str(source.partition))
        for source, lag in lags.items():
            gauge("ingest_consumer_lag").labels(source.topic, str(source.partition)).set(lag)
        self._lag_labels = set(lags)


def _is_worth_retrying(error: BaseException) -> bool:
    return isinstance(error, KafkaError) and not isinstance(error, PartitionLost)


def _names(partitions: Iterable[TopicPartition]) -> list[str]:
    return sorted(f"{each.topic}-{each.partition}" for each in partitions)


def _described(batch: Batch) -> dict[str, object]:
    return {
        "topic": batch.topic,
        "partition": batch.partition,
        "first_offset": batch.first_offset,
        "last_offset": batch.last_offset,
    }
