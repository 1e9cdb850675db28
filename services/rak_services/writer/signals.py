"""What the writer knows about each signal: everything else in it is the same for all of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rak_libs.kafka.topics import OTLP_SPANS
from rak_libs.model.batch import ColumnBatch
from rak_libs.model.spans import SPANS
from rak_libs.model.table import Table
from rak_libs.model.time_window import TimeWindow
from rak_libs.otlp.decode_spans import decode_spans, new_span_batch
from rak_libs.otlp.rejected_items import RejectedItems
from rak_libs.runtime.settings import StorageSettings

Decoder = Callable[[bytes, int, TimeWindow, ColumnBatch], Sequence[RejectedItems]]
"""Appends a message's rows to a batch; raises PermanentOtlpError, the batch untouched, for bytes
that are no message. Arguments as of `rak_libs.otlp.decode_spans.decode_spans`."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A topic, the table that it goes to, and the way from one to the other.

    Attributes:
        name: The signal in `--signal`, in metrics and in the consumer group's name.
        topic: The topic it is read from.
        table: The table it is written to.
        time_column: The column that partitions the table by day, in nanoseconds.
        new_batch: Makes an empty batch of the table.
        decode: Turns a message into rows.
        retention_days: Picks the table's retention from the configuration.
    """

    name: str
    topic: str
    table: Table
    time_column: str
    new_batch: Callable[[], ColumnBatch]
    decode: Decoder
    retention_days: Callable[[StorageSettings], int]


_SPANS: Final = Signal(
    name="spans",
    topic=OTLP_SPANS,
    table=SPANS,
    time_column="timestamp",
    new_batch=new_span_batch,
    decode=decode_spans,
    retention_days=lambda storage: storage.spans_retention_days,
)

SIGNALS: Final[Mapping[str, Signal]] = {signal.name: signal for signal in (_SPANS,)}
"""Every signal that `rak-writer` can write, by name."""
