import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from rak_libs.clickhouse.errors import ClickHouseError
from rak_libs.kafka.consumer import PartitionConsumer, Start, TopicPartition
from rak_libs.kafka.errors import KafkaError, PermanentKafkaError, TransientKafkaError
from rak_libs.model.status import Position
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.metrics import gauge
from rak_services.writer.batch import Batch
from rak_services.writer.config import WriterLimits
from rak_services.writer.dead_letters import TooManyDeadLetters
from rak_services.writer.delivery import Delivery
from rak_services.writer.identity import Intent, IntentOfAnotherVersion
from rak_services.writer.lease import LeaseExpired
from rak_services.writer.partition import AnotherLog, PartitionBuffer
from rak_services.writer.positions import position_of
from rak_services.writer.signals import Signal
from rak_services.writer.watchdog import Vigil
from rak_services.writer.written_rows import WrittenRows

log = get_logger(__name__)

_IDLE_POLL_SECONDS: Final = 0.2
_BUSY_POLL_SECONDS: Final = 0.02
_DECODING_SECONDS: Final = 0.02
_GAUGES_SECONDS: Final = 1.0
_READ_AGAIN_SECONDS: Final = 1.0


class Halted(Exception):
    """The writer has stopped writing until an operator restarts it; the text says why."""


