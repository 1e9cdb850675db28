"""Spans outside the time window are refused one by one; their neighbours are stored."""

import secrets
import time

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from fleet import Fleet, get_json, lag_is_zero, post_traces, wait_until

SECOND = 10**9
DAY = 86_400 * SECOND
GOOD_SPANS = 20


def bad_start_times(now_ns: int) -> list[int]:
    year_2262_ends = 9_214_646_400 * SECOND + 364 * DAY
    return [DAY, year_2262_ends, 2**64 - 1, now_ns - 200 * DAY]


def test_exactly_the_spans_outside_the_window_are_rejected(started: Fleet) -> None:
    now_ns = time.time_ns()
    bad = bad_start_times(now_ns)
    trace_id = secrets.token_bytes(16)
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    starts = [*(now_ns - n * SECOND for n in range(GOOD_SPANS)), *bad]
    starts[3], starts[-1] = starts[-1], starts[3]
    for number, start in enumerate(starts, start=1):
        spans.add(
            trace_id=trace_id,
            span_id=number.to_bytes(8, "big"),
            name=f"span {number}",
            start_time_unix_nano=start,
            end_time_unix_nano=min(start + 5, 2**64 - 1),
        )
    answer = ExportTraceServiceResponse.FromString(
        post_traces(started.otlp_http_url, request.SerializeToString())
    )
    assert answer.partial_success.rejected_spans == len(bad)
    assert answer.partial_success.error_message

    wait_until(lambda: lag_is_zero(started), "everything is written")
    items = get_json(f"{started.query_url}/traces/{trace_id.hex()}")["items"]
    good = {f"span {n}" for n, start in enumerate(starts, start=1) if start not in bad}
    assert {item["span_name"] for item in items} == good
    assert len(items) == GOOD_SPANS
