"""What the writer knows about each signal: everything else in it is the same for all of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rak_libs.kafka.records import Record
from rak_libs.kafka.topics import (
    OTLP_LOGS,
    OTLP_METRICS,
    OTLP_SPANS,
    PIPELINE,
    PPROF_PROFILES,
)
from rak_libs.kafka.topics import SIGNALS as NAMES
from rak_libs.model import pipeline
from rak_libs.model.attribute_keys import attribute_keys_of_batch
from rak_libs.model.batch import ColumnBatch, new_batch
from rak_libs.model.logs import LOGS
from rak_libs.model.message import Message
from rak_libs.model.metrics import METRIC_EXEMPLARS, METRIC_SERIES, POINT_TABLES
from rak_libs.model.profiles import CPU_PROFILES, MEMORY_PROFILES, PROFILE_STACKS
from rak_libs.model.rejected_items import RejectedItems
from rak_libs.model.spans import SPANS
from rak_libs.model.table import Table
from rak_libs.model.time_window import TimeWindow
from rak_libs.model.trace_times import trace_times_of_batch
from rak_libs.otlp.decode_logs import decode_logs
from rak_libs.otlp.decode_metrics import decode_metrics
from rak_libs.otlp.decode_spans import decode_spans
from rak_libs.otlp.errors import PermanentOtlpError
from rak_libs.pprof.decode_profile import decode_profiles
from rak_libs.pprof.errors import PermanentPprofError
from rak_libs.runtime.settings import StorageSettings
from rak_services.writer.status_rows import decode_statuses
from rak_services.writer.written_rows import NewRows


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of all tables of a signal.

    Attributes:
        tables: The rows of each table, by the table's name.
        is_new: Asked for each series, or stack, whether its row is still to be written.
    """

    tables: Mapping[str, ColumnBatch]
    is_new: NewRows

    @property
    def count(self) -> int:
        """Rows of all tables."""
        return sum(columns.rows for columns in self.tables.values())


Decoder = Callable[[Message, TimeWindow, Rows], Sequence[RejectedItems]]
"""Appends a message's rows whose times are in the window, and returns what of it is not stored;
raises one of `UNDECODABLE_ERRORS`, the rows untouched, for bytes that are no message."""

UNDECODABLE_ERRORS: Final = (PermanentOtlpError, PermanentPprofError)

_OneTableDecoder = Callable[[bytes, int, TimeWindow, ColumnBatch], Sequence[RejectedItems]]
Mending = Callable[[int, int, int], Sequence[str]]


def _nothing_to_mend(_number: int, _oldest: int, _newest: int) -> Sequence[str]:
    return ()


@dataclass(frozen=True, slots=True)
class SignalTable:
    """One of the tables that a signal's messages make rows of.

    Attributes:
        table: The table.
        time_column: The column that partitions it by day, in nanoseconds; '' of a table whose rows
            nobody counts, since they may be written any number of times.
        itemised: Whether each row is an item of the signal, which the account counts. An exemplar
            is part of an item, a series is about many.
        mending: Makes, of a batch's number and the oldest and newest time of its rows, the
            statements that write again what views made of them. A view's table deduplicates by
            itself, so it may lack a batch that the table has; each statement may run any number of
            times without changing what queries find.
    """

    table: Table
    time_column: str = "timestamp"
    itemised: bool = True
    mending: Mending = _nothing_to_mend

    def times(self, columns: ColumnBatch) -> list[int]:
        """Return the time of each row, unix nanoseconds."""
        times = columns.columns[self.time_column]
        assert isinstance(times, list)  # noqa: S101 - a time is a plain column
        return times


