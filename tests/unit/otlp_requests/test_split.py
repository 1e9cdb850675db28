from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_generation import hostile_requests
from rak_libs.otlp.errors import UndecodableRequest
from rak_libs.otlp.split import split_request
from rak_libs.otlp.wire import ITEMS_OF_SCOPES, count_items, count_outline, outline_at_most

Placed = tuple[bytes, bytes, bytes]


def placed_spans(request: ExportTraceServiceRequest) -> list[Placed]:
    """Every span with everything that its resource's and its scope's group say about it."""
    placed = []
    for resource_spans in request.resource_spans:
        resource = frame(resource_spans, "scope_spans")
        for scope_spans in resource_spans.scope_spans:
            scope = frame(scope_spans, "spans")
            placed += [(resource, scope, span.SerializeToString()) for span in scope_spans.spans]
    return placed


def frame(group: Message, children: str) -> bytes:
    copied = type(group)()
    copied.CopyFrom(group)
    copied.ClearField(children)
    return copied.SerializeToString(deterministic=True)


@given(hostile_requests(), st.integers(0, 400))
def test_parts_put_together_are_the_request(
    request_: ExportTraceServiceRequest, max_bytes: int
) -> None:
    body = request_.SerializeToString()
    split = split_request(body, max_bytes, ITEMS_OF_SCOPES)
    parts = [ExportTraceServiceRequest.FromString(part.value) for part in split.parts]
    together = [placed for part in parts for placed in placed_spans(part)]
    missing = list(placed_spans(request_))
    for placed in together:
        while missing and missing[0] != placed:
            split.rejected -= 1
            missing.pop(0)
        assert missing, "a span that was not in the request, or out of order"
        missing.pop(0)
    assert split.rejected == len(missing)
    for part, parsed in zip(split.parts, parts, strict=True):
        assert len(part.value) <= max_bytes
        assert part.items == len(placed_spans(parsed))
        assert part.items or part.value == body, "a part that holds nothing"


@given(hostile_requests())
def test_a_request_that_fits_is_one_part_byte_for_byte(request_: ExportTraceServiceRequest) -> None:
    body = request_.SerializeToString()
    split = split_request(body, len(body), ITEMS_OF_SCOPES)
    assert [part.value for part in split.parts] == [body]
    assert split.rejected == 0


def test_only_the_span_that_fits_nowhere_is_rejected() -> None:
    request = ExportTraceServiceRequest()
    scope_spans = request.resource_spans.add().scope_spans.add()
    scope_spans.spans.extend([Span(name="a"), Span(name="x" * 1000), Span(name="b")])
    split = split_request(request.SerializeToString(), 100, ITEMS_OF_SCOPES)
    assert split.rejected == 1
    assert sum(part.items for part in split.parts) == 2


def test_parts_are_filled() -> None:
    """10,000 spans of 100 bytes make a part for each 100,000 bytes or so, not thousands."""
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    spans.extend(Span(name=f"{number:0100}") for number in range(10_000))
    body = request.SerializeToString()
    assert len(split_request(body, 100_000, ITEMS_OF_SCOPES).parts) == -(-len(body) // 100_000)


def test_fields_that_this_version_does_not_know_stay_with_their_group() -> None:
    unknown = bytes([15 << 3 | 2, 3]) + b"new"
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.scope_spans.add().spans.extend([Span(name="a" * 50), Span(name="b" * 50)])
    resource_spans.MergeFromString(unknown)
    resource_spans.scope_spans[0].MergeFromString(unknown)
    split = split_request(request.SerializeToString(), 90, ITEMS_OF_SCOPES)
    assert [part.items for part in split.parts] == [1, 1]
    assert [part.value.count(b"new") for part in split.parts] == [2, 2]


def test_every_signal_is_split_alike() -> None:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for number in range(100):
        records.add(severity_text=f"{number:020}")
    split = split_request(request.SerializeToString(), 500, ITEMS_OF_SCOPES)
    texts = [
        record.severity_text
        for part in split.parts
        for record in ExportLogsServiceRequest.FromString(part.value)
        .resource_logs[0]
        .scope_logs[0]
        .log_records
    ]
    assert texts == [f"{number:020}" for number in range(100)]


@given(hostile_requests())
def test_items_are_counted_without_parsing(request_: ExportTraceServiceRequest) -> None:
    body = request_.SerializeToString()
    items = len(placed_spans(request_))
    assert count_items(body, 0, len(body), ITEMS_OF_SCOPES) == items
    scopes = sum(len(resource_spans.scope_spans) for resource_spans in request_.resource_spans)
    outline = len(request_.resource_spans) + scopes + items
    assert count_outline(body, ITEMS_OF_SCOPES, 10**9) == outline
    assert outline_at_most(body, ITEMS_OF_SCOPES) >= outline
    assert outline == 0 or count_outline(body, ITEMS_OF_SCOPES, outline - 1) == outline


@given(st.binary(max_size=100))
def test_arbitrary_bytes_are_counted_or_refused(body: bytes) -> None:
    """What protobuf parses is counted as it parses it."""
    try:
        counted = count_items(body, 0, len(body), ITEMS_OF_SCOPES)
    except UndecodableRequest:
        counted = None
    try:
        parsed = ExportTraceServiceRequest.FromString(body)
    except Exception:  # noqa: BLE001 - whatever makes it no request
        return
    assert counted == len(placed_spans(parsed))
