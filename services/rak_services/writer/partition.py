import asyncio
from collections import deque
from collections.abc import Iterable

from rak_libs.clickhouse.errors import ClickHouseError, SchemaError
from rak_libs.kafka.consumer import Record, TopicPartition
from rak_services.writer.batch import Batch, FlushPolicy
from rak_services.writer.identity import Intent, identify
from rak_services.writer.signals import Signal
from rak_services.writer.written_rows import WrittenRows


class AnotherLog(Exception):
    """The partition's messages are not those that its committed offset was written for."""


class PartitionBuffer:
    """What the writer holds of one partition: messages read, a batch forming, a batch in writing.

    Messages wait undecoded until the forming batch takes them, which it does until it is full;
    one batch at a time is in writing.

    Attributes:
        source: The partition.
        abandoned: Set when nothing more may be retried for it.
        writing: The task that writes a batch, None when there is none.
        failure: Why the last attempt to write failed; None once one succeeded.
        last_written_ms: The timestamp of the newest message written from here; 0: none yet.
    """

    def __init__(
        self,
        source: TopicPartition,
        signal: Signal,
        retention_days: int,
        policy: FlushPolicy,
        intent: Intent | None = None,
        written: WrittenRows | None = None,
    ) -> None:
        """Begin empty; with an intent, its messages become the first batch, and nothing else."""
        self.source = source
        self.abandoned = asyncio.Event()
        self.writing: asyncio.Task[None] | None = None
        self.failure: ClickHouseError | None = None
        self.last_written_ms = 0
        self._signal = signal
        self._retention_days = retention_days
        self._policy = policy
        self._pending: deque[Record] = deque()
        self._forming: Batch | None = None
        self._in_writing: Batch | None = None
        self._last_flush: float | None = None
        self._pending_size = 0
        self._rows_in_writing = 0
        self._intent = intent
        self._written = written

    def offer(self, records: Iterable[Record]) -> None:
        """Take messages that were read."""
        for record in records:
            self._pending.append(record)
            self._pending_size += len(record.value)

    def take_one(self, now: float) -> bool:
        """Decode the next message into the forming batch; False when none waits or it is full.

        Raises:
            AnotherLog: The message is not the one that the predecessor's intent begins with.
        """
        if not self._pending or self._takes_no_more():
            return False
        record = self._pending.popleft()
        self._pending_size -= len(record.value)
        if self._forming is None:
            self._check_first(record)
            self._forming = Batch.begin(
                self.source, self._signal, self._retention_days, now, self._written
            )
        self._forming.add(record)
        return True

    def _takes_no_more(self) -> bool:
        if self._forming is None:
            return False
        if self._intent is not None:
            return self._forming.end_offset >= self._intent.end_offset
        return self._policy.is_full(self._forming)

    def _check_first(self, record: Record) -> None:
        if self._intent is None:
            return
        if identify(record, self._intent.end_offset - 1).token != self._intent.token:
            raise AnotherLog(self.source)

    def due_at(self) -> float | None:
        """When the forming batch is to be written; None without one, or while one is in writing."""
        if self._forming is None or self.writing is not None:
            return None
        if self._intent is not None:
            return self._forming.formed_at if self._takes_no_more() else None
        return self._policy.due_at(self._forming, self._last_flush)

    def close_batch(self, now: float) -> Batch:
        """Give the forming batch away to be written; `batch_written` ends that."""
        assert self._forming is not None  # noqa: S101 - due_at said so
        self._in_writing, self._forming = self._forming, None
        self._in_writing.replayed, self._intent = self.is_replaying, None
        self._last_flush = now
        self._rows_in_writing = self._in_writing.rows
        return self._in_writing

    def batch_written(self, *, delivered: bool) -> None:
        """The batch that was given away is written and committed, or given up."""
        if delivered and self._in_writing is not None:
            self.last_written_ms = self._in_writing.records[-1].timestamp_ms
        self._in_writing = None
        self._rows_in_writing = 0
        self.writing = None

    def discard(self) -> None:
        """Forget what is not in writing: whoever owns the partition next reads it again."""
        self.abandoned.set()
        self._pending.clear()
        self._pending_size = 0
        self._forming = None

    @property
    def is_empty(self) -> bool:
        """Whether everything read is written."""
        return not self._pending and self._forming is None and self.writing is None

    def wants_more(self, now: float) -> bool:
        """Tell whether more may be read at `now`, the writer's clock in seconds.

        Not after a failed write, and not into a batch that is full. Nor into one that is due while
        another is still in writing: what a slow engine cannot take waits at the broker, not here.
        """
        if self.failure is not None or self._pending or self.abandoned.is_set():
            return False
        if self._forming is None:
            return True
        if self._takes_no_more():
            return False
        if self._intent is not None:
            return True
        return self.writing is None or now < self._policy.due_at(self._forming, self._last_flush)

    @property
    def is_replaying(self) -> bool:
        """Whether the next batch is one that a predecessor began."""
        return self._intent is not None

    @property
    def is_halted(self) -> bool:
        """Whether the database is not as expected, which concerns the whole topic."""
        return isinstance(self.failure, SchemaError)

    @property
    def oldest_held_ms(self) -> int:
        """The timestamp of the oldest message that is not written, unix ms; 0 without one."""
        for batch in (self._in_writing, self._forming):
            if batch is not None:
                return batch.records[0].timestamp_ms
        return self._pending[0].timestamp_ms if self._pending else 0

    @property
    def size(self) -> int:
        """Bytes of messages held."""
        batches = (self._forming, self._in_writing)
        return self._pending_size + sum(batch.size for batch in batches if batch)

    @property
    def rows(self) -> int:
        """Decoded rows not yet inserted."""
        return self._rows_in_writing + (self._forming.rows if self._forming else 0)
