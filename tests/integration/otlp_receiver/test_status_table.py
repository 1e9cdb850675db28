"""Every row of the table of answers (docs/otlp.md), from the receiver's own sockets."""

import asyncio
import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from fleet import Ports, fleet_config, http_status, wait_until
from integration.otlp_receiver.agents import (
    PROTOBUF,
    Receiver,
    another_receiver,
    held,
    request_of,
    standing_still,
)
from integration.otlp_receiver.conftest import MAX_REQUEST_BYTES
from integration.otlp_receiver.outcomes import CODE, TRANSPORTS, Outcome, send
from rak_libs.kafka.account import Account
from rak_libs.kafka.publisher import Publisher
from rak_libs.receiving.admission import Admission
from rak_libs.runtime.boot import Boot
from rak_libs.runtime.resident_memory import MemoryCeiling
from rak_libs.runtime.serving import bind, serve_asgi
from rak_services.otlp_receiver.export import Exporter
from rak_services.otlp_receiver.grpc_body import CallBodies
from rak_services.otlp_receiver.grpc_server import OtlpGrpcServer
from rak_services.otlp_receiver.http_app import OtlpHttpApp
from rak_services.otlp_receiver.prepare import MAX_ITEMS
from rak_services.otlp_receiver.signals import traces

transports = pytest.mark.parametrize("transport", TRANSPORTS)


def backwards() -> ExportTraceServiceRequest:
    """Build a request whose second span ends before it starts."""
    request = request_of("forwards", "backwards")
    request.resource_spans[0].scope_spans[0].spans[1].end_time_unix_nano = 1
    return request


def badly_related() -> ExportTraceServiceRequest:
    """Build a request of a good span, one with a wrong parent id and one with a wrong link."""
    request = request_of("good", "child", "linked")
    spans = request.resource_spans[0].scope_spans[0].spans
    spans[1].parent_span_id = b"short"
    spans[2].links.add(trace_id=spans[2].trace_id, span_id=b"longer than it should be")
    return request


def nested(depth: int) -> bytes:
    """Build a request with an array in an array and so on, as no protobuf library would write."""
    value = b""
    for _ in range(depth):
        array = _field(1, value)
        value = _field(5, array)
    attribute = _field(1, b"deep") + _field(2, value)
    return _field(1, _field(1, _field(1, attribute)))


def _field(number: int, payload: bytes) -> bytes:
    size = len(payload)
    assert size < 2**14
    return bytes([number << 3 | 2, size & 0x7F | 0x80, size >> 7]) + payload


def of_empty_spans(number: int) -> ExportTraceServiceRequest:
    request = request_of()
    spans = request.resource_spans[0].scope_spans[0].spans
    for _ in range(number):
        spans.add()
    return request


@dataclass(frozen=True)
class Taken:
    """A request that is answered OK, with what `partial_success` says."""

    request: ExportTraceServiceRequest
    rejected: int = 0
    says: str = ""


TAKEN = {
    "accepted": Taken(request_of("a", "b")),
    "accepted, no spans in it": Taken(request_of()),
    "part rejected": Taken(
        request_of("a", "bad", "b", "bad"), 2, r"rejected 2 of 4 spans: 2 trace_id \([^)]+\)"
    ),
    "relatives rejected": Taken(
        badly_related(),
        2,
        r"rejected 2 of 3 spans: 1 link_id \([^)]+\); 1 parent_span_id \([^)]+\)",
    ),
    "all rejected": Taken(request_of("bad"), 1, r"rejected 1 of 1 spans: 1 trace_id \([^)]+\)"),
    "accepted with a warning": Taken(
        backwards(), 0, r"changed 1 spans: 1 end_before_start \([^)]+\)"
    ),
}


@transports
@pytest.mark.parametrize("case", TAKEN)
def test_what_is_taken_is_not_to_be_sent_again(
    receiver: Receiver, transport: str, case: str
) -> None:
    expected = TAKEN[case]
    outcome = send(receiver, transport, expected.request)
    assert outcome.code is CODE.OK
    assert outcome.response is not None
    partial = outcome.response.partial_success
    assert outcome.response.HasField("partial_success") == bool(expected.says)
    assert partial.rejected_spans == expected.rejected
    assert re.fullmatch(expected.says, partial.error_message)


@transports
def test_a_body_of_no_bytes_is_an_empty_request_where_that_is_its_encoding(
    receiver: Receiver, transport: str
) -> None:
    outcome = send(receiver, transport, b"")
    if "json" in transport:
        outcome.assert_refused(CODE.INVALID_ARGUMENT, 400)
    else:
        assert outcome.response == ExportTraceServiceResponse()


@dataclass(frozen=True)
class Refused:
    """A request that must not be sent again."""

    request: Message | bytes
    code: CODE
    http_status: int


REFUSED = {
    "undecodable": Refused(b"\xffthis is no request", CODE.INVALID_ARGUMENT, 400),
    "text that is no UTF-8": Refused(
        request_of("a").SerializeToString().replace(b"tested", b"test\xff\xfe"),
        CODE.INVALID_ARGUMENT,
        400,
    ),
    "values nested too deeply": Refused(nested(500), CODE.INVALID_ARGUMENT, 400),
    "too large, compressed or not": Refused(
        request_of("a", padding="x" * MAX_REQUEST_BYTES), CODE.RESOURCE_EXHAUSTED, 413
    ),
    "too many items": Refused(of_empty_spans(MAX_ITEMS + 1), CODE.RESOURCE_EXHAUSTED, 413),
}


