"""What any client may send comes back from `?format=otlp` as it was sent."""

import time

import msgspec
from hypothesis import HealthCheck, Phase, given, settings
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from fleet import Fleet, get_json, lag_is_zero, post_traces, wait_until
from otlp_generation import canonical, requests
from rak_libs.otlp.otlp_json import request_from_json

DRAWN = 800  # some of them hold no span
REQUESTS = 500


def generated(count: int) -> list[ExportTraceServiceRequest]:
    """Draw `count` requests from the strategy that the decoder's own tests use."""
    drawn: list[ExportTraceServiceRequest] = []

    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(requests(now_ns=time.time_ns()))
    def draw(request: ExportTraceServiceRequest) -> None:
        drawn.append(request)

    draw()
    return drawn


def with_fresh_ids(request: ExportTraceServiceRequest, number: int) -> str:
    """Give every span an id that no other request has, in one trace; returns the trace's id."""
    trace_id = (time.time_ns() << 32 | number).to_bytes(16, "big")
    for index, span in enumerate(
        span
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ):
        span.trace_id = trace_id
        span.span_id = (index + 1).to_bytes(8, "big")
    return trace_id.hex()


def stored(started: Fleet, trace_id: str) -> ExportTraceServiceRequest:
    body = get_json(f"{started.query_url}/traces/{trace_id}?format=otlp")
    request = request_from_json(msgspec.json.encode(body), ExportTraceServiceRequest)
    assert isinstance(request, ExportTraceServiceRequest)
    return request


def test_generated_requests_come_back_equal(started: Fleet) -> None:
    sent = {with_fresh_ids(request, n): request for n, request in enumerate(generated(DRAWN))}
    sent = {key: request for key, request in sent.items() if canonical(request)}
    assert len(sent) >= REQUESTS
    for request in sent.values():
        post_traces(started.otlp_http_url, request.SerializeToString())
    last = list(sent)[-1]
    wait_until(lambda: lag_is_zero(started), "everything is written", seconds=60)
    differing = [
        trace_id
        for trace_id, request in sent.items()
        if canonical(stored(started, trace_id)) != canonical(request)
    ]
    assert differing == [], f"of {len(sent)}, the last sent was {last}"
