"""Any trace request that a client may send, and what must survive of it.

`requests` draws requests that no receiver refuses anything of, `hostile_requests` also those with
bad ids and times. `canonical` says what two requests must agree on to be the same to whoever asks
for them: it knows nothing of how they are stored.
"""

import math
import struct
from collections.abc import Callable, Iterable
from typing import Any

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

DAY_NS = 24 * 3600 * 10**9

_texts = st.one_of(st.just(""), st.text(max_size=12), st.sampled_from(["\0", "a\0b", "é😀", '"\\']))
# Names that mean something somewhere: promoted keys, the escapes of stored text.
_keys = st.one_of(
    _texts,
    st.sampled_from(
        [
            "service.name",
            "session_id",
            "session.id",
            "gen_ai.operation.name",
            "gen_ai.usage.input_tokens",
            "token_count",
            "bytesValue",
            "doubleValue",
            "kvlistValue",
        ]
    ),
)
_uint32s = st.one_of(st.sampled_from([0, 1, 2**32 - 1]), st.integers(0, 2**32 - 1))
_uint64s = st.one_of(
    st.sampled_from([0, 1, 2**63 - 1, 2**63, 2**64 - 1]), st.integers(0, 2**64 - 1)
)
_int64s = st.one_of(
    st.sampled_from([0, -1, 2**53 + 1, 2**63 - 1, -(2**63)]), st.integers(-(2**63), 2**63 - 1)
)
# One NaN stands for all: nobody is promised its bits, and messages are compared by them.
_doubles = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 1e16, 5e-324, math.inf, -math.inf, math.nan]),
    st.floats(allow_nan=False),
)
_scalars = st.one_of(
    st.builds(AnyValue),
    st.builds(AnyValue, string_value=_texts),
    st.builds(AnyValue, bool_value=st.booleans()),
    st.builds(AnyValue, int_value=_int64s),
    st.builds(AnyValue, double_value=_doubles),
    st.builds(AnyValue, bytes_value=st.binary(max_size=8)),
)


