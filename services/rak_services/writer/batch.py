"""Batches and when they are written: no clock, no broker, no engine in here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from rak_libs.clickhouse.errors import ClickHouseError
from rak_libs.kafka.consumer import Record, TopicPartition
from rak_libs.model.time_window import time_window
from rak_services.writer.identity import BatchIdentity, identify
from rak_services.writer.signals import UNDECODABLE_ERRORS, Rows, Signal, message_of
from rak_services.writer.tally import INSERT_REFUSED, Tally
from rak_services.writer.written_rows import Description, NewRows, WrittenRows

_NS_PER_MS = 1_000_000

UNDECODABLE: Final = "undecodable"
"""The reason of a message whose bytes are none of its signal."""


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


@dataclass
class Batch:
    """Messages of contiguous offsets of exactly one partition, decoded.

    Attributes:
        source: The partition.
        signal: What the messages hold.
        retention_days: How long its items are kept.
        formed_at: When its first message was added, on the writer's clock, seconds.
        decoded: The rows of all its messages.
        tally: What became of their items.
        records: The messages, kept until they are committed: they are what a refused INSERT is
            taken apart into.
        refused: What of them cannot be stored.
        size: Bytes of the messages.
        replayed: Whether an earlier owner of the partition may have written it.
        items_decoded: Items among the rows that it gave up.
    """

    source: TopicPartition
    signal: Signal
    retention_days: int
    formed_at: float
    decoded: Rows
    tally: Tally
    records: list[Record] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    size: int = 0
    replayed: bool = False
    items_decoded: int = 0

    @classmethod
    def begin(
        cls,
        source: TopicPartition,
        signal: Signal,
        retention_days: int,
        now: float,
        written: WrittenRows | None = None,
    ) -> "Batch":
        """Return a batch without messages; descriptions that were `written` are left out."""
        rows = signal.new_rows(NewRows(written))
        return cls(source, signal, retention_days, now, rows, Tally(signal.name))

    def add(self, record: Record) -> None:
        """Decode one message into the batch.

        The time window is seen from the message's own timestamp, so that reading it again gives
        the same rows.
        """
        window = time_window(self.retention_days, record.timestamp_ms * _NS_PER_MS)
        before = self.signal.items_per_table(self.decoded)
        try:
            rejected = self.signal.decode(message_of(record), window, self.decoded)
        except UNDECODABLE_ERRORS as error:
            name = type(error).__name__
            refused = [Refused(record, UNDECODABLE, name, 1, record.value)]
        else:
            refused = [
                Refused(record, items.reason, "", items.count, items.value) for items in rejected
            ]
        self.tally.add(record, self.signal.item_times(self.decoded, before), refused)
        self.refused += refused
        self.records.append(record)
        self.size += len(record.value)

    def refuse_alone(self, error: ClickHouseError) -> None:
        """Set aside the only message: the engine refuses its rows for good."""
        (record,) = self.records
        name = type(error).__name__
        refused = Refused(record, INSERT_REFUSED, name, self.items_decoded, record.value)
        self.refused.append(refused)
        self.tally.refuse(record)

    def give_up_rows(self) -> Rows:
        """Return the rows and hold them no longer."""
        self.items_decoded = sum(self.signal.items_per_table(self.decoded).values())
        decoded, self.decoded = self.decoded, Rows({}, self.decoded.is_new)
        return decoded

    def forget_messages(self) -> None:
        """Hold the messages no longer: nobody needs the batch any more.

        Retries leave cycles of objects behind which reach the batch, and the collector comes by
        rarely: until then the messages would stay.
        """
        self.records.clear()
        self.refused.clear()

    def halves(self) -> tuple[list[Record], list[Record]]:
        """Return the messages in two parts, for a batch of more than one."""
        middle = len(self.records) // 2
        return self.records[:middle], self.records[middle:]

    @cached_property
    def identity(self) -> BatchIdentity:
        """The batch's name, once it takes no further message."""
        return identify(self.records[0], self.last_offset)

    @property
    def described(self) -> dict[str, object]:
        """Where it lies, for log lines."""
        return {
            "topic": self.source.topic,
            "partition": self.source.partition,
            "first_offset": self.first_offset,
            "last_offset": self.last_offset,
        }

    @property
    def rows(self) -> int:
        """Rows to insert."""
        return self.decoded.count

    @property
    def descriptions(self) -> Sequence[Description]:
        """The series, or stacks, whose rows are among them."""
        return self.decoded.is_new.described

    @property
    def first_offset(self) -> int:
        """The offset of the first message."""
        return self.records[0].offset

    @property
    def last_offset(self) -> int:
        """The offset of the last message."""
        return self.records[-1].offset

    @property
    def end_offset(self) -> int:
        """The offset after the last message."""
        return self.last_offset + 1


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
