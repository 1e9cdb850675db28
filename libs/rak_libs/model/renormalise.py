"""What the promotion rules of today make of a span that was stored before.

The writer does the same to whole columns at once (`rak_libs.otlp.promote`); a test holds the two
against each other.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rak_libs.model.json_text import text_to_json
from rak_libs.model.operations import (
    NAME_COLUMNS,
    NO_OPERATION,
    operation_of_name,
    subject_of_name,
)
from rak_libs.model.promoted_keys import DEFAULTS, FACTS, SLOTS, Slot
from rak_libs.model.promotion import ENTITY_NAME, PREFERENCES, whole_model_name

_JSON: Final = "attributes_json"


def facts_of(attributes: Mapping[str, Mapping[str, Any]], span_name: str) -> dict[str, str | int]:
    """Return every promoted column of a span, as the writer of today would fill it.

    Args:
        attributes: The Maps of the spans table by column name; entries whose keys are not
            `PROMOTED_KEYS` may be left out.
        span_name: The span's name.

    Raises:
        ValueError: A value of `attributes_json` is not typed JSON text.
    """
    facts: dict[str, Any] = dict(zip(FACTS, DEFAULTS, strict=True))
    facts |= _stated(attributes)
    for column, sources in PREFERENCES.items():
        facts[column] = next(filter(None, (facts[source] for source in sources)), "")
    facts["llm_model"] = whole_model_name(facts["llm_model"], facts["llm_request_model"])
    operation = facts["operation"] or operation_of_name(span_name)
    facts["operation"] = "" if operation == NO_OPERATION else operation
    entity = facts.pop(ENTITY_NAME)
    if name_column := NAME_COLUMNS.get(operation):
        facts[name_column] = facts[name_column] or entity or subject_of_name(span_name)
    return facts


def _stated(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, str | int]:
    """Return what the preferred spelling of each fact that attributes state says."""
    ranked: dict[str, tuple[int, str | int]] = {}
    for slot, value in _values(attributes):
        if fact := slot.read(value):
            name = FACTS[slot.position]
            ranked[name] = min(ranked.get(name, (slot.rank, fact)), (slot.rank, fact))
    return {name: fact for name, (_, fact) in ranked.items()}


def _values(attributes: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[Slot, Any]]:
    for column, values in attributes.items():
        for key, value in values.items():
            if slot := SLOTS.get(key):
                yield slot, text_to_json(value) if column == _JSON else value
