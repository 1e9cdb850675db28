"""From stored rows to the spans of an answer."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from rak_libs.model.time_text import format_time
from rak_libs.otlp.typed_json import text_to_plain
from rak_services.query.answers import Event, Link, Span
from rak_services.query.stored_facts import attributes_of, resource_of, scope_of

_MILLISECOND_NS: Final = 1_000_000
_COPIED: Final = tuple(
    name
    for name in Span.__struct_fields__
    if name not in {"timestamp", "ingested_at", "attributes", "resource", "scope"}
    and name not in {"events", "links"}
)


def spans_of(rows: Iterable[Mapping[str, Any]]) -> list[Span]:
    """Return the spans of stored rows; times in them are integers of nanoseconds."""
    return [_span(row) for row in rows]


def _span(row: Mapping[str, Any]) -> Span:
    return Span(
        timestamp=format_time(row["timestamp"]),
        ingested_at=format_time(row["ingested_at"] * _MILLISECOND_NS),
        attributes=attributes_of(row),
        resource=resource_of(row),
        scope=scope_of(row),
        events=_events(row),
        links=_links(row),
        **{name: row[name] for name in _COPIED},
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
