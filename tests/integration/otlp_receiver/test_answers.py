"""The table of answers, from the receiver's own sockets: both transports, both encodings."""

import contextlib
import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from integration.otlp_receiver.agents import JSON, PROTOBUF, Receiver, ask, request_of
from integration.otlp_receiver.conftest import MAX_REQUEST_BYTES
from rak_libs.otlp.otlp_json import request_to_json

CODE = grpc.StatusCode
TRANSPORTS = ["grpc", "grpc gzip", "http protobuf", "http json", "http json gzip"]


@dataclass(frozen=True)
class Outcome:
    """What a client sees, the same for every transport."""

    code: grpc.StatusCode
    response: ExportTraceServiceResponse | None = None
    error: Status | None = None
    http_status: int | None = None
    retry_after: int | None = None

    def detail(self, message: Any) -> Any:
        """Return the error's detail of the type of `message`, or None."""
        assert self.error is not None
        return next((message for each in self.error.details if each.Unpack(message)), None)


def send(receiver: Receiver, transport: str, request: Any) -> Outcome:
    """Send a request message, or raw bytes, over one of `TRANSPORTS`."""
    if transport.startswith("grpc"):
        body = request if isinstance(request, bytes) else request.SerializeToString()
        return _over_grpc(receiver, body, gzipped=transport == "grpc gzip")
    encoding = JSON if "json" in transport else PROTOBUF
    if isinstance(request, bytes):
        body = request
    else:
        body = request_to_json(request) if encoding == JSON else request.SerializeToString()
    headers = {"content_encoding": "gzip"} if "gzip" in transport else {}
    answer = receiver.post(gzip.compress(body) if headers else body, encoding, **headers)
    assert answer.headers["content-type"] == encoding
    if answer.status == 200:
        return Outcome(CODE.OK, answer.response, http_status=200)
    code = next(each for each in CODE if each.value[0] == answer.error.code)
    delay = answer.headers.get("retry-after")
    retry_after = None if delay is None else int(delay)
    return Outcome(code, None, answer.error, answer.status, retry_after)


def _over_grpc(receiver: Receiver, body: bytes, *, gzipped: bool) -> Outcome:
    compression = grpc.Compression.Gzip if gzipped else grpc.Compression.NoCompression
    try:
        return Outcome(CODE.OK, receiver.export(body, compression=compression))
    except grpc.RpcError as error:
        refused = error
    details = dict(refused.trailing_metadata() or ()).get("grpc-status-details-bin")
    if details is None:
        return Outcome(refused.code())
    status = Status.FromString(details)
    assert (status.code, status.message) == (refused.code().value[0], refused.details())
    return Outcome(refused.code(), error=status)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("names", [["a", "b"], []], ids=["good", "empty"])
def test_what_is_accepted_is_answered_without_partial_success(
    receiver: Receiver, transport: str, names: list[str]
) -> None:
    outcome = send(receiver, transport, request_of(*names))
    assert outcome.response is not None
    assert not outcome.response.HasField("partial_success")


def test_a_body_of_no_bytes_is_an_empty_request(receiver: Receiver) -> None:
    assert send(receiver, "grpc", b"").response == ExportTraceServiceResponse()
    assert send(receiver, "http protobuf", b"").response == ExportTraceServiceResponse()


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("names", "rejected"), [(["a", "bad", "b", "bad"], 2), (["bad"], 1)], ids=["some", "all"]
)
def test_what_is_rejected_is_counted_exactly(
    receiver: Receiver, transport: str, names: list[str], rejected: int
) -> None:
    outcome = send(receiver, transport, request_of(*names))
    assert outcome.response is not None
    partial = outcome.response.partial_success
    assert partial.rejected_spans == rejected
    assert (
        f"rejected {rejected} of {len(names)} spans: {rejected} trace_id" in partial.error_message
    )


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_undecodable_request_must_not_be_repeated(receiver: Receiver, transport: str) -> None:
    outcome = send(receiver, transport, b"\xffthis is no request")
    assert outcome.code is CODE.INVALID_ARGUMENT
    assert outcome.http_status in {None, 400}
    assert outcome.retry_after is None
    assert outcome.detail(BadRequest()) is not None
    assert outcome.detail(RetryInfo()) is None


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_request_over_the_limit_is_refused_for_good(receiver: Receiver, transport: str) -> None:
    """Compressed it is far below the limit: what counts is what it inflates to."""
    outcome = send(receiver, transport, request_of("a", padding="x" * MAX_REQUEST_BYTES))
    assert outcome.code is CODE.RESOURCE_EXHAUSTED
    assert outcome.http_status in {None, 413}
    assert outcome.retry_after is None
    assert outcome.error is None or outcome.detail(RetryInfo()) is None