def _attribute(values: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[KeyValue]:
    return st.builds(KeyValue, key=_keys, value=values)


def _containers(values: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[AnyValue]:
    arrays = st.builds(ArrayValue, values=st.lists(values, max_size=3))
    maps = st.builds(KeyValueList, values=st.lists(_attribute(values), max_size=3))
    return st.one_of(
        st.builds(AnyValue, array_value=arrays), st.builds(AnyValue, kvlist_value=maps)
    )


values: st.SearchStrategy[AnyValue] = st.recursive(_scalars, _containers, max_leaves=6)
"""Any attribute value."""

attribute_lists = st.lists(
    st.one_of(_attribute(values), st.builds(KeyValue, key=_keys)), max_size=5
)
"""Attributes as they come: any order, keys repeated, values absent."""

_trace_ids = st.binary(min_size=16, max_size=16).filter(any)
_span_ids = st.binary(min_size=8, max_size=8).filter(any)
_bad_ids = st.sampled_from([b"", bytes(8), bytes(16), b"short", b"a good deal too long"])


def _spans(
    trace_ids: st.SearchStrategy[bytes],
    span_ids: st.SearchStrategy[bytes],
    starts: st.SearchStrategy[int],
) -> st.SearchStrategy[Span]:
    events = st.builds(
        Span.Event,
        time_unix_nano=_uint64s,
        name=_texts,
        attributes=attribute_lists,
        dropped_attributes_count=_uint32s,
    )
    # Links may lead nowhere: their ids may be all zero, or empty.
    links = st.builds(
        Span.Link,
        trace_id=st.one_of(trace_ids, st.sampled_from([b"", bytes(16)])),
        span_id=st.one_of(span_ids, st.sampled_from([b"", bytes(8)])),
        trace_state=_texts,
        attributes=attribute_lists,
        dropped_attributes_count=_uint32s,
        flags=_uint32s,
    )
    return st.builds(
        Span,
        trace_id=trace_ids,
        span_id=span_ids,
        parent_span_id=st.one_of(st.just(b""), span_ids),
        trace_state=_texts,
        flags=_uint32s,
        name=st.one_of(_texts, st.sampled_from(["agent.run", "chat gpt", "execute_tool x"])),
        kind=st.sampled_from([0, 1, 2, 3, 4, 5, 6, -1]),
        start_time_unix_nano=starts,
        end_time_unix_nano=st.one_of(starts, _uint64s),
        attributes=attribute_lists,
        dropped_attributes_count=_uint32s,
        events=st.lists(events, max_size=2),
        dropped_events_count=_uint32s,
        links=st.lists(links, max_size=2),
        dropped_links_count=_uint32s,
        status=st.one_of(
            st.none(),
            st.builds(Status, code=st.sampled_from([0, 1, 2, 3]), message=_texts),
        ),
    )


def requests(now_ns: int) -> st.SearchStrategy[ExportTraceServiceRequest]:
    """Draw requests of spans that no receiver refuses; their starts lie in the day to `now_ns`.

    One without spans is empty: as a message of a queue, anything else would be refused.
    """
    spans = _spans(_trace_ids, _span_ids, st.integers(now_ns - DAY_NS, now_ns))
    return _requests(spans).map(_empty_without_spans)


def hostile_requests(
    starts: st.SearchStrategy[int] = _uint64s,
) -> st.SearchStrategy[ExportTraceServiceRequest]:
    """Draw requests of spans any of whose ids may be bad, and that start at one of `starts`."""
    spans = _spans(st.one_of(_trace_ids, _bad_ids), st.one_of(_span_ids, _bad_ids), starts)
    return _requests(spans)


def _requests(spans: st.SearchStrategy[Span]) -> st.SearchStrategy[ExportTraceServiceRequest]:
    scopes = st.builds(
        InstrumentationScope,
        name=_texts,
        version=_texts,
        attributes=attribute_lists,
        dropped_attributes_count=_uint32s,
    )
    scope_spans = st.builds(
        ScopeSpans,
        scope=st.one_of(st.none(), scopes),
        spans=st.lists(spans, max_size=3),
        schema_url=_texts,
    )
    entity_refs = st.builds(
        EntityRef,
        schema_url=_texts,
        type=_texts,
        id_keys=st.lists(_texts, max_size=2),
        description_keys=st.lists(_texts, max_size=2),
    )
    resources = st.builds(
        Resource,
        attributes=attribute_lists,
        dropped_attributes_count=_uint32s,
        entity_refs=st.lists(entity_refs, max_size=2),
    )
    resource_spans = st.builds(
        ResourceSpans,
        resource=st.one_of(st.none(), resources),
        scope_spans=st.lists(scope_spans, max_size=2),
        schema_url=_texts,
    )
    groups = st.lists(resource_spans, max_size=2)
    return st.builds(ExportTraceServiceRequest, resource_spans=groups)


def _empty_without_spans(request: ExportTraceServiceRequest) -> ExportTraceServiceRequest:
    scopes = [scope for group in request.resource_spans for scope in group.scope_spans]
    return request if any(scope.spans for scope in scopes) else ExportTraceServiceRequest()


def canonical(request: ExportTraceServiceRequest) -> list[tuple[Any, ...]]:
    """Return the spans of a request, each with its resource and scope, in an order of their own.

    Left out, since nobody is promised them: grouping, the order of attributes, all but the last
    of duplicate keys, the bits of NaN, an end before its start, enum numbers without a name,
    whether an empty message was present, and unknown fields.
    """
    spans = [
        (_resource(resource_spans), _scope(scope_spans), _span(span))
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]
    return sorted(spans, key=repr)


def _resource(group: ResourceSpans) -> tuple[Any, ...]:
    references = [
        (ref.schema_url, ref.type, tuple(ref.id_keys), tuple(ref.description_keys))
        for ref in group.resource.entity_refs
    ]
    return (
        _attributes(group.resource.attributes),
        group.resource.dropped_attributes_count,
        references,
        group.schema_url,
    )


def _scope(group: ScopeSpans) -> tuple[Any, ...]:
    scope = group.scope
    return (
        scope.name,
        scope.version,
        _attributes(scope.attributes),
        scope.dropped_attributes_count,
        group.schema_url,
    )


def _span(span: Span) -> tuple[Any, ...]:
    events = [
        (
            event.time_unix_nano,
            event.name,
            _attributes(event.attributes),
            event.dropped_attributes_count,
        )
        for event in span.events
    ]
    links = [
        (
            link.trace_id,
            link.span_id,
            link.trace_state,
            _attributes(link.attributes),
            link.dropped_attributes_count,
            link.flags,
        )
        for link in span.links
    ]
    return (
        (span.trace_id, span.span_id, span.parent_span_id, span.trace_state, span.flags),
        (span.name, span.kind if 0 <= span.kind <= 5 else 0),
        (span.start_time_unix_nano, max(span.start_time_unix_nano, span.end_time_unix_nano)),
        (span.status.code if 0 <= span.status.code <= 2 else 0, span.status.message),
        (_attributes(span.attributes), span.dropped_attributes_count),
        (events, span.dropped_events_count),
        (links, span.dropped_links_count),
    )


def _attributes(attributes: Iterable[KeyValue]) -> list[tuple[str, Any]]:
    by_key = {attribute.key: _value(attribute.value) for attribute in attributes}
    return sorted(by_key.items())


def _double(number: float) -> Any:
    return "NaN" if math.isnan(number) else struct.pack("<d", number)


_CANONICAL: dict[str, Callable[[Any], Any]] = {
    "double_value": _double,
    "array_value": lambda array: [_value(element) for element in array.values],
    "kvlist_value": lambda pairs: _attributes(pairs.values),
}


def _value(value: AnyValue) -> tuple[str, Any]:
    kind = value.WhichOneof("value")
    if kind is None:
        return ("empty", None)
    content = getattr(value, kind)
    return (kind, _CANONICAL[kind](content) if kind in _CANONICAL else content)
