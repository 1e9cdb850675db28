"""Bodies that never end, break off or do not fit: the ASGI application without a socket."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from rak_libs.kafka.account import Account
from rak_libs.kafka.publisher import Publisher
from rak_libs.receiving.admission import Admission
from rak_libs.runtime.boot import Boot
from rak_libs.runtime.settings import KafkaSettings
from rak_services.otlp_receiver.export import Exporter
from rak_services.otlp_receiver.http_app import OtlpHttpApp
from rak_services.otlp_receiver.signals import traces

MEBIBYTE = 1024 * 1024
PROTOBUF = [(b"content-type", b"application/x-protobuf")]

Message = dict[str, Any]


@pytest.fixture
def exporter() -> Iterator[Exporter]:
    """An exporter whose publisher was never started, which is a defect of ours when it is used."""
    with ThreadPoolExecutor(1) as threads:
        publisher = Publisher(KafkaSettings(), "test")
        yield Exporter(traces(30), publisher, threads, MEBIBYTE, Account(Boot.now()))


async def converse(app: OtlpHttpApp, messages: list[Message]) -> list[Message]:
    """Hand the messages to the application, then nothing more; return what it sent."""
    sent: list[Message] = []
    incoming = iter(messages)

    async def receive() -> Message:
        message = next(incoming, None)
        if message is None:
            await asyncio.Event().wait()
            raise AssertionError("never set")
        return message

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "path": "/v1/traces", "method": "POST", "headers": PROTOBUF}
    async with asyncio.timeout(10):
        await app(scope, receive, send)
    return sent


def chunk(body: bytes, *, more_body: bool) -> Message:
    return {"type": "http.request", "body": body, "more_body": more_body}


def test_a_body_that_does_not_end_in_time_is_refused_for_now(
    exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rak_libs.receiving.http_body._DISCARD_SECONDS", 0.01)
    admission = Admission(MEBIBYTE)
    app = OtlpHttpApp([exporter], admission, MEBIBYTE, 5, body_seconds=0.01)
    start, body, end = asyncio.run(converse(app, [chunk(b"abc", more_body=True)]))
    assert start["status"] == 503
    assert b"retry-after" in dict(start["headers"])
    assert body["more_body"] is True
    assert not end.get("more_body", False)
    assert (admission.in_flight, admission.used_bytes) == (0, 0)


def test_a_client_that_leaves_gets_no_answer(exporter: Exporter) -> None:
    admission = Admission(MEBIBYTE)
    app = OtlpHttpApp([exporter], admission, MEBIBYTE, 5)
    leaving = [chunk(b"abc", more_body=True), {"type": "http.disconnect"}]
    assert asyncio.run(converse(app, leaving)) == []
    assert (admission.in_flight, admission.used_bytes) == (0, 0)


def test_a_body_is_charged_while_it_arrives(exporter: Exporter) -> None:
    admission = Admission(MEBIBYTE)
    app = OtlpHttpApp([exporter], admission, 10 * MEBIBYTE, 5)
    half = bytes(MEBIBYTE // 2)
    with admission.enter() as other:
        other.charge(MEBIBYTE // 4)
        pieces = [chunk(half, more_body=True), chunk(half, more_body=False)]
        start, *_ = asyncio.run(converse(app, pieces))
    assert start["status"] == 503


def test_what_is_left_of_a_refused_body_passes_by(exporter: Exporter) -> None:
    app = OtlpHttpApp([exporter], Admission(MEBIBYTE), 10, 5)
    pieces = [chunk(b"x" * 11, more_body=True)] * 5 + [chunk(b"x", more_body=False)]
    start, _, end = asyncio.run(converse(app, pieces))
    assert start["status"] == 413
    assert not end.get("more_body", False)


def test_a_defect_of_ours_is_answered_without_its_details(exporter: Exporter) -> None:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(
        trace_id=b"t" * 16, span_id=b"s" * 8, start_time_unix_nano=time.time_ns()
    )
    app = OtlpHttpApp([exporter], Admission(MEBIBYTE), MEBIBYTE, 5)
    pieces = [chunk(request.SerializeToString(), more_body=False)]
    start, body, _ = asyncio.run(converse(app, pieces))
    assert start["status"] == 500
    assert b"publisher" not in body["body"]
