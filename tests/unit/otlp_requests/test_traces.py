import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_generation import hostile_requests
from rak_libs.model.time_window import DAY_NS, TimeWindow, reject_reason, time_window
from rak_libs.otlp.errors import UndecodableRequest
from rak_libs.otlp.item_kind import check_request
from rak_libs.otlp.parse import request_from_protobuf
from rak_libs.otlp.traces import TRACE_SPANS

NOW = 1_800_000_000 * 1_000_000_000
WINDOW = time_window(30, NOW)
TRACE_ID = bytes(range(16))
SPAN_ID = bytes(range(8))

STARTS = st.sampled_from(
    [0, 1, NOW - 40 * DAY_NS, NOW - DAY_NS, NOW, NOW + DAY_NS, 2**63, 2**64 - 1]
)


def good_span(**fields: object) -> Span:
    values = {
        "trace_id": TRACE_ID,
        "span_id": SPAN_ID,
        "start_time_unix_nano": NOW,
        "end_time_unix_nano": NOW + 1,
    }
    return Span(**(values | fields))


def request_of(*spans: Span) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.extend(spans)
    return request


def spans_of(request: ExportTraceServiceRequest) -> list[Span]:
    return [
        span
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


GOOD_LINK = Span.Link(trace_id=TRACE_ID, span_id=SPAN_ID)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"trace_id": b""}, "trace_id"),
        ({"trace_id": bytes(16)}, "trace_id"),
        ({"trace_id": TRACE_ID[:15]}, "trace_id"),
        ({"trace_id": TRACE_ID + b"x"}, "trace_id"),
        ({"span_id": b""}, "span_id"),
        ({"span_id": bytes(8)}, "span_id"),
        ({"span_id": SPAN_ID + b"x"}, "span_id"),
        ({"parent_span_id": b"x"}, "parent_span_id"),
        ({"parent_span_id": TRACE_ID}, "parent_span_id"),
        ({"links": [GOOD_LINK, Span.Link(trace_id=SPAN_ID, span_id=SPAN_ID)]}, "link_id"),
        ({"links": [Span.Link(trace_id=TRACE_ID, span_id=b"x"), GOOD_LINK]}, "link_id"),
        ({"start_time_unix_nano": 0}, "time_zero"),
        ({"start_time_unix_nano": 2**64 - 1}, "time_overflow"),
        ({"start_time_unix_nano": NOW + DAY_NS}, "time_future"),
        ({"start_time_unix_nano": NOW - 200 * DAY_NS}, "time_expired"),
        # One reason a span: the first that applies.
        ({"trace_id": b"", "span_id": b"", "start_time_unix_nano": 0}, "trace_id"),
    ],
)
def test_a_bad_span_is_removed_and_counted_and_its_neighbours_stay(
    fields: dict[str, object], reason: str
) -> None:
    first, last = good_span(name="first"), good_span(name="last")
    request = request_of(first, good_span(**fields), last)
    verdict = check_request(request, WINDOW, TRACE_SPANS)
    assert (verdict.accepted, verdict.rejected, verdict.changed) == (2, {reason: 1}, True)
    assert spans_of(request) == [first, last]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"parent_span_id": SPAN_ID},
        {"links": [GOOD_LINK, Span.Link(), Span.Link(trace_id=bytes(16), span_id=bytes(8))]},
        {"start_time_unix_nano": WINDOW.oldest_ns},
        {"start_time_unix_nano": WINDOW.newest_ns, "end_time_unix_nano": 2**64 - 1},
    ],
)
def test_a_good_span_leaves_the_request_unchanged(fields: dict[str, object]) -> None:
    request = request_of(good_span(**fields))
    before = request.SerializeToString()
    verdict = check_request(request, WINDOW, TRACE_SPANS)
    assert (verdict.accepted, verdict.rejected, verdict.warnings) == (1, {}, {})
    assert not verdict.changed
    assert request.SerializeToString() == before


def test_a_span_that_ends_before_it_starts_is_kept_and_counted() -> None:
    request = request_of(good_span(end_time_unix_nano=NOW - 1), good_span(), good_span())
    verdict = check_request(request, WINDOW, TRACE_SPANS)
    assert (verdict.accepted, verdict.rejected) == (3, {})
    assert verdict.warnings == {"end_before_start": 1}
    assert not verdict.changed


def test_a_request_without_spans_is_fine() -> None:
    verdict = check_request(ExportTraceServiceRequest(), WINDOW, TRACE_SPANS)
    assert (verdict.accepted, verdict.rejected, verdict.changed) == (0, {}, False)


def naively_good(span: Span, window: TimeWindow) -> bool:
    """The rule, written a second time without any thought of speed."""
    return (
        len(span.trace_id) == 16
        and any(span.trace_id)
        and len(span.span_id) == 8
        and any(span.span_id)
        and len(span.parent_span_id) in {0, 8}
        and all(
            len(link.trace_id) in {0, 16} and len(link.span_id) in {0, 8} for link in span.links
        )
        and reject_reason(span.start_time_unix_nano, window) is None
    )


@given(hostile_requests(STARTS))
def test_exactly_the_good_spans_remain_in_their_order(request_: ExportTraceServiceRequest) -> None:
    before = spans_of(request_)
    expected = [span for span in before if naively_good(span, WINDOW)]
    shape = [(r.resource, [s.scope for s in r.scope_spans]) for r in request_.resource_spans]
    copied = ExportTraceServiceRequest.FromString(request_.SerializeToString())
    verdict = check_request(copied, WINDOW, TRACE_SPANS)
    assert spans_of(copied) == expected
    assert verdict.accepted == len(expected)
    assert sum(verdict.rejected.values()) == len(before) - len(expected)
    assert [(r.resource, [s.scope for s in r.scope_spans]) for r in copied.resource_spans] == shape
    # What was kept survives its own serialisation: no memory of removed spans is left behind.
    assert spans_of(ExportTraceServiceRequest.FromString(copied.SerializeToString())) == expected


@given(st.binary(max_size=200))
def test_arbitrary_bytes_parse_or_are_refused(body: bytes) -> None:
    try:
        request = request_from_protobuf(body, ExportTraceServiceRequest)
    except UndecodableRequest:
        return
    verdict = check_request(request, WINDOW, TRACE_SPANS)
    assert len(spans_of(request)) == verdict.accepted


def test_text_that_is_not_utf8_is_refused() -> None:
    broken = request_of(good_span(name="name")).SerializeToString().replace(b"name", b"na\xff\xfe")
    with pytest.raises(UndecodableRequest):
        request_from_protobuf(broken, ExportTraceServiceRequest)
