"""What rows of every signal say in the same columns: attributes, resource and scope."""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from rak_libs.otlp.typed_json import text_to_plain
from rak_services.query.answers import Resource, Scope

Row = Mapping[str, Any]

_REPEATED_TEXTS: Final = 4_096


def attributes_of(row: Row) -> dict[str, Any]:
    """Return the attributes of a row, from its five typed Maps."""
    values: dict[str, Any] = dict(row["attributes_string"])
    values.update(row["attributes_int"])
    values.update({key: _double(number) for key, number in row["attributes_float"].items()})
    values.update(row["attributes_bool"])
    values.update({key: text_to_plain(text) for key, text in row["attributes_json"].items()})
    return values


def _double(number: float) -> float | dict[str, str]:
    """JSON has no number for these; the form is that of nested values."""
    if math.isfinite(number):
        return number
    if math.isnan(number):
        return {"doubleValue": "NaN"}
    return {"doubleValue": "Infinity" if number > 0 else "-Infinity"}


@lru_cache(_REPEATED_TEXTS)
def _repeated(text: str) -> Any:
    """Parse a text that most rows of an answer share; callers must not change the result."""
    return text_to_plain(text)


def resource_of(row: Row) -> Resource:
    """Return the resource of a row."""
    entity_refs = row["resource_entity_refs"]
    return Resource(
        attributes=_repeated(row["resource_attributes"]),
        dropped_attributes_count=row["resource_dropped_attributes_count"],
        schema_url=row["resource_schema_url"],
        entity_refs=_repeated(entity_refs) if entity_refs else [],
    )


def scope_of(row: Row) -> Scope:
    """Return the scope of a row."""
    return Scope(
        name=row["scope_name"],
        version=row["scope_version"],
        attributes=_repeated(row["scope_attributes"]),
        dropped_attributes_count=row["scope_dropped_attributes_count"],
        schema_url=row["scope_schema_url"],
    )
