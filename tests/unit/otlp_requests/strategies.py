"""Generated trace requests: every field that OTLP has, good and bad ids and times, deep values."""

from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    EntityRef,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

uint32 = st.integers(0, 2**32 - 1)
uint64 = st.integers(0, 2**64 - 1)
texts = st.text(max_size=8)


def _nested(values: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[AnyValue]:
    array = st.builds(ArrayValue, values=st.lists(values, max_size=3))
    pair = st.builds(KeyValue, key=texts, value=values)
    pairs = st.builds(KeyValueList, values=st.lists(pair, max_size=3))
    return st.builds(AnyValue, array_value=array) | st.builds(AnyValue, kvlist_value=pairs)


any_values = st.recursive(
    st.just(AnyValue())
    | st.builds(AnyValue, string_value=texts)
    | st.builds(AnyValue, bool_value=st.booleans())
    | st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1))
    | st.builds(AnyValue, double_value=st.floats(allow_nan=False))
    | st.builds(AnyValue, bytes_value=st.binary(max_size=8)),
    _nested,
    max_leaves=6,
)
attributes = st.lists(
    st.builds(KeyValue, key=texts, value=any_values) | st.builds(KeyValue, key=texts), max_size=3
)
trace_ids = st.sampled_from([bytes(range(1, 17)), bytes(16), b"", b"short"])
span_ids = st.sampled_from([bytes(range(1, 9)), bytes(8), b"", b"long enough?"])

events = st.builds(
    Span.Event,
    time_unix_nano=uint64,
    name=texts,
    attributes=attributes,
    dropped_attributes_count=uint32,
)
links = st.builds(
    Span.Link,
    trace_id=trace_ids,
    span_id=span_ids,
    trace_state=texts,
    attributes=attributes,
    dropped_attributes_count=uint32,
    flags=uint32,
)


def spans(start_ns: st.SearchStrategy[int]) -> st.SearchStrategy[Span]:
    """Spans that start at one of `start_ns`."""
    return st.builds(
        Span,
        trace_id=trace_ids,
        span_id=span_ids,
        trace_state=texts,
        parent_span_id=span_ids,
        flags=uint32,
        name=texts,
        kind=st.integers(0, 5),
        start_time_unix_nano=start_ns,
        end_time_unix_nano=uint64,
        attributes=attributes,
        dropped_attributes_count=uint32,
        events=st.lists(events, max_size=2),
        dropped_events_count=uint32,
        links=st.lists(links, max_size=2),
        dropped_links_count=uint32,
        status=st.builds(Status, code=st.integers(0, 2), message=texts),
    )


def requests(start_ns: st.SearchStrategy[int] = uint64) -> st.SearchStrategy[object]:
    """Whole requests, empty groups included."""
    scope = st.builds(
        InstrumentationScope,
        name=texts,
        version=texts,
        attributes=attributes,
        dropped_attributes_count=uint32,
    )
    entity = st.builds(EntityRef, type=texts, schema_url=texts, id_keys=st.lists(texts, max_size=2))
    resource = st.builds(
        Resource,
        attributes=attributes,
        dropped_attributes_count=uint32,
        entity_refs=st.lists(entity, max_size=1),
    )
    scope_spans = st.builds(
        ScopeSpans, scope=scope, schema_url=texts, spans=st.lists(spans(start_ns), max_size=4)
    )
    resource_spans = st.builds(
        ResourceSpans,
        resource=resource,
        schema_url=texts,
        scope_spans=st.lists(scope_spans, max_size=3),
    )
    return st.builds(ExportTraceServiceRequest, resource_spans=st.lists(resource_spans, max_size=3))
