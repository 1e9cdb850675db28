"""Columns in memory, between a decoder and an INSERT.

After decoding there is no tuple, dict or object per row: a plain column is one flat list with a
value per row, a Map or Array column is one list of cumulative offsets beside flat lists of its
elements, which is how ClickHouse's Native format lays them out
(https://clickhouse.com/docs/interfaces/specs/NativeProtocol).
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class ArrayValues:
    """An Array column: row i holds `values[offsets[i-1]:offsets[i]]`."""

    offsets: list[int] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)


@dataclass(slots=True)
class MapValues:
    """A Map column: row i holds `keys` and `values` from `offsets[i-1]` to `offsets[i]`."""

    offsets: list[int] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)


ColumnValues = list[Any] | ArrayValues | MapValues


@dataclass(slots=True)
class ColumnBatch:
    """Rows of one table as columns, keyed by column name; every column has `rows` rows.

    Values: integers for DateTime64 (ticks of the column's precision) and Enum8, `str` or `bytes`
    for strings, ids as lower-case hex `str` or `bytes`.
    """

    rows: int
    columns: dict[str, ColumnValues]