@contextlib.contextmanager
def held(receiver: Receiver) -> Iterator[None]:
    answer = ask("POST", f"{receiver.admin_url}/hold?seconds=60", b"", {})
    assert answer.status == 200
    try:
        yield
    finally:
        assert ask("POST", f"{receiver.admin_url}/release", b"", {}).status == 200


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_held_receiver_asks_to_come_again(receiver: Receiver, transport: str) -> None:
    with held(receiver):
        assert receiver.hold_state() == {"held": True, "in_flight": 0}
        outcome = send(receiver, transport, request_of("held"))
    assert outcome.code is CODE.UNAVAILABLE
    assert outcome.http_status in {None, 503}
    least = receiver.config.receiver.retry_after_seconds
    delay = outcome.detail(RetryInfo()).retry_delay.seconds
    assert least <= delay <= 2 * least
    assert outcome.retry_after in {None, delay}
    assert receiver.hold_state() == {"held": False, "in_flight": 0}
    assert send(receiver, transport, request_of("released")).code is CODE.OK


@pytest.mark.parametrize("query", ["", "?seconds=", "?seconds=-1", "?seconds=nan", "?seconds=9e9"])
def test_a_hold_without_a_sane_time_is_refused(receiver: Receiver, query: str) -> None:
    answer = ask("POST", f"{receiver.admin_url}/hold{query}", b"", {})
    assert answer.status == 400
    assert b"seconds=N" in answer.body
    assert receiver.hold_state()["held"] is False


def test_bad_hex_is_refused_with_the_field_that_holds_it(receiver: Receiver) -> None:
    body = request_to_json(request_of("a")).replace(b'"traceId":"', b'"traceId":"zz')
    answer = receiver.post(body, JSON)
    assert answer.status == 400
    field = "resourceSpans[0].scopeSpans[0].spans[0].traceId"
    assert answer.error.message == f"{field}: expected an even number of hex digits"


def test_deep_nesting_is_the_clients_error(receiver: Receiver) -> None:
    value = b'{"arrayValue":{"values":[' * 5000 + b"]}}" * 5000
    body = request_to_json(request_of("a")).replace(b'"stringValue":"tested"', b'"x":' + value)
    assert receiver.post(body, JSON).status == 400


HttpCase = Callable[[Receiver], tuple[str, str, bytes, dict[str, str]]]
GOOD = request_of("a").SerializeToString()


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "expected_headers"),
    [
        ("GET", "/v1/traces", {}, 405, {"allow": "POST"}),
        ("PUT", "/v1/traces", {"content-type": PROTOBUF}, 405, {"allow": "POST"}),
        ("POST", "/v1/trace", {"content-type": PROTOBUF}, 404, {}),
        ("POST", "/v1/traces/", {"content-type": JSON}, 404, {}),
        ("POST", "/", {"content-type": JSON}, 404, {}),
        ("POST", "/v1/traces", {"content-type": "text/plain"}, 415, {}),
        ("POST", "/v1/traces", {"content-type": "application/protobuf"}, 415, {}),
        (
            "POST",
            "/v1/traces",
            {"content-type": PROTOBUF, "content-encoding": "br"},
            415,
            {"accept-encoding": "gzip, identity"},
        ),
        (
            "POST",
            "/v1/traces",
            {"content-type": JSON, "content-encoding": "gzip"},
            400,
            {},
        ),
    ],
)
def test_http_requests_that_can_be_no_export_say_why(
    receiver: Receiver,
    method: str,
    path: str,
    headers: dict[str, str],
    status: int,
    expected_headers: dict[str, str],
) -> None:
    url = receiver.url.removesuffix("/v1/traces") + path
    body = GOOD if method != "GET" else None
    answer = ask(method, url, body, headers)
    assert answer.status == status
    assert answer.error.message
    assert answer.headers["content-type"] == (
        PROTOBUF if headers.get("content-type") == PROTOBUF else JSON
    )
    assert expected_headers.items() <= answer.headers.items()


def test_another_grpc_method_is_unimplemented(receiver: Receiver) -> None:
    service = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
    with receiver.channel() as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(service)(b"", timeout=30)
    assert caught.value.code() is CODE.UNIMPLEMENTED


def test_a_gzip_bomb_is_refused_at_the_limit(receiver: Receiver) -> None:
    bomb = gzip.compress(bytes(256 * MAX_REQUEST_BYTES), 9)
    assert len(bomb) < MAX_REQUEST_BYTES
    assert receiver.post(bomb, PROTOBUF, content_encoding="gzip").status == 413
