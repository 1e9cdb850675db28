"""What others may put into our topic: what cannot be stored is set aside, and nothing else lost."""

import time
from collections import Counter

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from e2e.collector.collectors import ON_KAFKA
from e2e.collector.topics import DEAD_LETTERS, read_topic
from e2e.collector.variants import ENCODING_HEADER, FrontPorts
from fleet import Fleet, post_traces, select, wait_until
from rak_libs.kafka.consumer import Record
from rak_libs.kafka.topics import OTLP_SPANS, DeadLetter
from rak_libs.model.time_window import DAY_NS
from traffic import numbered_request

pytestmark = ON_KAFKA

SPANS = 20
MESSAGES = {
    "otlp_json": 1,
    "jaeger_proto": SPANS,
    "jaeger_json": SPANS,
    "zipkin_proto": 1,
    "zipkin_json": 1,
}
"""Messages that an exporter makes of one request of `SPANS` spans, by its encoding."""
READABLE_TRACE_ID = b"\x1a\x0e" + b"t" * 14
"""To an OTLP parser, a Jaeger span with this trace id is a resource with a schema URL."""


def stored(started: Fleet, service: str) -> int:
    sql = f"SELECT count() FROM telemetry.spans WHERE service_name = '{service}'"
    ((count,),) = select(started, sql)
    return int(count)


def encoding_of(record: Record) -> str:
    """The encoding that an exporter of the tests was told to use; '' for what is ours."""
    return dict(record.headers).get(ENCODING_HEADER, b"").decode()


def position_of(record: Record) -> tuple[int, int]:
    return record.partition, record.offset


def described_by(letter: Record) -> DeadLetter:
    described = DeadLetter.from_headers(letter.headers)
    assert described is not None
    assert described.topic == OTLP_SPANS
    return described


def source_of(letter: Record) -> tuple[int, int]:
    return described_by(letter).partition, described_by(letter).offset


def test_wrong_encodings_are_set_aside_message_by_message(
    interoperating: Fleet, front: FrontPorts
) -> None:
    """Misconfigured exporters: each message is a dead letter as it was, its neighbours stored."""
    for encoding in MESSAGES:
        request = numbered_request("foreign", 0, SPANS)
        request.resource_spans[0].scope_spans[0].spans[0].trace_id = READABLE_TRACE_ID
        post_traces(front.url(encoding), request.SerializeToString())
        good = numbered_request("neighbour", 0, 10)
        post_traces(front.url("defaults"), good.SerializeToString())
    neighbours = 10 * len(MESSAGES)
    wait_until(lambda: stored(interoperating, "neighbour") == neighbours, "the neighbours")

    count = sum(MESSAGES.values())
    published = read_topic(interoperating, OTLP_SPANS, lambda each: bool(encoding_of(each)), count)
    assert Counter(map(encoding_of, published)) == MESSAGES
    encodings = {position_of(record): encoding_of(record) for record in published}
    letters = read_topic(
        interoperating, DEAD_LETTERS, lambda letter: source_of(letter) in encodings, count
    )
    values = {position_of(record): record.value for record in published}
    assert {source_of(letter): letter.value for letter in letters} == values
    for letter in letters:
        described = described_by(letter)
        assert described.reason == "undecodable"
        assert described.error_class in {"UndecodableMessage", "MessageWithoutSpans"}
    assert "jaeger_proto" in {
        encodings[source_of(letter)]
        for letter in letters
        if described_by(letter).error_class == "MessageWithoutSpans"
    }
    assert stored(interoperating, "foreign") == 0


def test_spans_that_a_receiver_would_refuse_are_set_aside_one_by_one(
    interoperating: Fleet, front: FrontPorts
) -> None:
    """A Collector checks neither times nor ids; what is good in the same message is stored."""
    now_ns = time.time_ns()
    request = numbered_request("refused-first", 0, 7)
    spans = request.resource_spans[0].scope_spans[0].spans
    spans[0].start_time_unix_nano = 0
    spans[1].start_time_unix_nano = now_ns - 200 * DAY_NS
    spans[2].start_time_unix_nano = now_ns + DAY_NS
    spans[3].start_time_unix_nano = 2**64 - 1
    spans[4].trace_id = b""
    spans[5].span_id = bytes(8)
    request.resource_spans.extend(numbered_request("refused-second", 0, 3).resource_spans)
    post_traces(front.url("defaults"), request.SerializeToString())
    wait_until(lambda: stored(interoperating, "refused-second") == 3, "the good ones are stored")
    assert stored(interoperating, "refused-first") == 1

    letters = read_topic(interoperating, DEAD_LETTERS, lambda each: b"refused-" in each.value, 6)
    assert len({source_of(letter) for letter in letters}) == 1
    numbers = {}
    for letter in letters:
        alone = ExportTraceServiceRequest.FromString(letter.value)
        assert alone.resource_spans[0].resource == request.resource_spans[0].resource
        (span,) = alone.resource_spans[0].scope_spans[0].spans
        numbers[described_by(letter).reason] = span.attributes[0].value.int_value
    assert numbers == {
        "time_zero": 0,
        "time_expired": 1,
        "time_future": 2,
        "time_overflow": 3,
        "trace_id": 4,
        "span_id": 5,
    }
