"""The promotion rules by attribute key, for those who meet attributes one by one."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from rak_libs.model.attribute_facts import READINGS
from rak_libs.model.operations import OPERATION_SPELLINGS
from rak_libs.model.promotion import PROMOTIONS

FACTS: Final = (*(rule.column for rule in PROMOTIONS), "operation")
"""What attributes state; a position below is an index into this tuple."""

DEFAULTS: Final = (*("" if rule.kind == "text" else 0 for rule in PROMOTIONS), "")
"""What an absent fact is, by position."""


class Slot(NamedTuple):
    """Where an attribute's value goes.

    Attributes:
        position: Of the fact.
        rank: Of the spelling among those of the fact, 0 for the preferred one.
        read: Returns what a value states (`rak_libs.model.attribute_facts`).
        as_it_is: Whether a string states itself.
        is_count: Whether a whole number is read by `count_of_number`.
    """

    position: int
    rank: int
    read: Callable[[Any], Any]
    as_it_is: bool
    is_count: bool


def _operation(operations: Mapping[str, str], value: Any) -> str:
    return operations.get(value, "") if isinstance(value, str) else ""


def _slots() -> Iterator[tuple[str, Slot]]:
    for position, rule in enumerate(PROMOTIONS):
        for rank, (key, reading) in enumerate((each.key, each.reading) for each in rule.spellings):
            as_it_is, is_count = reading == "text", reading == "count"
            yield key, Slot(position, rank, READINGS[reading], as_it_is, is_count)
    for rank, spelling in enumerate(OPERATION_SPELLINGS):
        read = partial(_operation, spelling.operations)
        yield spelling.key, Slot(len(PROMOTIONS), rank, read, as_it_is=False, is_count=False)


SLOTS: Final[Mapping[str, Slot]] = dict(_slots())
"""Every promoted spelling, by attribute key."""

PROMOTED_KEYS: Final = frozenset(SLOTS)
"""The attributes that promoted columns depend on, beside the span's name."""
