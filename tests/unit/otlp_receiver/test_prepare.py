from collections.abc import Callable

import pytest
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from rak_libs.otlp.errors import RequestTooLarge, UndecodableRequest
from rak_libs.otlp.otlp_json import request_to_json
from rak_services.otlp_receiver.encodings import Encoding
from rak_services.otlp_receiver.prepare import MAX_ITEMS, Prepared, prepare
from rak_services.otlp_receiver.signals import Signal, logs, metrics, traces

NOW = 1_800_000_000 * 1_000_000_000
TRACES = traces(30)
METRICS = metrics(90)
LOGS = logs(30)
MEBIBYTE = 1024 * 1024


def request_of(*names: str) -> ExportTraceServiceRequest:
    """Build a request of good spans; a name that starts with `bad` gets no trace id."""
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for name in names:
        spans.add(
            trace_id=b"" if name.startswith("bad") else b"t" * 16,
            span_id=b"s" * 8,
            name=name,
            start_time_unix_nano=NOW,
            end_time_unix_nano=NOW,
        )
    return request


def prepared(
    body: bytes,
    encoding: Encoding = Encoding.PROTOBUF,
    max_message_bytes: int = MEBIBYTE,
    signal: Signal = TRACES,
) -> Prepared:
    return prepare(signal, body, encoding, NOW, max_message_bytes)


def names_in(published: Prepared) -> list[str]:
    return [
        span.name
        for part in published.parts
        for group in ExportTraceServiceRequest.FromString(part.value).resource_spans
        for span in group.scope_spans[0].spans
    ]


def test_a_good_binary_request_is_published_byte_for_byte() -> None:
    # Fields in an order, and an unknown one, that no serialiser would write again.
    body = request_of("a").SerializeToString() + bytes([15 << 3 | 2, 3]) + b"new"
    body += request_of("b").SerializeToString()
    result = prepared(body)
    assert [part.value for part in result.parts] == [body]
    assert result.parts[0].value is body
    assert (result.accepted, result.rejected) == (2, {})


def test_json_is_published_as_the_same_request_in_protobuf() -> None:
    request = request_of("a", "b")
    result = prepared(request_to_json(request), Encoding.JSON)
    assert ExportTraceServiceRequest.FromString(result.parts[0].value) == request


@pytest.mark.parametrize("encoding", Encoding)
def test_what_is_rejected_is_left_out(encoding: Encoding) -> None:
    request = request_of("a", "bad", "b", "bad too")
    body = request.SerializeToString()
    if encoding is Encoding.JSON:
        body = request_to_json(request)
    result = prepared(body, encoding)
    assert names_in(result) == ["a", "b"]
    assert (result.accepted, result.rejected) == (2, {"trace_id": 2})
    assert [part.items for part in result.parts] == [2]


@pytest.mark.parametrize(("names", "rejected"), [([], {}), (["bad", "bad too"], {"trace_id": 2})])
def test_nothing_is_published_when_nothing_is_left(
    names: list[str], rejected: dict[str, int]
) -> None:
    result = prepared(request_of(*names).SerializeToString())
    assert (result.parts, result.accepted, result.rejected) == ([], 0, rejected)


def test_a_request_over_the_message_limit_is_split() -> None:
    names = [f"{number:0100}" for number in range(100)]
    result = prepared(request_of(*names).SerializeToString(), max_message_bytes=2000)
    assert len(result.parts) > 5
    assert names_in(result) == names
    assert result.accepted == sum(part.items for part in result.parts) == 100
    assert result.rejected == {}


def test_a_span_over_the_message_limit_is_rejected_alone() -> None:
    names = ["a", "x" * 3000, "b", "bad"]
    result = prepared(request_of(*names).SerializeToString(), max_message_bytes=2000)
    assert names_in(result) == ["a", "b"]
    assert (result.accepted, result.rejected) == (2, {"trace_id": 1, "too_large": 1})


def test_a_lone_span_over_the_message_limit_leaves_nothing_to_publish() -> None:
    result = prepared(request_of("x" * 3000).SerializeToString(), max_message_bytes=2000)
    assert (result.parts, result.accepted, result.rejected) == ([], 0, {"too_large": 1})


