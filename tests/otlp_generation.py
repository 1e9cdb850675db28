"""Any trace request that a client may send, and what must survive of it.

`requests` draws requests that no receiver refuses anything of, `hostile_requests` also those with
bad ids and times. `canonical` says what two requests must agree on to be the same to whoever asks
for them: it knows nothing of how they are stored.
"""

from typing import Any

from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from value_generation import (
    attribute_lists,
    canonical_attributes,
    canonical_resource,
    canonical_scope,
    resources,
    scopes,
    span_ids,
    texts,
    trace_ids,
    uint32s,
    uint64s,
)

DAY_NS = 24 * 3600 * 10**9

_bad_ids = st.sampled_from([b"", bytes(8), bytes(16), b"short", b"a good deal too long"])


def _spans(
    trace_ids: st.SearchStrategy[bytes],
    span_ids: st.SearchStrategy[bytes],
    starts: st.SearchStrategy[int],
) -> st.SearchStrategy[Span]:
    events = st.builds(
        Span.Event,
        time_unix_nano=uint64s,
        name=texts,
        attributes=attribute_lists,
        dropped_attributes_count=uint32s,
    )
    # Links may lead nowhere: their ids may be all zero, or empty.
    links = st.builds(
        Span.Link,
        trace_id=st.one_of(trace_ids, st.sampled_from([b"", bytes(16)])),
        span_id=st.one_of(span_ids, st.sampled_from([b"", bytes(8)])),
        trace_state=texts,
        attributes=attribute_lists,
        dropped_attributes_count=uint32s,
        flags=uint32s,
    )
    return st.builds(
        Span,
        trace_id=trace_ids,
        span_id=span_ids,
        parent_span_id=st.one_of(st.just(b""), span_ids),
        trace_state=texts,
        flags=uint32s,
        name=st.one_of(texts, st.sampled_from(["agent.run", "chat gpt", "execute_tool x"])),
        kind=st.sampled_from([0, 1, 2, 3, 4, 5, 6, -1]),
        start_time_unix_nano=starts,
        end_time_unix_nano=st.one_of(starts, uint64s),
        attributes=attribute_lists,
        dropped_attributes_count=uint32s,
        events=st.lists(events, max_size=2),
        dropped_events_count=uint32s,
        links=st.lists(links, max_size=2),
        dropped_links_count=uint32s,
        status=st.one_of(
            st.none(),
            st.builds(Status, code=st.sampled_from([0, 1, 2, 3]), message=texts),
        ),
    )


def requests(now_ns: int, least: int = 0) -> st.SearchStrategy[ExportTraceServiceRequest]:
    """Draw requests of spans that no receiver refuses; their starts lie in the day to `now_ns`.

    One without spans is empty: as a message of a queue, anything else would be refused. Every list
    of groups and spans has `least` elements at least.
    """
    spans = _spans(trace_ids, span_ids, st.integers(now_ns - DAY_NS, now_ns))
    return _requests(spans, least).map(_empty_without_spans)


def hostile_requests(
    starts: st.SearchStrategy[int] = uint64s,
) -> st.SearchStrategy[ExportTraceServiceRequest]:
    """Draw requests of spans any of whose ids may be bad, and that start at one of `starts`."""
    spans = _spans(st.one_of(trace_ids, _bad_ids), st.one_of(span_ids, _bad_ids), starts)
    return _requests(spans)


def _requests(
    spans: st.SearchStrategy[Span], least: int = 0
) -> st.SearchStrategy[ExportTraceServiceRequest]:
    scope_spans = st.builds(
        ScopeSpans,
        scope=st.one_of(st.none(), scopes),
        spans=st.lists(spans, min_size=least, max_size=3),
        schema_url=texts,
    )
    resource_spans = st.builds(
        ResourceSpans,
        resource=st.one_of(st.none(), resources),
        scope_spans=st.lists(scope_spans, min_size=least, max_size=2),
        schema_url=texts,
    )
    groups = st.lists(resource_spans, min_size=least, max_size=2)
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
        (canonical_resource(resource_spans), canonical_scope(scope_spans), _span(span))
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]
    return sorted(spans, key=repr)


def _span(span: Span) -> tuple[Any, ...]:
    events = [
        (
            event.time_unix_nano,
            event.name,
            canonical_attributes(event.attributes),
            event.dropped_attributes_count,
        )
        for event in span.events
    ]
    links = [
        (
            link.trace_id,
            link.span_id,
            link.trace_state,
            canonical_attributes(link.attributes),
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
        (canonical_attributes(span.attributes), span.dropped_attributes_count),
        (events, span.dropped_events_count),
        (links, span.dropped_links_count),
    )
