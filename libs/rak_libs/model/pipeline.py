"""The pipeline table: what receivers and writers say became of the items; every column once.

Rows are of one of three kinds, told apart by `service` and `outcome`:

- A **receiver's count**: items of a signal and hour that one boot of a receiver accepted, rejected
  or failed to hand on so far. Counts grow; the row with the highest `sequence` counts.
- A **writer's account of a batch**: what arrived in it, and what became of that. The same batch
  has the same rows however often it is written.
- A **sign of life**: that a receiver runs, or has ended its account; how far a writer has come in a
  partition.

The hour of an item is that of the broker's timestamp of the record that carried it, on both sides,
so that what receivers say can be compared with what writers found.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Final

from rak_libs.model.batch import ColumnBatch
from rak_libs.model.table import Table, columns

HOUR_MS: Final = 3_600_000
_NS_PER_MS: Final = 1_000_000

RECEIVER: Final = "receiver"
WRITER: Final = "writer"

# What a receiver counts.
ACCEPTED: Final = "accepted"
"""The broker has acknowledged them."""
REJECTED: Final = "rejected"
"""Refused with a reason. Of a writer: what the headers of a batch's messages say of it."""
FAILED: Final = "failed"
"""Sent to the broker without an acknowledgement; the agent was told to repeat them."""

# What a writer counts, by batch.
ARRIVED: Final = "arrived"
"""Read from the topic."""
STORED: Final = "stored"
"""Inserted, and found to be there."""
DEAD_LETTERED: Final = "dead_lettered"
"""Set aside with a reason in the dead-letter topic."""

# Signs of life.
RUNNING: Final = "running"
"""A receiver runs, or ran at `at`."""
ENDED: Final = "ended"
"""A receiver has drained; its counts are complete."""
POSITION: Final = "position"
"""How far a writer has come in a partition."""

_WORD: Final = "LowCardinality(String)"
_MOMENT: Final = "DateTime64(3, 'UTC')"

PIPELINE: Final = Table(
    name="pipeline",
    columns=columns(
        [
            # The key: rows that agree in these columns replace each other.
            ("signal", _WORD),
            ("hour", "DateTime64(9, 'UTC')"),
            ("service", _WORD),
            ("outcome", _WORD),
            ("boot", "String"),
            ("batch", "UInt64"),
            ("principal", _WORD),
            ("reason", _WORD),
            ("day", "Date"),
            ("topic", _WORD),
            ("partition", "UInt32"),
            # What they say.
            ("sequence", "UInt64"),
            ("items", "UInt64"),
            ("messages", "UInt64"),
            ("first_offset", "UInt64"),
            ("last_offset", "UInt64"),
            ("at", _MOMENT),
            ("freshness_ms", "UInt64"),
            ("lag", "UInt64"),
            ("written_until", _MOMENT),
            ("oldest_unwritten", _MOMENT),
            ("started_at", _MOMENT),
            ("release", _WORD),
        ]
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineRow:
    """One row of the pipeline table, under its column names; what does not apply is 0 or ''.

    Attributes:
        signal: The signal, `spans`.
        hour: Begin of the hour, UTC, in nanoseconds since 1970.
        service: `receiver` or `writer`.
        outcome: One of the words above.
        boot: One run of a process: the receiver that counts, the receiver that a batch's items
            came through ('' for another producer), or the writer whose position this is.
        batch: The batch's number, as in the data table's `_batch`; 0 outside of batches.
        principal: Who sent the items.
        reason: Why they were rejected or set aside.
        day: Of `stored`: the day of the items' own time, in days since 1970.
        topic: The topic they were read from.
        partition: The partition they were read from.
        sequence: Which of several rows with this key is the newest.
        items: Items (spans, points, records).
        messages: Messages that carried them.
        first_offset: The batch's first offset; of a position, the next offset to be written.
        last_offset: The batch's last offset; of a position, the last one that the broker had.
        at: When this was said, unix milliseconds, by the clock of the one who says it.
        freshness_ms: Of `arrived`: from the oldest item's receipt until the batch was queryable.
        lag: Of a position: messages not yet written.
        written_until: Of a position: every record that the broker took before this is written,
            unix milliseconds; 0 when nothing is known.
        oldest_unwritten: Of a position: the timestamp of the oldest record not yet written, unix
            milliseconds; 0 when there is none or it is not known.
        started_at: Of a sign of life: when the process started, unix milliseconds.
        release: Of a sign of life: the version of the program.
    """

    signal: str
    hour: int
    service: str
    outcome: str
    boot: str = ""
    batch: int = 0
    principal: str = ""
    reason: str = ""
    day: int = 0
    topic: str = ""
    partition: int = 0
    sequence: int = 0
    items: int = 0
    messages: int = 0
    first_offset: int = 0
    last_offset: int = 0
    at: int = 0
    freshness_ms: int = 0
    lag: int = 0
    written_until: int = 0
    oldest_unwritten: int = 0
    started_at: int = 0
    release: str = ""


_NAMES: Final = tuple(field.name for field in fields(PipelineRow))


def hour_of(timestamp_ms: int) -> int:
    """Begin of the hour that holds a unix time in milliseconds, as `PipelineRow.hour`.

    A record without a timestamp (-1) counts to 1970.
    """
    return max(timestamp_ms, 0) // HOUR_MS * HOUR_MS * _NS_PER_MS


def append_rows(batch: ColumnBatch, rows: Iterable[PipelineRow]) -> None:
    """Append rows to a batch of the pipeline table."""
    for row in rows:
        for name in _NAMES:
            values = batch.columns[name]
            assert isinstance(values, list)  # noqa: S101 - no column of this table is an Array
            values.append(getattr(row, name))
        batch.rows += 1