def test_a_flood_of_empty_spans_is_refused_before_it_becomes_objects() -> None:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.extend([Span()] * (MAX_ITEMS + 1))
    with pytest.raises(RequestTooLarge, match=f"{MAX_ITEMS} spans"):
        prepared(request.SerializeToString())


def test_rejected_spans_count_against_the_limit_in_json_too() -> None:
    spans = b",".join([b"{}"] * (MAX_ITEMS + 1))
    body = b'{"resourceSpans":[{"scopeSpans":[{"spans":[%b]}]}]}' % spans
    with pytest.raises(RequestTooLarge):
        prepared(body, Encoding.JSON)


@pytest.mark.parametrize("groups", [b"\x0a\x00", b"\x0a\x02\x12\x00"], ids=["resources", "scopes"])
def test_a_flood_of_empty_groups_is_refused(groups: bytes) -> None:
    with pytest.raises(RequestTooLarge, match="groups of them"):
        prepared(groups * (MAX_ITEMS + 1))


def test_a_flood_of_json_objects_is_refused_before_it_becomes_any() -> None:
    body = b'{"unknown":[' + b"{}," * (8 * MAX_ITEMS) + b"{}]}"
    with pytest.raises(RequestTooLarge, match="objects and arrays"):
        prepared(body, Encoding.JSON)


def test_braces_in_a_prompt_are_no_objects() -> None:
    request = request_of("a")
    spans = request.resource_spans[0].scope_spans[0].spans
    spans[0].attributes.add(key="prompt").value.string_value = '{"' * (9 * MAX_ITEMS)
    assert prepared(request_to_json(request), Encoding.JSON, 64 * MEBIBYTE).accepted == 1


def test_a_broken_outline_of_a_large_body_is_undecodable() -> None:
    with pytest.raises(UndecodableRequest):
        prepared(b"\x0a\xff\xff\xff\xff\x0f" + bytes(MAX_ITEMS * 2))


def points_of_one_metric(good: int, bad: int) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    points = request.resource_metrics.add().scope_metrics.add().metrics.add(name="m").gauge
    for number in range(good + bad):
        points.data_points.add(time_unix_nano=NOW if number < good else 0, as_int=number)
    return request


def records(good: int, bad: int) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add().scope_logs.add()
    for number in range(good + bad):
        group.log_records.add(time_unix_nano=NOW if number < good else 0, flags=number)
    return request


OTHER_SIGNALS = pytest.mark.parametrize(
    ("signal", "build"), [(METRICS, points_of_one_metric), (LOGS, records)], ids=["metrics", "logs"]
)


@OTHER_SIGNALS
@pytest.mark.parametrize("encoding", Encoding)
def test_every_signal_is_prepared_alike(
    signal: Signal, build: Callable[[int, int], Message], encoding: Encoding
) -> None:
    request = build(3, 2)
    body = request.SerializeToString()
    if encoding is Encoding.JSON:
        body = request_to_json(request)
    result = prepared(body, encoding, signal=signal)
    assert (result.accepted, result.rejected) == (3, {"time_zero": 2})
    assert [part.value for part in result.parts] == [build(3, 0).SerializeToString()]


@OTHER_SIGNALS
def test_every_signal_is_split_alike(signal: Signal, build: Callable[[int, int], Message]) -> None:
    result = prepared(build(500, 1).SerializeToString(), max_message_bytes=2000, signal=signal)
    assert len(result.parts) > 3
    assert sum(part.items for part in result.parts) == result.accepted == 500
    assert result.rejected == {"time_zero": 1}


@OTHER_SIGNALS
def test_every_signal_has_a_limit_of_items(
    signal: Signal, build: Callable[[int, int], Message]
) -> None:
    with pytest.raises(RequestTooLarge, match=f"{MAX_ITEMS} {signal.kind.items}"):
        prepared(build(0, MAX_ITEMS + 1).SerializeToString(), signal=signal)


def test_metrics_that_cannot_be_read_are_told_when_there_is_nothing_else() -> None:
    request = ExportMetricsServiceRequest()
    request.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
    result = prepared(request.SerializeToString(), signal=METRICS)
    assert (result.parts, result.warnings) == ([], {"metric_data": 1})
