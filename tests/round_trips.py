"""Requests to send through a fleet and to find again."""

import os
import time
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_generation import requests

T = TypeVar("T")

REQUESTS = int(os.environ.get("RAK_TEST_ROUND_TRIPS", "500"))
"""How many generated requests a fleet is sent; `make soak` sends many."""


def drawn(strategy: SearchStrategy[T], count: int) -> list[T]:
    """Draw `count` values of a strategy."""
    values: list[T] = []

    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(value: T) -> None:
        values.append(value)

    draw()
    return values


def generated(count: int) -> list[ExportTraceServiceRequest]:
    """Draw `count` requests, each with spans, from the strategy of the decoder's own tests."""
    return drawn(requests(time.time_ns(), least=1), count)


def spans_of(request: ExportTraceServiceRequest) -> list[Span]:
    """Every span of a request, in order."""
    return [
        span
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


def with_fresh_ids(request: ExportTraceServiceRequest, number: int) -> str:
    """Give every span an id that no other request has, in one trace; returns the trace's id."""
    trace_id = (time.time_ns() << 32 | number).to_bytes(16, "big")
    for index, span in enumerate(spans_of(request)):
        span.trace_id = trace_id
        span.span_id = (index + 1).to_bytes(8, "big")
    return trace_id.hex()
