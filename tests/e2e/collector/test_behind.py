"""A Collector behind us hands on exactly what agents were told is accepted."""

import asyncio
import copy

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from e2e.collector.collectors import Sink, as_relayed
from fleet import Fleet, post_traces, wait_until
from otlp_generation import canonical
from rak_libs.kafka.publisher import Publisher
from rak_libs.kafka.topics import OTLP_SPANS
from rak_libs.otlp.otlp_json import request_to_json
from round_trips import spans_of, with_fresh_ids
from traffic import numbered_request


def handed_on(behind: Sink, sent: ExportTraceServiceRequest) -> ExportTraceServiceRequest:
    """Return what arrived with the trace ids of a request, once it is as many spans."""
    wanted = {span.trace_id for span in spans_of(sent)}
    found = ExportTraceServiceRequest()

    def collect() -> bool:
        found.Clear()
        for request in list(behind.requests):
            if any(span.trace_id in wanted for span in spans_of(request)):
                found.resource_spans.extend(request.resource_spans)
        return len(spans_of(found)) >= len(spans_of(sent))

    wait_until(collect, f"{len(spans_of(sent))} spans are handed on", seconds=60)
    return found


def assert_handed_on(behind: Sink, sent: ExportTraceServiceRequest) -> None:
    assert canonical(handed_on(behind, sent)) == canonical(as_relayed(sent))


def test_what_was_sent_is_handed_on(
    interoperating: Fleet, behind: Sink, drawn: list[ExportTraceServiceRequest]
) -> None:
    """Anything a client may send, in binary and in JSON."""
    sent = copy.deepcopy(drawn)
    for number, request in enumerate(sent):
        with_fresh_ids(request, number)
        if number % 2:
            body, content_type = request_to_json(request), "application/json"
        else:
            body, content_type = request.SerializeToString(), "application/x-protobuf"
        post_traces(interoperating.otlp_http_url, body, content_type)
    for request in sent:
        assert_handed_on(behind, request)


def test_of_a_partly_rejected_request_the_rest_is_handed_on(
    interoperating: Fleet, behind: Sink
) -> None:
    request = numbered_request("out-partly", 0, 10)
    spans = request.resource_spans[0].scope_spans[0].spans
    spans[3].start_time_unix_nano = 0
    post_traces(interoperating.otlp_http_url, request.SerializeToString())
    del spans[3]
    assert_handed_on(behind, request)


def test_a_request_that_was_split_is_handed_on_whole(interoperating: Fleet, behind: Sink) -> None:
    """20 MB: two messages, each larger than a Collector's fetch is by default."""
    request = numbered_request("out-split", 0, 200, padding="x" * 100_000)
    post_traces(interoperating.otlp_http_url, request.SerializeToString())
    assert_handed_on(behind, request)


def test_what_a_backend_refuses_for_now_is_handed_on_later(
    interoperating: Fleet, behind: Sink
) -> None:
    behind.refusals = 2
    request = numbered_request("out-later", 0, 10)
    post_traces(interoperating.otlp_http_url, request.SerializeToString())
    assert_handed_on(behind, request)
    assert behind.refusals == 0


def test_bytes_that_are_no_request_do_not_stop_the_collector(
    interoperating: Fleet, behind: Sink
) -> None:
    """By default, one such message would end the reading of its partition."""
    kafka = interoperating.config.kafka

    async def publish_garbage() -> None:
        publisher = Publisher(kafka, "test")
        await publisher.start()
        for _ in range(4 * kafka.partitions):
            await publisher.publish(OTLP_SPANS, b"\xff no request", [])
        await publisher.stop(5)

    asyncio.run(publish_garbage())
    for number in range(2 * kafka.partitions):
        request = numbered_request(f"out-after-{number}", 0, 1)
        post_traces(interoperating.otlp_http_url, request.SerializeToString())
        assert_handed_on(behind, request)
