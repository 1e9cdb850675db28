"""Columns in memory, between a decoder and an INSERT.

After decoding there is no tuple, dict or object per row: a plain column is one flat list with a
value per row, a Map or Array column is one list of cumulative offsets beside flat lists of its
elements (or such a column, where they are arrays), which is how ClickHouse's Native format lays out
columns (https://clickhouse.com/docs/interfaces/specs/NativeProtocol).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any

from rak_libs.model.table import Table


@dataclass(slots=True)
class ArrayValues:
    """An Array column: row i holds `values[offsets[i-1]:offsets[i]]`."""

    offsets: list[int] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)


@dataclass(slots=True)
class NestedArrayValues:
    """An Array(Array(T)) column: row i holds the arrays `offsets[i-1]:offsets[i]` of `values`."""

    offsets: list[int] = field(default_factory=list)
    values: ArrayValues = field(default_factory=ArrayValues)


@dataclass(slots=True)
class MapValues:
    """A Map column: row i holds `keys` and `values` from `offsets[i-1]` to `offsets[i]`."""

    offsets: list[int] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)


ColumnValues = list[Any] | ArrayValues | NestedArrayValues | MapValues


@dataclass(slots=True)
class ColumnBatch:
    """Rows of one table as columns, keyed by column name; every column has `rows` rows.

    Values: integers for DateTime64 (ticks of the column's precision) and Enum8, `str` or `bytes`
    for strings, ids as lower-case hex `str` or `bytes`.
    """

    rows: int
    columns: dict[str, ColumnValues]


def new_batch(table: Table) -> ColumnBatch:
    """Return an empty batch with every column of a table's rows."""
    return ColumnBatch(0, {column.name: _empty(column.type) for column in table.columns})


def _empty(type_: str) -> ColumnValues:
    if type_.startswith("Map("):
        return MapValues()
    if type_.startswith("Array(Array("):
        return NestedArrayValues()
    return ArrayValues() if type_.startswith("Array(") else []


def rows_kept(batch: ColumnBatch, kept: Sequence[bool]) -> ColumnBatch:
    """Return the rows for which `kept`, one truth a row, holds, in their order."""
    columns = {name: _kept(values, kept) for name, values in batch.columns.items()}
    return ColumnBatch(sum(kept), columns)


def _kept(values: ColumnValues, kept: Sequence[bool]) -> ColumnValues:
    if isinstance(values, list):
        return list(compress(values, kept))
    if isinstance(values, ArrayValues):
        return _arrays_kept(values, kept)
    offsets, elements = _elements_kept(values.offsets, kept)
    if isinstance(values, NestedArrayValues):
        return NestedArrayValues(offsets, _arrays_kept(values.values, elements))
    keys = list(compress(values.keys, elements))
    return MapValues(offsets, keys, list(compress(values.values, elements)))


def _arrays_kept(arrays: ArrayValues, kept: Sequence[bool]) -> ArrayValues:
    offsets, elements = _elements_kept(arrays.offsets, kept)
    return ArrayValues(offsets, list(compress(arrays.values, elements)))


def _elements_kept(ends: Sequence[int], kept: Sequence[bool]) -> tuple[list[int], list[bool]]:
    """Return the offsets of the rows that are kept, and of each element whether it is."""
    offsets: list[int] = []
    elements: list[bool] = []
    begin = total = 0
    for end, keep in zip(ends, kept, strict=True):
        elements += [keep] * (end - begin)
        if keep:
            total += end - begin
            offsets.append(total)
        begin = end
    return offsets, elements