@transports
@pytest.mark.parametrize("case", REFUSED)
def test_what_can_never_be_taken_is_refused_for_good(
    receiver: Receiver, transport: str, case: str
) -> None:
    expected = REFUSED[case]
    send(receiver, transport, expected.request).assert_refused(expected.code, expected.http_status)


@pytest.fixture(scope="module")
def frail(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """A receiver of little memory and patience that takes long to say goodbye."""
    sections = {
        "receiver": {
            "max_request_bytes": MAX_REQUEST_BYTES,
            "memory_budget_bytes": 2 * MAX_REQUEST_BYTES,
            "retry_after_seconds": 7,
            "drain_notice_seconds": 20,
        },
        "kafka": {"publish_timeout_seconds": 0.5},
        "server": {"shutdown_timeout_seconds": 60},
    }
    folder = tmp_path_factory.mktemp("frail")
    with another_receiver(receiver, folder, **sections) as running:
        yield running
        running.service.kill()


@contextlib.contextmanager
def crowded(receiver: Receiver) -> Iterator[None]:
    """Have a body inside that is most of the budget and never complete."""
    port = receiver.config.server.otlp_http_port
    size = MAX_REQUEST_BYTES
    head = f"POST /v1/traces HTTP/1.1\r\nHost: h\r\nContent-Type: {PROTOBUF}\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as slow:
        slow.sendall(f"{head}Content-Length: {size}\r\n\r\n".encode() + bytes(size - 1))
        gauge = 'ingest_buffer_size{signal="all"}'
        wait_until(lambda: receiver.metric(gauge) >= size - 1, "the body is charged")
        yield
    wait_until(lambda: receiver.hold_state()["in_flight"] == 0, "the body is given up")


@contextlib.contextmanager
def without_a_broker(receiver: Receiver) -> Iterator[None]:
    with standing_still(receiver.broker):
        yield


@contextlib.contextmanager
def draining(receiver: Receiver) -> Iterator[None]:
    """Tell the receiver to stop, for good."""
    receiver.service.process.terminate()
    ready = f"{receiver.admin_url}/readyz"
    wait_until(lambda: http_status(ready) == 503, "the receiver is not ready")
    yield


@dataclass(frozen=True)
class NotNow:
    """A state of the receiver in which everything is to be sent again later."""

    state: Callable[[Receiver], AbstractContextManager[None]]
    says: str
    padding: int = 10


NOT_NOW = {
    "held by an operator": NotNow(held, "the receiver takes nothing for a moment"),
    "over the memory budget": NotNow(
        crowded, "too much is in flight; send it again later", MAX_REQUEST_BYTES // 5
    ),
    "the queue does not answer": NotNow(
        without_a_broker, "the queue cannot take the data now; send it again later"
    ),
    "shutting down": NotNow(draining, "the receiver is shutting down"),
}


@pytest.mark.parametrize("case", NOT_NOW)
def test_what_cannot_be_taken_now_is_to_be_sent_again(frail: Receiver, case: str) -> None:
    expected = NOT_NOW[case]
    request = request_of("later", padding="x" * expected.padding)
    with expected.state(frail), ThreadPoolExecutor(len(TRANSPORTS)) as agents:
        outcomes = list(agents.map(lambda each: send(frail, each, request), TRANSPORTS))
    for outcome in outcomes:
        outcome.assert_retryable(least_seconds=7)
        assert outcome.error is not None
        assert outcome.error.message == expected.says


class BrokenReceiver:
    """The receiver's servers around a publisher that was never started: a defect of ours."""

    def __init__(self, folder: Path) -> None:
        self.config = fleet_config(Ports(), folder)
        self._loop = asyncio.new_event_loop()
        self._serving = threading.Event()
        self._stop = asyncio.Event()

    def run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        server, admission = self.config.server, Admission(MAX_REQUEST_BYTES)
        with ThreadPoolExecutor(1) as threads:
            exporter = Exporter(
                traces(30),
                Publisher(self.config.kafka, "broken"),
                threads,
                MAX_REQUEST_BYTES,
                Account(Boot.now()),
            )
            bodies = CallBodies(MemoryCeiling(2**30), 10)
            grpc_server = OtlpGrpcServer([exporter], admission, bodies, MAX_REQUEST_BYTES, 5, 60)
            await grpc_server.start("127.0.0.1", server.otlp_grpc_port, "key")
            app = OtlpHttpApp([exporter], admission, MAX_REQUEST_BYTES, 5)
            http_server = await serve_asgi(app, bind("127.0.0.1", server.otlp_http_port, "key"))
            self._serving.set()
            await self._stop.wait()
            await grpc_server.stop(1)
            await http_server.stop(1)

    @contextlib.contextmanager
    def running(self) -> Iterator["BrokenReceiver"]:
        thread = threading.Thread(target=self.run)
        thread.start()
        assert self._serving.wait(30)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._stop.set)
            thread.join()


def test_a_defect_of_ours_is_internal_and_tells_nothing(tmp_path: Path, receiver: Receiver) -> None:
    with BrokenReceiver(tmp_path).running() as broken:
        subject = Receiver(broken.config, receiver.service, receiver.broker)
        outcomes: list[Outcome] = [
            send(subject, transport, request_of("a")) for transport in TRANSPORTS
        ]
    for outcome in outcomes:
        outcome.assert_refused(CODE.INTERNAL, 500)
        assert outcome.error is not None
        assert outcome.error.message == "the receiver failed; its log says why"
