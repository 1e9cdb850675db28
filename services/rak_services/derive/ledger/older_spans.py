"""Rows of spans that older promotion rules filled: read anew from their attributes."""

from typing import Any, Final

from rak_libs.model.promoted_keys import PROMOTED_KEYS
from rak_libs.model.renormalise import facts_of
from rak_libs.model.spans import SPANS
from rak_services.derive.ledger.columns import read_columns
from rak_services.derive.ledger.rows import SpanFacts

MAPS: Final = tuple(column.name for column in SPANS.columns if column.type.startswith("Map("))
_PROMOTED: Final = tuple(name for name in SpanFacts._fields if name in facts_of({}, ""))
_OWN: Final = tuple(name for name in SpanFacts._fields if name not in _PROMOTED)
_NAME_AT: Final = _OWN.index("span_name")
_TEXTS: Final = "attributes_json"

TRACE_ID_AT: Final = _OWN.index("trace_id")


def _older_columns() -> str:
    keys = "', '".join(sorted(PROMOTED_KEYS))
    maps = (f"mapFilter((key, value) -> key IN ('{keys}'), {name})" for name in MAPS)
    return ", ".join([read_columns(SPANS, _OWN), *maps])


OLDER_COLUMNS: Final = _older_columns()
"""What a row is read by: its own columns, and of its attributes those that rules are about."""


def older_span(row: tuple[Any, ...]) -> SpanFacts:
    """Make of a row of `OLDER_COLUMNS` what the rules of today make of it."""
    own, maps = row[: len(_OWN)], dict(zip(MAPS, row[len(_OWN) :], strict=True))
    try:
        facts = facts_of(maps, own[_NAME_AT])
    except ValueError:
        # What is no typed JSON text was not stored by a writer, and says nothing.
        facts = facts_of(maps | {_TEXTS: {}}, own[_NAME_AT])
    promoted: dict[str, Any] = {name: facts[name] for name in _PROMOTED}
    return SpanFacts(**dict(zip(_OWN, own, strict=True)), **promoted)
