"""Batches and when they are written: no clock, no broker, no engine in here."""

from dataclasses import dataclass, field

from rak_libs.kafka.consumer import Record
from rak_libs.model.batch import ColumnBatch
from rak_libs.model.time_window import time_window
from rak_libs.otlp.errors import PermanentOtlpError
from rak_services.writer.signals import Signal

_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Refused:
    """Something of a batch that goes to the dead-letter topic.

    Attributes:
        record: The message it came from.
        reason: A short stable word.
        error_class: The class of the error, or '' when a check refused it.
        count: Items in it; 1 for a message that cannot be decoded.
        value: What to publish: the message as it was, or one with the refused items alone.
    """

    record: Record
    reason: str
    error_class: str
    count: int
    value: bytes


@dataclass(slots=True)
class Batch:
    """Messages of contiguous offsets of exactly one partition, decoded.

    Attributes:
        topic: The topic.
        partition: The partition.
        formed_at: When its first message was added, on the writer's clock, seconds.
        columns: The rows of all its messages.
        records: The messages, kept until they are committed: they are what a refused INSERT is
            taken apart into.
        refused: What of them cannot be stored.
        size: Bytes of the messages.
    """

    topic: str
    partition: int
    formed_at: float
    columns: ColumnBatch
    records: list[Record] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    size: int = 0

    def add(self, record: Record, signal: Signal, retention_days: int) -> None:
        """Decode one message into the batch.

        The time window is seen from the message's own timestamp, so that reading it again gives
        the same rows.
        """
        window = time_window(retention_days, record.timestamp_ms * _NS_PER_MS)
        try:
            rejected = signal.decode(record.value, record.timestamp_ms, window, self.columns)
        except PermanentOtlpError as error:
            name = type(error).__name__
            self.refused.append(Refused(record, "undecodable", name, 1, record.value))
        else:
            self.refused += [
                Refused(record, items.reason, "", items.count, items.value) for items in rejected
            ]
        self.records.append(record)
        self.size += len(record.value)

    def give_up_columns(self) -> ColumnBatch:
        """Return the rows and hold them no longer."""
        columns, self.columns = self.columns, ColumnBatch(0, {})
        return columns

    @property
    def rows(self) -> int:
        """Rows to insert."""
        return self.columns.rows

    @property
    def first_offset(self) -> int:
        """The offset of the first message."""
        return self.records[0].offset

    @property
    def last_offset(self) -> int:
        """The offset of the last message."""
        return self.records[-1].offset

    @property
    def first_timestamp_ms(self) -> int:
        """The broker's timestamp of the first message; offsets alone do not identify a batch."""
        return self.records[0].timestamp_ms


@dataclass(frozen=True, slots=True)
class FlushPolicy:
    """When a batch is written; times in seconds on one clock.

    A batch is written when it holds `rows` or `size` bytes, or at the age of `timeout`. A busy
    partition's small batch may wait for longer, up to `stretch`: the engine pays for every INSERT
    about what it pays for 5,000 rows. After a quiet time it may not, so that a lone span is
    queryable soon.
    """

    rows: int
    size: int
    timeout: float
    stretch: float
    stretch_rows: int

    def is_full(self, batch: Batch) -> bool:
        """Tell whether the batch takes no further message."""
        return batch.rows >= self.rows or batch.size >= self.size

    def due_at(self, batch: Batch, last_flush: float | None) -> float:
        """Return when the batch is to be written.

        Args:
            batch: A batch with at least one message.
            last_flush: When the partition's previous batch was closed, None for never.
        """
        if self.is_full(batch):
            return batch.formed_at
        due = batch.formed_at + self.timeout
        if batch.rows >= self.stretch_rows or last_flush is None:
            return due
        return max(due, min(batch.formed_at, last_flush) + self.stretch)
