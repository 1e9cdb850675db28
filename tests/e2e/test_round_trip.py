"""What any client may send comes back from `?format=otlp` as it was sent."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from fleet import Fleet, get_json, lag_is_zero, post_traces, wait_until
from otlp_generation import canonical
from rak_libs.otlp.otlp_json import request_from_json
from round_trips import REQUESTS, generated, with_fresh_ids


def stored(started: Fleet, trace_id: str) -> ExportTraceServiceRequest:
    body = get_json(f"{started.query_url}/traces/{trace_id}?format=otlp")
    request = request_from_json(msgspec.json.encode(body), ExportTraceServiceRequest)
    assert isinstance(request, ExportTraceServiceRequest)
    return request


def test_generated_requests_come_back_equal(started: Fleet) -> None:
    drawn = generated(REQUESTS)
    assert all(map(canonical, drawn))
    sent = {with_fresh_ids(request, n): request for n, request in enumerate(drawn)}
    for request in sent.values():
        post_traces(started.otlp_http_url, request.SerializeToString())
    last = list(sent)[-1]
    wait_until(lambda: lag_is_zero(started), "everything is written", seconds=60)
    with ThreadPoolExecutor(4) as analysts:
        found = list(analysts.map(partial(stored, started), sent))
    differing = [
        trace_id
        for (trace_id, request), read in zip(sent.items(), found, strict=True)
        if canonical(read) != canonical(request)
    ]
    assert differing == [], f"of {len(sent)}, the last sent was {last}"
