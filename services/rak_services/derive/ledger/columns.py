"""Columns of the tables that the ledger is read from and stored in: SQL, and batches of rows."""

from collections.abc import Mapping, Sequence
from itertools import accumulate, chain
from typing import Any, Final

from rak_libs.model.batch import ArrayValues, ColumnBatch, ColumnValues
from rak_libs.model.ledger import LEDGER, TRACE_TOTALS
from rak_libs.model.spans import SPANS, SpanKind, StatusCode
from rak_libs.model.table import Column, Table
from rak_services.derive.ledger.rows import Entry, SpanFacts, TraceTotal

_REPEATED: Final = ("trace_id", "invocation_id", "session_id", "user_id", "conversation_id")
"""Texts that the spans of a trace share: as words, each is sent, read and kept once."""

_ENUMS: Final[Mapping[str, Mapping[str, int]]] = {
    "span_kind": {kind.name: kind.value for kind in SpanKind},
    "status_code": {code.name: code.value for code in StatusCode},
}
_READ_BY: Final = {
    "DateTime64(9": "toUnixTimestamp64Nano",
    "DateTime64(3": "toUnixTimestamp64Milli",
    "DateTime('UTC')": "toUnixTimestamp",
    "Decimal(38": "reinterpretAsInt128",
}
"""What reads a column, by the beginning of its type."""


def _read(column: Column) -> str:
    """Return the expression that reads a column as `SpanFacts`, `Entry` and `TraceTotal` have it.

    Times are whole numbers and so are costs: the driver would cut nanoseconds off, and makes a
    Decimal of each cost.
    """
    if column.name in _REPEATED:
        return f"toLowCardinality({column.name})"
    if column.name in _ENUMS:
        return f"toLowCardinality(toString({column.name}))"
    kind = column.type.partition(",")[0]
    return f"{_READ_BY[kind]}({column.name})" if kind in _READ_BY else column.name


def read_columns(table: Table, names: Sequence[str]) -> str:
    """Return what a SELECT reads some columns of a table by."""
    columns = {column.name: column for column in table.columns}
    return ", ".join(_read(columns[name]) for name in names)


SPAN_COLUMNS: Final = read_columns(SPANS, SpanFacts._fields)
ENTRY_COLUMNS: Final = read_columns(LEDGER, Entry._fields)
TOTAL_COLUMNS: Final = read_columns(TRACE_TOTALS, TraceTotal._fields)


def batch_of(
    table: Table, rows: Sequence[Entry] | Sequence[TraceTotal], seen_until_ms: int, deleted: int
) -> ColumnBatch:
    """Return rows of the ledger or of totals as columns, with their version.

    Args:
        table: `LEDGER` or `TRACE_TOTALS`.
        rows: At least one.
        seen_until_ms: The version, unix milliseconds.
        deleted: 1 where there are no such rows any more; only their keys count.
    """
    count = len(rows)
    stored = {
        column.name: _column(column, values)
        for column, values in zip(table.columns, zip(*rows, strict=True), strict=False)
    }
    versions: dict[str, ColumnValues] = {
        "seen_until": [seen_until_ms] * count,
        "is_deleted": [deleted] * count,
    }
    return ColumnBatch(count, stored | versions)


def _column(column: Column, values: tuple[Any, ...]) -> ColumnValues:
    if column.name in _ENUMS:
        return list(map(_ENUMS[column.name].__getitem__, values))
    if column.type.startswith("Array("):
        return ArrayValues(list(accumulate(map(len, values))), list(chain.from_iterable(values)))
    return list(values)
