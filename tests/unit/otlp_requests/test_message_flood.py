"""Requests whose few bytes would become very many messages are refused before they are parsed."""

from collections.abc import Callable

import pytest
from hypothesis import given
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from otlp_generation import hostile_requests
from rak_libs.otlp.errors import RequestTooLarge
from rak_libs.otlp.message_flood import limit_messages

MANY = 300_000
"""More than any of the limits below lets through."""


def request_of(*spans: Span) -> ExportTraceServiceRequest:
    groups = [ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])]
    return ExportTraceServiceRequest(resource_spans=groups)


def array_of(count: int) -> KeyValue:
    return KeyValue(value=AnyValue(array_value=ArrayValue(values=[AnyValue()] * count)))


EMPTY_PARTS = [
    pytest.param(lambda n: Span(attributes=[KeyValue()] * n), id="attributes"),
    pytest.param(lambda n: Span(events=[Span.Event()] * n), id="events"),
    pytest.param(lambda n: Span(links=[Span.Link()] * n), id="links"),
    pytest.param(lambda n: Span(attributes=[array_of(n)]), id="values"),
    pytest.param(
        lambda n: Span(events=[Span.Event(attributes=[array_of(n)])]), id="values of an event"
    ),
    pytest.param(lambda n: Span(links=[Span.Link(flags=1)] * n), id="links with flags"),
    pytest.param(lambda n: Span(attributes=[KeyValue(key="a")] * n), id="keys alone"),
]


@pytest.mark.parametrize("build", EMPTY_PARTS)
def test_very_many_nearly_empty_messages_are_refused(build: Callable[[int], Span]) -> None:
    body = request_of(build(MANY)).SerializeToString()
    # A short text is counted like a message.
    limit_messages(body, ExportTraceServiceRequest, 2 * MANY + 10)
    with pytest.raises(RequestTooLarge):
        limit_messages(body, ExportTraceServiceRequest, MANY - 10)


def test_lengths_written_too_long_are_counted_too() -> None:
    """Tag and length of an empty attribute, each with a byte more than it needs."""
    body = b"\xca\x00\x80\x00" * MANY
    for tag in (b"\x12", b"\x12", b"\x0a"):
        body = length_delimited(tag, body)
    request = ExportTraceServiceRequest.FromString(body)
    assert len(request.resource_spans[0].scope_spans[0].spans[0].attributes) == MANY
    with pytest.raises(RequestTooLarge):
        limit_messages(body, ExportTraceServiceRequest, MANY - 10)


def length_delimited(tag: bytes, content: bytes) -> bytes:
    size, length = len(content), bytearray()
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return tag + bytes([*length, size]) + content


@pytest.mark.parametrize("content", [bytes(MANY), b"\x0a\x00" * MANY, b"\x0a\x03" * MANY])
def test_bytes_that_only_look_like_messages_are_not_refused(content: bytes) -> None:
    span = Span(attributes=[KeyValue(key="image", value=AnyValue(bytes_value=content))])
    limit_messages(request_of(span).SerializeToString(), ExportTraceServiceRequest, 1_000)


@given(hostile_requests())
def test_requests_of_ordinary_size_pass(request_: ExportTraceServiceRequest) -> None:
    limit_messages(request_.SerializeToString(), ExportTraceServiceRequest, 100_000)


def test_values_of_attributes_may_be_as_short_as_they_can_be() -> None:
    values = [AnyValue(int_value=number % 10) for number in range(100_000)]
    array = AnyValue(array_value=ArrayValue(values=values))
    span = Span(attributes=[KeyValue(key="a", value=array)])
    limit_messages(request_of(span).SerializeToString(), ExportTraceServiceRequest)
