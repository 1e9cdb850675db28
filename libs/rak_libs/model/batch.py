"""Columns in memory, between a decoder and an INSERT.

After decoding there is no tuple, dict or object per row: a plain column is one flat list with a
value per row, a Map or Array column is one list of cumulative offsets beside flat lists of its
elements (or such a column, where they are arrays), which is how ClickHouse's Native format lays out
columns (https://clickhouse.com/docs/interfaces/specs/NativeProtocol).
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any, Final

from rak_libs.model.table import Table

_NUMBER_CODES: Final = {"Bool": "B", "Int64": "q", "UInt64": "Q"}
_PLACE_CODE: Final = "I"
_WORD: Final = "LowCardinality(String)"


@dataclass(slots=True)
class WordValues:
    """Texts few of which differ: value i is the word whose place is `places[i]`.

    Attributes:
        words: Each word with its place, in the order of the places, which count from 0.
        places: The place of every value.
    """

    words: dict[str, int] = field(default_factory=dict)
    places: "array[int]" = field(default_factory=lambda: array(_PLACE_CODE))


@dataclass(slots=True)
class ArrayValues:
    """An Array column: row i holds `values[offsets[i-1]:offsets[i]]`.

    Of a `packed` table the values are an `array` of numbers, or `WordValues`; else a list.
    """

    offsets: list[int] = field(default_factory=list)
    values: Any = field(default_factory=list)


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
    return ColumnBatch(
        0, {column.name: _empty(column.type, packed=table.packed) for column in table.columns}
    )


def _empty(type_: str, *, packed: bool) -> ColumnValues:
    if type_.startswith("Map("):
        return MapValues()
    if type_.startswith("Array(Array("):
        inner = type_.removeprefix("Array(").removesuffix(")")
        return NestedArrayValues(values=_empty_arrays(inner, packed=packed))
    return _empty_arrays(type_, packed=packed) if type_.startswith("Array(") else []


def _empty_arrays(type_: str, *, packed: bool) -> ArrayValues:
    element = type_.removeprefix("Array(").removesuffix(")")
    if packed and element == _WORD:
        return ArrayValues(values=WordValues())
    if packed and element in _NUMBER_CODES:
        return ArrayValues(values=array(_NUMBER_CODES[element]))
    return ArrayValues()


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
    values = arrays.values
    if isinstance(values, WordValues):
        places = array(_PLACE_CODE, compress(values.places, elements))
        return ArrayValues(offsets, WordValues(values.words, places))
    if isinstance(values, array):
        return ArrayValues(offsets, array(values.typecode, compress(values, elements)))
    return ArrayValues(offsets, list(compress(values, elements)))


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
