"""Promoted columns: copies of attributes, filled while a message is decoded."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from sys import intern
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from rak_libs.model.promotion import (
    MAX_COUNT,
    OPERATION_NAME_KEY,
    OPERATIONS,
    PROMOTIONS,
    operation_of,
)
from rak_libs.model.spans import SPANS
from rak_libs.otlp.typed_json import value_to_plain_text

PROMOTED_COLUMNS: Final = (*(rule.column for rule in PROMOTIONS), "operation")
"""The promoted columns; a position below is an index into this tuple."""

DEFAULTS: Final = (*("" if rule.kind == "text" else 0 for rule in PROMOTIONS), "")
"""What an absent fact is stored as, by position."""

_OPERATION: Final = len(PROMOTIONS)


def count_of_number(number: float) -> int:
    """Return a whole count: fractions cut off, negative and NaN as 0, at most `MAX_COUNT`."""
    if not number > 0:
        return 0
    return MAX_COUNT if number >= MAX_COUNT else int(number)


def count_of_text(text: str) -> int:
    """Return the count that a decimal or scientific number spells, 0 for any other text."""
    # Digits alone stay exact beyond 2^53; longer ones are above every count anyway.
    if text.isdecimal() and len(text) <= len(str(MAX_COUNT)):
        return count_of_number(int(text))
    try:
        return count_of_number(float(text))
    except ValueError:
        return 0


def _operation_of_text(text: str) -> str:
    return OPERATIONS.get(text, "")


_WORDS: Final = frozenset(
    column.name for column in SPANS.columns if column.type == "LowCardinality(String)"
)

Slot = tuple[str, int, int, bool, Callable[[str], Any] | None, bool]
"""Where an attribute is promoted to: (its key, interned; position; rank among the spellings;
whether its strings are few and worth interning; conversion of a string, None to take it as it is;
whether whole numbers are taken as they are)."""


def _slots() -> Iterator[Slot]:
    for position, rule in enumerate(PROMOTIONS):
        is_word, is_count = rule.column in _WORDS, rule.kind == "count"
        conversion = count_of_text if is_count else None
        for rank, key in enumerate(rule.keys):
            yield intern(key), position, rank, is_word, conversion, is_count
    yield intern(OPERATION_NAME_KEY), _OPERATION, 0, True, _operation_of_text, False


SLOTS: Final[Mapping[str, Slot]] = {slot[0]: slot for slot in _slots()}
"""Every promoted spelling, by attribute key."""


def fact_of(key: str, value: AnyValue) -> Any:
    """Return what a promoted attribute states: text, a count, or '' or 0 for nothing usable."""
    _, position, _, _, text_rule, is_count = SLOTS[key]
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return text_rule(value.string_value) if text_rule else value.string_value
    if not is_count:
        return "" if position == _OPERATION else value_to_plain_text(value)
    if kind == "int_value":
        return count_of_number(value.int_value)
    return count_of_number(value.double_value) if kind == "double_value" else 0


def operations_by_name(names: Sequence[str]) -> list[str]:
    """Return the kind of operation that each span's name alone tells."""
    known = {name: operation_of("", name) for name in dict.fromkeys(names)}
    return [known[name] for name in names]
