"""From stored rows to the spans of an answer."""

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from rak_libs.otlp.typed_json import text_to_plain
from rak_services.query.answers import Event, Link, Resource, Scope, Span
from rak_services.query.time_text import format_time

_MILLISECOND_NS: Final = 1_000_000
_COPIED: Final = tuple(
    name
    for name in Span.__struct_fields__
    if name not in {"timestamp", "ingested_at", "attributes", "resource", "scope"}
    and name not in {"events", "links"}
)
_REPEATED_TEXTS: Final = 4_096


def spans_of(rows: Iterable[Mapping[str, Any]]) -> list[Span]:
    """Return the spans of stored rows; times in them are integers of nanoseconds."""
    return [_span(row) for row in rows]


def _span(row: Mapping[str, Any]) -> Span:
    return Span(
        timestamp=format_time(row["timestamp"]),
        ingested_at=format_time(row["ingested_at"] * _MILLISECOND_NS),
        attributes=_attributes(row),
        resource=_resource(row),
        scope=_scope(row),
        events=_events(row),
        links=_links(row),
        **{name: row[name] for name in _COPIED},
    )


def _attributes(row: Mapping[str, Any]) -> dict[str, Any]:
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
    """Parse a text that most spans of a trace share; callers must not change the result."""
    return text_to_plain(text)


def _resource(row: Mapping[str, Any]) -> Resource:
    entity_refs = row["resource_entity_refs"]
    return Resource(
        attributes=_repeated(row["resource_attributes"]),
        dropped_attributes_count=row["resource_dropped_attributes_count"],
        schema_url=row["resource_schema_url"],
        entity_refs=_repeated(entity_refs) if entity_refs else [],
    )


def _scope(row: Mapping[str, Any]) -> Scope:
    return Scope(
        name=row["scope_name"],
        version=row["scope_version"],
        attributes=_repeated(row["scope_attributes"]),
        dropped_attributes_count=row["scope_dropped_attributes_count"],
        schema_url=row["scope_schema_url"],
    )


def _events(row: Mapping[str, Any]) -> list[Event]:
    columns = (
        row["events.timestamp"],
        row["events.name"],
        row["events.attributes"],
        row["events.dropped_attributes_count"],
    )
    return [
        Event(
            timestamp=format_time(time),
            name=name,
            attributes=text_to_plain(attributes),
            dropped_attributes_count=dropped,
        )
        for time, name, attributes, dropped in zip(*columns, strict=True)
    ]


def _links(row: Mapping[str, Any]) -> list[Link]:
    columns = (
        row["links.trace_id"],
        row["links.span_id"],
        row["links.trace_state"],
        row["links.attributes"],
        row["links.dropped_attributes_count"],
        row["links.flags"],
    )
    return [
        Link(
            trace_id=trace_id,
            span_id=span_id,
            trace_state=trace_state,
            attributes=text_to_plain(attributes),
            dropped_attributes_count=dropped,
            flags=flags,
        )
        for trace_id, span_id, trace_state, attributes, dropped, flags in zip(*columns, strict=True)
    ]