class Writer:
    """Reads a topic and has its batches delivered.

    Messages of a partition become batches, one in writing at a time (`Delivery`). A partition that
    comes with an intent begins with exactly the batch that its earlier owner had begun. A failure
    anywhere leaves the committed offset where it is, and nothing after it is committed.

    A writer that must not go on halts: it leaves its group, so that writers of another version may
    go on, and waits for an operator, unready.

    Attributes:
        consumer: Where its messages come from.
        vigil: Whether it makes headway.
    """

    def __init__(
        self,
        signal: Signal,
        retention_days: int,
        limits: WriterLimits,
        consumer: Callable[["Writer"], PartitionConsumer],
        delivery: Callable[[PartitionConsumer], Delivery],
        vigil: Vigil,
    ) -> None:
        """Describe the writer.

        Args:
            signal: What is written.
            retention_days: How long its items are kept.
            limits: What bounds the writer.
            consumer: Makes a consumer with this writer's callbacks.
            delivery: Makes the way of batches that this consumer hands out.
            vigil: Told what tells a quiet consumer from a stuck one.
        """
        self._signal = signal
        self._retention_days = retention_days
        self._limits = limits
        self.vigil = vigil
        self._written = WrittenRows()
        self._partitions: dict[TopicPartition, PartitionBuffer] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._halted = ""
        self._told_of_notes = False
        self._gauges_at = 0.0
        self._lag_labels: set[TopicPartition] = set()
        self.consumer = consumer(self)
        self._delivery = delivery(self.consumer)

    async def run(self, stop: asyncio.Event) -> None:
        """Write until `stop` is set, then write what has been read, within the drain's deadline.

        Raises:
            PermanentKafkaError: The broker refuses this consumer for good.
        """
        async with asyncio.TaskGroup() as self._tasks:
            while not stop.is_set() and not self._halted:
                await self._step(stop)
            self.vigil.end()
            await (self._let_go() if self._halted else self._drain())
        await self.consumer.stop()
        if self._halted:
            await stop.wait()
        log.info("writer.drained", signal=self._signal.name)

    def positions(self) -> list[Position]:
        """Say how far it has come in each of its partitions."""
        reached = self.consumer.reached()
        return [
            position_of(
                self._signal.name,
                source,
                reached[source],
                buffer.oldest_held_ms,
                buffer.last_written_ms,
            )
            for source, buffer in self._partitions.items()
            if source in reached
        ]

    async def check_running(self) -> None:
        """Return unless the writer has halted.

        Raises:
            Halted: It has.
        """
        if self._halted:
            raise Halted(self._halted)

    async def on_assigned(self, starts: Mapping[TopicPartition, Start]) -> None:
        """Begin with empty buffers, or with a predecessor's batch, where reading begins now."""
        promised = self._signal.by_batch
        if promised and self.consumer.keeps_notes is False and not self._told_of_notes:
            self._told_of_notes = True
            log.warning("writer.at_least_once", signal=self._signal.name,
                        reason="the broker keeps no metadata beside offsets: a crash may have its "
                        "last batches stored twice")  # fmt: skip
        for source, start in starts.items():
            self._partitions[source] = PartitionBuffer(
                source,
                self._signal,
                self._retention_days,
                self._limits.policy,
                self._intent_at(source, start),
                self._written,
            )
        log.info("writer.partitions_assigned", partitions=_names(starts))

    async def on_revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Let go of partitions: discard what forms, let a running INSERT end and commit."""
        buffers = [self._partitions.pop(each) for each in partitions if each in self._partitions]
        await self._end(buffers)
        log.info("writer.partitions_revoked", partitions=_names(partitions))

    def _intent_at(self, source: TopicPartition, start: Start) -> Intent | None:
        try:
            intent = Intent.from_note(start.note)
        except IntentOfAnotherVersion as error:
            self._halt(f"{_name(source)} at {start.offset}: {error}")
            return None
        except ValueError as error:
            log.error("writer.note_ignored", **source._asdict(), error=str(error))
            return None
        if intent is not None:
            fields = {"first_offset": start.offset, "end_offset": intent.end_offset}
            log.warning("writer.intent_found", **source._asdict(), **fields)
        return intent

    def _halt(self, reason: str) -> None:
        self._halted = self._halted or reason
        log.error("writer.halted", signal=self._signal.name, reason=reason,
                  advice="nothing is written by this process until it is restarted")  # fmt: skip

    async def _end(self, buffers: Iterable[PartitionBuffer]) -> None:
        for buffer in buffers:
            buffer.discard()
        writing = {buffer.writing for buffer in buffers if buffer.writing}
        if writing:
            _, late = await asyncio.wait(writing, timeout=self._limits.revoke_seconds)
            for task in late:
                task.cancel()

    async def _let_go(self) -> None:
        await self._end(self._buffers())

    async def _step(self, stop: asyncio.Event) -> None:
        self.vigil.see(self.consumer.assignment, is_member=self.consumer.is_member)
        try:
            found = await self.consumer.poll(int(self._poll_seconds() * 1000))
        except TransientKafkaError as error:
            log.error("writer.read_failed", topic=self._signal.topic, error=str(error))
            await asyncio.sleep(_READ_AGAIN_SECONDS)
            return
        if found or any(buffer.failure is not None for buffer in self._buffers()):
            self.vigil.progress()
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
                try:
                    working |= buffer.take_one(now)
                except AnotherLog:
                    log.error("writer.intent_of_another_log", **buffer.source._asdict())
                    buffer.discard()
                    await self.consumer.read_anew(buffer.source)
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

        delivered = False
        try:
            await self._delivery.deliver(batch, buffer.abandoned, note)
            delivered = True
            self._written.note(batch.descriptions)
            self.vigil.progress()
        except TooManyDeadLetters as error:
            self._halt(str(error))
        except PermanentKafkaError:
            raise
        except (ClickHouseError, KafkaError, LeaseExpired) as error:
            log.warning("writer.batch_not_committed", **batch.described, error=str(error))
        finally:
            if not delivered:
                # What follows must not be committed before it: the next owner begins with it.
                buffer.discard()
            buffer.batch_written(delivered=delivered)
            batch.forget_messages()

    def _pause_and_resume(self) -> None:
        """Read only what may be read: memory is bounded, and failing partitions wait."""
        halted = bool(self._halted) or any(each.is_halted for each in self._buffers())
        crowded = self._size() > self._limits.buffer_bytes
        # A predecessor's batch must be read to its end before it frees anything: one at a time.
        first = next((each for each in self._buffers() if each.is_replaying), None)
        now = time.monotonic()
        for source, buffer in self._partitions.items():
            waits = halted or (crowded and buffer is not first)
            if waits or not buffer.wants_more(now):
                self.consumer.pause(source)
            else:
                self.consumer.resume(source)

    async def _drain(self) -> None:
        """Write what has been read; at the deadline, what is left is read again by another."""
        deadline = time.monotonic() + self._limits.drain_seconds
        never = asyncio.Event()
        log.info("writer.draining", signal=self._signal.name, bytes=self._size())
        for buffer in self._buffers():
            if buffer.is_replaying and buffer.due_at() is None:
                buffer.discard()
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


def _name(partition: TopicPartition) -> str:
    return f"{partition.topic}-{partition.partition}"


def _names(partitions: Iterable[TopicPartition]) -> list[str]:
    return sorted(map(_name, partitions))
