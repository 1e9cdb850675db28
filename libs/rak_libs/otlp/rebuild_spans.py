"""Stored spans back to the request that they came in: the inverse of `decode_spans`."""

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from rak_libs.model.spans import SpanKind, StatusCode
from rak_libs.otlp.attributes import add_stored_attributes
from rak_libs.otlp.resource_and_scope import (
    RESOURCE_COLUMNS,
    SCOPE_COLUMNS,
    fill_resource,
    fill_scope,
)
from rak_libs.otlp.typed_json import set_attributes, text_to_plain

Row = Mapping[str, Any]

_UINT64_MASK = 2**64 - 1


def rebuild_traces(rows: Iterable[Row]) -> ExportTraceServiceRequest:
    """Return a request with every row's span, grouped by resource and scope.

    What is sent comes back but for grouping, the order of attributes, duplicate keys (the last
    won), the bits of NaN, an end before its start, enum numbers that OTLP does not have (0) and
    unknown fields.

    Args:
        rows: Values by column name of the spans table. Times are whole nanoseconds (events' as
            stored, so negative beyond 2^63-1), ids hex text or '' (zero bytes at the end are
            ignored), kind and status names or numbers.

    Raises:
        ValueError: A text column is not typed JSON, or an id is not hex.
    """
    request = ExportTraceServiceRequest()
    resources: dict[tuple[Any, ...], ResourceSpans] = {}
    scopes: dict[tuple[Any, ...], ScopeSpans] = {}
    for row in rows:
        resource_key = tuple(row[name] for name in RESOURCE_COLUMNS)
        scope_key = (resource_key, *(row[name] for name in SCOPE_COLUMNS))
        if resource_key not in resources:
            resources[resource_key] = request.resource_spans.add()
            fill_resource(resources[resource_key], row)
        if scope_key not in scopes:
            scopes[scope_key] = resources[resource_key].scope_spans.add()
            fill_scope(scopes[scope_key], row)
        _fill_span(scopes[scope_key].spans.add(), row)
    return request


def _fill_span(span: Span, row: Row) -> None:
    span.trace_id = _id(row["trace_id"])
    span.span_id = _id(row["span_id"])
    span.parent_span_id = _id(row["parent_span_id"])
    span.trace_state = row["trace_state"]
    span.flags = row["flags"]
    span.name = row["span_name"]
    span.kind = _code(SpanKind, row["span_kind"])
    span.start_time_unix_nano = row["timestamp"]
    span.end_time_unix_nano = row["timestamp"] + row["duration_ns"]
    span.status.code = _code(StatusCode, row["status_code"])
    span.status.message = row["status_message"]
    add_stored_attributes(span.attributes, row)
    span.dropped_attributes_count = row["dropped_attributes_count"]
    span.dropped_events_count = row["dropped_events_count"]
    span.dropped_links_count = row["dropped_links_count"]
    _add_events(span, row)
    _add_links(span, row)


def _add_events(span: Span, row: Row) -> None:
    for time, name, attributes, dropped in zip(
        row["events.timestamp"],
        row["events.name"],
        row["events.attributes"],
        row["events.dropped_attributes_count"],
        strict=True,
    ):
        event = span.events.add(name=name, time_unix_nano=time & _UINT64_MASK)
        set_attributes(event.attributes, text_to_plain(attributes))
        event.dropped_attributes_count = dropped


def _add_links(span: Span, row: Row) -> None:
    for trace_id, span_id, trace_state, attributes, dropped, flags in zip(
        row["links.trace_id"],
        row["links.span_id"],
        row["links.trace_state"],
        row["links.attributes"],
        row["links.dropped_attributes_count"],
        row["links.flags"],
        strict=True,
    ):
        link = span.links.add(trace_id=_id(trace_id), span_id=_id(span_id), flags=flags)
        link.trace_state = trace_state
        set_attributes(link.attributes, text_to_plain(attributes))
        link.dropped_attributes_count = dropped


def _id(text: str) -> bytes:
    return bytes.fromhex(text.rstrip("\0"))


def _code(names: type[IntEnum], code: str | int) -> Any:
    return names[code].value if isinstance(code, str) else int(code)
