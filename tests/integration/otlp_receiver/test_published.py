"""What the broker holds after a request was acknowledged."""

import gzip
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from integration.otlp_receiver.agents import (
    JSON,
    Published,
    Receiver,
    receiver_on,
    receiver_with_broker,
    request_of,
    span_names,
)
from rak_libs.kafka.topics import ENVELOPE_VERSION
from rak_libs.otlp.otlp_json import request_to_json


@pytest.fixture(scope="module", params=["embedded", "kafka"])
def receiver(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Receiver]:
    """A receiver on either broker."""
    folder = tmp_path_factory.mktemp("receiver")
    if request.param == "kafka":
        running = receiver_on(request.getfixturevalue("shared_kafka"), folder)
    else:
        running = receiver_with_broker(folder)
    with running as receiver:
        yield receiver


def published_with(receiver: Receiver, name: str) -> list[Published]:
    """Return the records that hold a span of that name."""
    return [each for each in receiver.published() if name in span_names(each.request)]


@pytest.mark.parametrize("transport", ["grpc", "grpc gzip", "http", "http gzip"])
def test_a_good_binary_request_is_published_byte_for_byte(
    receiver: Receiver, transport: str
) -> None:
    name = f"identical over {transport}"
    # An unknown field at the front: a serialiser would write it at the end.
    body = bytes([15 << 3 | 2, 3]) + b"new" + request_of(name, "other").SerializeToString()
    before = time.time_ns()
    if transport.startswith("grpc"):
        gzipped = transport == "grpc gzip"
        algorithm = grpc.Compression.Gzip if gzipped else grpc.Compression.NoCompression
        receiver.export(body, compression=algorithm)
    elif transport == "http":
        assert receiver.post(body).status == 200
    else:
        members = gzip.compress(body[:20]) + gzip.compress(body[20:])
        assert receiver.post(members, content_encoding="gzip").status == 200
    (record,) = published_with(receiver, name)
    assert record.value == body
    envelope = record.envelope
    assert before <= envelope.received_ns <= time.time_ns()
    assert envelope.principal == "anonymous"
    assert (envelope.accepted, envelope.rejected) == (2, 0)
    assert len(envelope.boot) == 32
    assert envelope.version == ENVELOPE_VERSION


def test_json_is_published_as_protobuf(receiver: Receiver) -> None:
    request = request_of("from json")
    assert receiver.post(request_to_json(request), JSON).status == 200
    (record,) = published_with(receiver, "from json")
    assert record.request == request


def test_what_is_rejected_is_not_published(receiver: Receiver) -> None:
    request = request_of("kept", "bad", "kept too")
    assert receiver.post(request.SerializeToString()).response.partial_success.rejected_spans == 1
    (record,) = published_with(receiver, "kept")
    assert span_names(record.request) == ["kept", "kept too"]
    assert (record.envelope.accepted, record.envelope.rejected) == (2, 1)


def test_a_request_of_which_nothing_is_left_is_not_published(receiver: Receiver) -> None:
    records = len(receiver.published())
    assert receiver.post(request_of("bad").SerializeToString()).status == 200
    assert receiver.post(request_of().SerializeToString()).status == 200
    assert len(receiver.published()) == records


def test_requests_are_counted(receiver: Receiver) -> None:
    series = {
        'ingest_spans_received_total{transport="http"}': 3,
        'ingest_spans_rejected_total{reason="trace_id"}': 1,
        'ingest_spans_adjusted_total{reason="end_before_start"}': 1,
        'ingest_requests_total{outcome="partly_rejected",signal="spans",transport="http"}': 1,
        'ingest_requests_total{outcome="refused",signal="spans",transport="http"}': 1,
    }
    before = {name: receiver.metric(name) for name in series}
    request = request_of("a", "bad", "b")
    request.resource_spans[0].scope_spans[0].spans[0].end_time_unix_nano = 1
    receiver.post(request.SerializeToString())
    receiver.post(b"\xff")
    assert {name: receiver.metric(name) - before[name] for name in series} == series
    assert receiver.metric('ingest_buffer_size{signal="all"}') == 0


def test_a_request_over_the_message_limit_is_published_in_parts(tmp_path: Path) -> None:
    names = [f"split {number}" for number in range(500)]
    request = request_of(*names, "bad", padding="x" * 1000)
    request.resource_spans[0].scope_spans[0].spans[7].name = "y" * 80_000
    limits = {"max_message_bytes": 64 * 1024}
    with receiver_with_broker(tmp_path, kafka=limits) as receiver:
        partial = receiver.post(request.SerializeToString()).response.partial_success
        records = receiver.published()
    assert partial.rejected_spans == 2
    assert "1 too_large" in partial.error_message
    assert len(records) > 5
    assert all(len(record.value) < 64 * 1024 for record in records)
    found = [name for record in records for name in span_names(record.request)]
    assert sorted(found) == sorted(set(names) - {"split 7"})
    assert sum(record.envelope.accepted for record in records) == 499
    assert sum(record.envelope.rejected for record in records) == 2
