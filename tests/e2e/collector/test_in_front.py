"""What agents send to a Collector in front is stored as if they had sent it to us."""

import copy
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from e2e.collector.collectors import CONFIGURATIONS, ON_KAFKA, as_relayed, collector
from e2e.collector.topics import codecs_on_disk, keep_compression, read_topic
from e2e.collector.variants import COMPRESSIONS, TENANT, FrontPorts
from fleet import Fleet, free_port, post_traces, select, wait_until
from rak_libs.kafka.topics import OTLP_SPANS, Envelope
from round_trips import spans_of, with_fresh_ids
from traffic import numbered_request


def quoted(texts: Collection[str]) -> str:
    """A list of SQL."""
    return ", ".join(f"'{text}'" for text in texts)


def stored_rows(started: Fleet, trace_ids: Collection[str]) -> dict[str, list[str]]:
    """Spans by trace id: every column but those that two sendings cannot share, as text."""
    columns = "trace_id, * EXCEPT (trace_id, ingested_at, _batch)"
    where = f"trace_id IN ({quoted(trace_ids)})"
    sql = f"SELECT {columns} FROM telemetry.spans WHERE {where} ORDER BY span_id"
    found = defaultdict(list)
    for trace_id, *values in select(started, sql):
        # As text, since NaN is not equal to itself.
        found[trace_id].append(repr(values))
    return found


def wait_stored(started: Fleet, where: str, count: int) -> None:
    sql = f"SELECT count() FROM telemetry.spans WHERE {where}"
    wait_until(lambda: select(started, sql) == [(count,)], f"{count} spans where {where}")


def test_either_way_the_rows_are_the_same(
    interoperating: Fleet, front: FrontPorts, drawn: list[ExportTraceServiceRequest]
) -> None:
    """Anything a client may send, every value of every column."""
    pairs: dict[str, str] = {}
    spans = 0
    for number, request in enumerate(drawn):
        direct, relayed = as_relayed(request), copy.deepcopy(request)
        trace_id = with_fresh_ids(direct, 2 * number)
        relayed_id = with_fresh_ids(relayed, 2 * number + 1)
        post_traces(interoperating.otlp_http_url, direct.SerializeToString())
        post_traces(front.url("defaults"), relayed.SerializeToString())
        pairs[trace_id] = relayed_id
        spans += 2 * len(spans_of(request))
    trace_ids = [*pairs, *pairs.values()]
    wait_stored(interoperating, f"trace_id IN ({quoted(trace_ids)})", spans)
    found = stored_rows(interoperating, trace_ids)
    assert {key: found[key] for key in pairs} == {key: found[value] for key, value in pairs.items()}


def test_an_sdk_reaches_us_through_a_collector(interoperating: Fleet, front: FrontPorts) -> None:
    """OTLP over gRPC into deploy/collector/in-front.yaml, as it is."""
    provider = TracerProvider()
    exporter = OTLPSpanExporter(endpoint=f"http://127.0.0.1:{front.grpc}", insecure=True)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    span = provider.get_tracer("scope").start_span(
        "relayed", attributes={"big": 2**62, "no": False}
    )
    span.end()
    provider.shutdown()
    trace_id = f"{span.get_span_context().trace_id:032x}"
    wait_stored(interoperating, f"trace_id = '{trace_id}'", 1)
    columns = "span_name, attributes_int['big'], attributes_bool['no'], scope_name"
    sql = f"SELECT {columns} FROM telemetry.spans WHERE trace_id = '{trace_id}'"
    assert select(interoperating, sql) == [("relayed", 2**62, False, "scope")]


def test_every_compression_is_read(interoperating: Fleet, front: FrontPorts) -> None:
    """Also from a topic that does not compress by itself, as ours do."""
    on_kafka = interoperating.config.local.broker == "kafka"
    if on_kafka:
        keep_compression(interoperating)
    for codec in COMPRESSIONS:
        request = numbered_request(f"in-{codec}", 0, 200)
        post_traces(front.url(codec), request.SerializeToString())
    for codec in COMPRESSIONS:
        wait_stored(interoperating, f"service_name = 'in-{codec}'", 200)
    if on_kafka:
        assert codecs_on_disk(interoperating) == set(COMPRESSIONS)


def test_a_request_larger_than_a_message_is_divided_by_the_collector(
    interoperating: Fleet, front: FrontPorts
) -> None:
    """20 MB in one request: the exporter by itself refuses it, so its queue divides it."""
    request = numbered_request("in-large", 0, 200, padding="x" * 100_000)
    with pytest.raises(urllib.error.HTTPError) as refused:
        post_traces(front.url("defaults"), request.SerializeToString())
    assert refused.value.code == 500  # which no agent repeats
    refused.value.close()
    post_traces(front.url(), request.SerializeToString())
    wait_stored(interoperating, "service_name = 'in-large'", 200)


def test_keys_and_headers_of_others_change_nothing(
    interoperating: Fleet, front: FrontPorts
) -> None:
    """Messages by trace id, with headers of a Collector's own and one that spoils ours."""
    keyed = numbered_request("in-keyed", 0, 200)  # four traces
    post_traces(front.url("keyed"), keyed.SerializeToString())
    other = numbered_request("in-headers", 0, 10)
    post_traces(front.url("headers"), other.SerializeToString(), **{TENANT: "acme"})
    wait_stored(interoperating, "service_name = 'in-keyed'", 200)
    wait_stored(interoperating, "service_name = 'in-headers'", 10)


@ON_KAFKA
def test_without_our_headers_the_time_of_ingestion_is_the_messages_own(
    interoperating: Fleet, front: FrontPorts
) -> None:
    """Nobody says when a Collector received something; the record's timestamp is what there is."""
    request = numbered_request("in-timed", 0, 1)
    post_traces(front.url("headers"), request.SerializeToString(), **{TENANT: "timed"})
    (record,) = read_topic(
        interoperating, OTLP_SPANS, lambda each: (TENANT, b"timed") in each.headers, 1
    )
    assert Envelope.from_headers(record.headers) is None
    wait_stored(interoperating, "service_name = 'in-timed'", 1)
    sql = "SELECT toUnixTimestamp64Milli(ingested_at) FROM telemetry.spans"
    assert select(interoperating, f"{sql} WHERE service_name = 'in-timed'") == [
        (record.timestamp_ms,)
    ]


def test_while_kafka_is_away_agents_are_told_to_repeat(tmp_path: Path) -> None:
    """The answer is 503: nothing waits in a Collector's memory that an agent believes is safe."""
    ports = FrontPorts()
    at_once = tmp_path / "at-once.json"
    at_once.write_text('{"exporters": {"kafka": {"timeout": "500ms"}}}')
    environ = {"KAFKA_BROKERS": f"127.0.0.1:{free_port()}", **ports.environ}
    configurations = [CONFIGURATIONS / "in-front.yaml", at_once]
    with collector("brokerless", configurations, tmp_path, environ) as service:
        service.wait_listening(ports.http)
        body = numbered_request("in-vain", 0, 3).SerializeToString()
        request = urllib.request.Request(ports.url(), data=body, method="POST")
        request.add_header("Content-Type", "application/x-protobuf")
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=60)
        assert refused.value.code == 503
        refused.value.close()