@dataclass(frozen=True, slots=True)
class Signal:
    """A topic, the tables that it goes to, and the way from one to the others.

    Attributes:
        topic: The topic it is read from.
        tables: The tables it is written to, in the order of the INSERTs.
        decode: Turns a message into rows.
        retention_days: Picks the retention of its items from the configuration.
        accounted: Whether the account says what became of each item. Not of the account itself.
    """

    topic: str
    tables: tuple[SignalTable, ...]
    decode: Decoder
    retention_days: Callable[[StorageSettings], int]
    accounted: bool = True

    @property
    def name(self) -> str:
        """The signal in `--signal`, in metrics and in the consumer group's name."""
        return NAMES[self.topic]

    @property
    def by_batch(self) -> bool:
        """Whether its items carry the batch that they were written with."""
        return any(each.table.by_batch for each in self.tables)

    def new_rows(self, is_new: NewRows | None = None) -> Rows:
        """Return no rows yet of any table; by default every description is to be written."""
        tables = {each.table.name: new_batch(each.table) for each in self.tables}
        return Rows(tables, is_new or NewRows())

    def items_per_table(self, rows: Rows) -> dict[str, int]:
        """Count the items so far, by table."""
        return {
            each.table.name: rows.tables[each.table.name].rows
            for each in self.tables
            if each.itemised
        }

    def item_times(self, rows: Rows, since: Mapping[str, int]) -> list[int]:
        """Return the times, unix nanoseconds, of the items that came after a count of them."""
        times: list[int] = []
        for each in self.tables:
            if each.itemised:
                name = each.table.name
                times += each.times(rows.tables[name])[since[name] :]
        return times


def message_of(record: Record) -> Message:
    """Return what a decoder needs of a record."""
    return Message(record.value, record.timestamp_ms, record.headers)


def _into(table: Table, decode: _OneTableDecoder) -> Decoder:
    def decode_into_table(
        message: Message, window: TimeWindow, rows: Rows
    ) -> Sequence[RejectedItems]:
        return decode(message.value, message.timestamp_ms, window, rows.tables[table.name])

    return decode_into_table


_SPANS: Final = Signal(
    topic=OTLP_SPANS,
    tables=(
        SignalTable(
            SPANS,
            mending=lambda number, oldest, newest: (
                trace_times_of_batch(number, oldest, newest),
                attribute_keys_of_batch(number, oldest, newest),
            ),
        ),
    ),
    decode=_into(SPANS, decode_spans),
    retention_days=lambda storage: storage.spans_retention_days,
)

_METRICS: Final = Signal(
    topic=OTLP_METRICS,
    tables=(
        # Anew whenever in doubt; first, so that what can be found by its points is known by then.
        SignalTable(METRIC_SERIES, time_column="", itemised=False),
        *(SignalTable(table) for table in POINT_TABLES),
        SignalTable(METRIC_EXEMPLARS, itemised=False),
    ),
    decode=lambda message, window, rows: decode_metrics(
        message.value, message.timestamp_ms, window, rows.tables, rows.is_new
    ),
    retention_days=lambda storage: storage.metrics_retention_days,
)

_LOGS: Final = Signal(
    topic=OTLP_LOGS,
    tables=(SignalTable(LOGS),),
    decode=_into(LOGS, decode_logs),
    retention_days=lambda storage: storage.logs_retention_days,
)

_PROFILES: Final = Signal(
    topic=PPROF_PROFILES,
    tables=(
        # As metrics' series: first, so that a profile's stacks are known by the time it is found.
        SignalTable(PROFILE_STACKS, time_column="", itemised=False),
        SignalTable(CPU_PROFILES),
        SignalTable(MEMORY_PROFILES, itemised=False),
    ),
    decode=lambda message, window, rows: decode_profiles(message, window, rows.tables, rows.is_new),
    retention_days=lambda storage: storage.profiles_retention_days,
)

_PIPELINE: Final = Signal(
    topic=PIPELINE,
    tables=(SignalTable(pipeline.PIPELINE, time_column="hour"),),
    decode=_into(pipeline.PIPELINE, decode_statuses),
    retention_days=lambda storage: storage.pipeline_retention_days,
    accounted=False,
)

SIGNALS: Final[Mapping[str, Signal]] = {
    signal.name: signal for signal in (_SPANS, _METRICS, _LOGS, _PROFILES, _PIPELINE)
}
"""Every signal that `rak-writer` can write, by name."""
