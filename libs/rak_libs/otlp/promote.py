"""Promoted columns: copies of attributes, filled while a message is decoded.

`rak_libs.model.renormalise` does the same to one stored span; here it is done to whole columns, and
what depends on several attributes only after all of them were read.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from rak_libs.model.operations import (
    NAME_COLUMNS,
    NO_OPERATION,
    operation_of_name,
    subject_of_name,
)
from rak_libs.model.promoted_keys import DEFAULTS, FACTS
from rak_libs.model.promotion import ENTITY_NAME, PREFERENCES, whole_model_name
from rak_libs.otlp.read_attributes import ReadAttribute

Facts = list[list[Any] | None]
"""By position among `FACTS`: what each of some items states, a default where it states nothing;
None for a fact that nobody asks for."""

_NAMES: Final = {operation: FACTS.index(column) for operation, column in NAME_COLUMNS.items()}
_ENTITY: Final = FACTS.index(ENTITY_NAME)
_OPERATION: Final = FACTS.index("operation")
_ASKED: Final = FACTS.index("llm_request_model")


def preferred_fact(position: int, attributes: Iterable[ReadAttribute]) -> Any:
    """Return what the first of a fact's spellings states, of several present.

    A spelling whose value is empty, 0 or unreadable leaves the place to the next one.
    """
    stated = [
        (rank, fact) for _, _, _, place, fact, rank in attributes if fact and place == position
    ]
    return min(stated, key=lambda pair: pair[0])[1]


class PromotedColumns:
    """The promoted columns that a table has."""

    def __init__(self, columns: Collection[str], beside: Collection[str] = ()) -> None:
        """Fill those of `columns` that are promoted; `beside` are facts that are asked for too."""
        self._columns = [(name, FACTS.index(name)) for name in FACTS if name in columns]
        self._preferences = [
            (column, [FACTS.index(source) for source in sources])
            for column, sources in PREFERENCES.items()
            if column in columns
        ]
        needed = {position for _, position in self._columns}
        needed.update(*(sources for _, sources in self._preferences), map(FACTS.index, beside))
        self._defaults = [
            default if position in needed else None for position, default in enumerate(DEFAULTS)
        ]

    def defaults(self, items: int) -> Facts:
        """Return the facts of items that state nothing."""
        return [None if default is None else [default] * items for default in self._defaults]

    def settled(self, facts: Facts) -> dict[str, list[Any]]:
        """Return the columns that the table takes: the facts, or the first of several facts."""
        columns = {name: facts[position] or [] for name, position in self._columns}
        for name, sources in self._preferences:
            *preferred, chosen = (facts[source] or [] for source in sources)
            for column in reversed(preferred):
                if any(column):
                    chosen = [one or other for one, other in zip(column, chosen, strict=True)]
            columns[name] = chosen
        asked = facts[_ASKED] or []
        if "llm_model" in columns and any("/" in model for model in set(asked)):
            told = zip(columns["llm_model"], asked, strict=True)
            columns["llm_model"] = [whole_model_name(model, name) for model, name in told]
        return columns

    def of_set(self, attributes: Collection[ReadAttribute]) -> dict[str, Any]:
        """Return the columns of one item by name."""
        facts = self.defaults(1)
        for position in {position for _, _, _, position, fact, _ in attributes if fact}:
            if facts[position]:
                facts[position] = [preferred_fact(position, attributes)]
        return {name: values[0] for name, values in self.settled(facts).items()}


def settle_operations(facts: Facts, span_names: Sequence[str]) -> None:
    """Bring the operations of spans, and the names of what they ran, to what is stored.

    Args:
        facts: Of the spans, with `ENTITY_NAME`.
        span_names: The name of each span.
    """
    stated: Any = facts[_OPERATION]
    known = {name: operation_of_name(name) for name in dict.fromkeys(span_names)}
    operations = [one or known[name] for one, name in zip(stated, span_names, strict=True)]
    if NO_OPERATION in operations:
        operations = ["" if each == NO_OPERATION else each for each in operations]
    facts[_OPERATION] = operations
    subjects = {name: subject_of_name(name) for name in known}
    entities: Any = facts[_ENTITY]
    columns: dict[str, Any] = {each: facts[position] for each, position in _NAMES.items()}
    for row, operation in enumerate(operations):
        if operation in columns and not columns[operation][row]:
            columns[operation][row] = entities[row] or subjects[span_names[row]]
