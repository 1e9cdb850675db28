"""A trace of any size comes back whole, page by page."""

import secrets
import time

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from fleet import Fleet, get_json, lag_is_zero, post_traces, wait_until

SPANS = 25_000
SPANS_PER_REQUEST = 5_000


def test_a_trace_of_25000_spans_comes_back_whole_paged(started: Fleet) -> None:
    trace_id, now_ns = secrets.token_bytes(16), time.time_ns()
    for first in range(0, SPANS, SPANS_PER_REQUEST):
        request = ExportTraceServiceRequest()
        spans = request.resource_spans.add().scope_spans.add().spans
        for number in range(first + 1, first + SPANS_PER_REQUEST + 1):
            spans.add(
                trace_id=trace_id,
                span_id=number.to_bytes(8, "big"),
                name="step",
                start_time_unix_nano=now_ns + number % 1000,
                end_time_unix_nano=now_ns + 2000,
            )
        post_traces(started.otlp_http_url, request.SerializeToString())
    wait_until(lambda: lag_is_zero(started), "everything is written", seconds=60)

    url = f"{started.query_url}/traces/{trace_id.hex()}"
    page = get_json(url)
    pages = [page["items"]]
    while page["next_cursor"]:
        page = get_json(f"{url}?cursor={page['next_cursor']}")
        pages.append(page["items"])
    assert len(pages) == 3
    span_ids = [int(item["span_id"], 16) for items in pages for item in items]
    assert len(span_ids) == SPANS
    assert set(span_ids) == set(range(1, SPANS + 1))
