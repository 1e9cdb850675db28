"""What any client may send comes back from `?format=otlp` as it was sent."""

import time

from fleet import Fleet, get_json, post_traces, wait_until
from google.protobuf.json_format import ParseDict
from hypothesis import HealthCheck, Phase, given, settings
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_generation import canonical, requests
from rak_libs.otlp.otlp_json import request_from_json

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
