"""Attributes of items into the typed Maps and the promoted columns of their rows."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from rak_libs.model.batch import MapValues
from rak_libs.otlp.read_attributes import MAP_COLUMNS, ReadAttribute, preferred_fact


def append_attributes(
    columns: Mapping[str, Any],
    sets: Sequence[Collection[ReadAttribute]],
    promoted: Sequence[list[Any] | None],
    first_row: int,
) -> None:
    """Append the attributes of items, one set a row: the hottest loop of the writer.

    Args:
        columns: The columns of the table; the five Maps are appended to.
        sets: The attributes of each item, each key once.
        promoted: By position among `PROMOTED_COLUMNS`, the column that takes it, its rows already
            filled with defaults; None for one that the table does not have.
        first_row: The row of the first item.
    """
    maps: list[MapValues] = [columns[name] for name in MAP_COLUMNS]
    add_key = [column.keys.append for column in maps]
    add_value = [column.values.append for column in maps]
    end_row = [(column.offsets.append, column.keys) for column in maps]
    for row, attributes in enumerate(sets, first_row):
        for index, key, value, position, fact, rank in attributes:
            add_key[index](key)
            add_value[index](value)
            if fact and (column := promoted[position]) is not None:
                several = rank and column[row]
                column[row] = preferred_fact(position, attributes) if several else fact
        for add_offset, keys in end_row:
            add_offset(len(keys))
