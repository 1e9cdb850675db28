"""Large but allowed goes all the way through: many spans at once, and one huge attribute."""

import secrets
import time

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from fleet import Fleet, get_json, lag_is_zero, post_traces, select, wait_until
from prometheus_text import metric
from traffic import numbered_request

MEBIBYTE = 1024 * 1024
SPANS = 100_000
PADDING = "p" * 330
"""So that a request of `SPANS` is a little over 40 MiB."""
LONGEST_TEST_SECONDS = 120


def export(transport: str, started: Fleet, request: bytes) -> ExportTraceServiceResponse:
    """Send one request once; a refusal fails the test."""
    if transport == "http":
        return ExportTraceServiceResponse.FromString(post_traces(started.otlp_http_url, request))
    with grpc.insecure_channel(f"127.0.0.1:{started.ports.otlp_grpc}") as channel:
        return TraceServiceStub(channel).Export(
            ExportTraceServiceRequest.FromString(request), timeout=LONGEST_TEST_SECONDS
        )


@pytest.mark.parametrize("transport", ["http", "grpc"])
def test_a_request_over_the_broker_limit_is_split_acknowledged_once_and_stored_whole(
    transport: str, started: Fleet
) -> None:
    service = f"large-{transport}"
    request = numbered_request(service, 0, SPANS, PADDING).SerializeToString()
    assert 40 * MEBIBYTE < len(request) < 64 * MEBIBYTE
    assert len(request) > 2 * started.config.kafka.max_message_bytes
    answers = "ingest_requests_total"
    before = metric(started.ports.otlp_admin, answers)

    assert not export(transport, started, request).HasField("partial_success")

    assert metric(started.ports.otlp_admin, answers) - before == 1
    wait_until(lambda: lag_is_zero(started), "everything is written", seconds=LONGEST_TEST_SECONDS)
    stored = select(
        started,
        "SELECT count(), uniqExact(attributes_int['number']), max(attributes_int['number']),"
        " min(length(attributes_string['padding']))"
        f" FROM telemetry.spans WHERE service_name = '{service}'",
    )
    assert stored == [(SPANS, SPANS, SPANS - 1, len(PADDING) + 1)]


@pytest.mark.parametrize("transport", ["http", "grpc"])
def test_a_prompt_of_300_kilobytes_comes_back_letter_by_letter(
    transport: str, started: Fleet
) -> None:
    prompt = "".join(f"{number}: what did the agent do? ¿Qué hizo? 🤖\n" for number in range(7_000))
    assert len(prompt.encode()) > 300_000
    trace_id, now_ns = secrets.token_bytes(16), time.time_ns()
    request = ExportTraceServiceRequest()
    span = (
        request.resource_spans.add()
        .scope_spans.add()
        .spans.add(
            trace_id=trace_id,
            span_id=secrets.token_bytes(8),
            name="call_llm",
            start_time_unix_nano=now_ns,
            end_time_unix_nano=now_ns + 1,
        )
    )
    span.attributes.add(key="gen_ai.input.messages").value.string_value = prompt
    span.events.add(name="prompt", time_unix_nano=now_ns).attributes.add(
        key="content"
    ).value.string_value = prompt

    assert not export(transport, started, request.SerializeToString()).HasField("partial_success")

    wait_until(lambda: lag_is_zero(started), "everything is written")
    (item,) = get_json(f"{started.query_url}/traces/{trace_id.hex()}")["items"]
    assert item["attributes"]["gen_ai.input.messages"] == prompt
    assert item["events"][0]["attributes"]["content"] == prompt
    found = get_json(
        f"{started.query_url}/traces?q=6999:%20what%20did%20the%20agent&trace_id={trace_id.hex()}"
    )
    assert [row["trace_id"] for row in found["items"]] == [trace_id.hex()]
