"""Messages of a range as rows that say which message they are from. No broker, no engine here."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from rak_libs.kafka.records import Record
from rak_libs.model.batch import ColumnBatch, rows_kept
from rak_libs.model.table import BATCH_COLUMN, Table
from rak_libs.model.time_window import DAY_NS, time_window
from rak_services.writer.batch import UNDECODABLE
from rak_services.writer.identity import identify
from rak_services.writer.signals import (
    UNDECODABLE_ERRORS,
    Signal,
    SignalTable,
    message_of,
)

_NS_PER_MS: Final = 1_000_000
_MESSAGES: Final = 2_000
_BYTES: Final = 8 * 1024 * 1024


class Piece(NamedTuple):
    """The rows of one message in one of the table's partitions: stored together or not at all.

    Attributes:
        message: What the rows' `_batch` holds: the identity of a batch of this message alone.
        day: Days since 1970.
    """

    message: int
    day: int


@dataclass(slots=True)
class DecodedMessages:
    """Some messages, decoded.

    Attributes:
        columns: Their rows, with `_batch`.
        pieces: The piece that each row belongs to.
        refused: Items, or messages that cannot be decoded, by reason.
    """

    columns: ColumnBatch
    pieces: list[Piece]
    refused: Counter[str] = field(default_factory=Counter)

    def rows_of(self, pieces: frozenset[Piece]) -> ColumnBatch:
        """Return the rows of some pieces."""
        return rows_kept(self.columns, [piece in pieces for piece in self.pieces])


def shadow_of(table: Table, name: str) -> Table:
    """Describe a table that takes the rows of `table`, each with the message that it is from."""
    return Table(name, (*table.columns, BATCH_COLUMN))


def decode_messages(
    records: Sequence[Record], signal: Signal, target: SignalTable, retention_days: int
) -> DecodedMessages:
    """Decode messages as the writer does; what it would dead-letter is counted alone.

    Args:
        records: The messages.
        signal: What they hold.
        target: Which of the signal's tables the rows are wanted of.
        retention_days: How long items are kept, which is how old they may be.
    """
    rows = signal.new_rows()
    columns = rows.tables[target.table.name]
    numbers: list[int] = []
    refused: Counter[str] = Counter()
    for record in records:
        window = time_window(retention_days, record.timestamp_ms * _NS_PER_MS)
        before = columns.rows
        try:
            rejected = signal.decode(message_of(record), window, rows)
        except UNDECODABLE_ERRORS:
            refused[UNDECODABLE] += 1
            continue
        for items in rejected:
            refused[items.reason] += items.count
        numbers += [identify(record, record.offset).number] * (columns.rows - before)
    times = target.times(columns)
    pieces = [Piece(number, time // DAY_NS) for number, time in zip(numbers, times, strict=True)]
    columns.columns[BATCH_COLUMN.name] = numbers
    return DecodedMessages(columns, pieces, refused)


def is_full(records: Sequence[Record]) -> bool:
    """Tell whether as many messages are together as are written together."""
    return len(records) >= _MESSAGES or sum(len(each.value) for each in records) >= _BYTES
