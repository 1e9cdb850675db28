"""Attributes of items into the typed Maps of their rows, and what they state."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from rak_libs.model.batch import MapValues
from rak_libs.otlp.promote import Facts, preferred_fact
from rak_libs.otlp.read_attributes import MAP_COLUMNS, ReadAttribute


def append_attributes(
    columns: Mapping[str, Any], sets: Sequence[Collection[ReadAttribute]], facts: Facts
) -> None:
    """Append the attributes of items, one set a row: the hottest loop of the writer.

    Args:
        columns: The columns of the table; the five Maps are appended to.
        sets: The attributes of each item, each key once.
        facts: Takes what the attributes state of each item; defaults so far.
    """
    maps: list[MapValues] = [columns[name] for name in MAP_COLUMNS]
    add_key = [column.keys.append for column in maps]
    add_value = [column.values.append for column in maps]
    end_row = [(column.offsets.append, column.keys) for column in maps]
    for item, attributes in enumerate(sets):
        for index, key, value, position, fact, rank in attributes:
            add_key[index](key)
            add_value[index](value)
            if fact and (stated := facts[position]) is not None:
                several = rank and stated[item]
                stated[item] = preferred_fact(position, attributes) if several else fact
        for add_offset, keys in end_row:
            add_offset(len(keys))
