"""What HTTP allows beside a plain POST, and what it does not, on the receiver's own socket."""

import gzip
import socket
import sys
import zlib
from collections.abc import Callable
from typing import Self

import grpc
import pytest

from fleet import wait_until
from integration.otlp_receiver.agents import JSON, PROTOBUF, Answer, Receiver, ask, request_of
from integration.otlp_receiver.conftest import MAX_REQUEST_BYTES
from integration.otlp_receiver.outcomes import CODE, over_http
from rak_libs.otlp.otlp_json import request_to_json

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BODIES = {
    PROTOBUF: request_of("a").SerializeToString(),
    JSON: request_to_json(request_of("a")),
}
encodings = pytest.mark.parametrize("encoding", BODIES)


@encodings
@pytest.mark.parametrize(
    ("method", "path", "header", "status", "answered"),
    [
        ("GET", "/v1/traces", {}, 405, {"allow": "POST"}),
        ("PUT", "/v1/traces", {}, 405, {"allow": "POST"}),
        ("OPTIONS", "/v1/traces", {}, 405, {"allow": "POST"}),
        ("DELETE", "/v1/traces?x=y", {}, 405, {"allow": "POST"}),
        ("POST", "/v1/trace", {}, 404, {}),
        ("POST", "/v1/traces/", {}, 404, {}),
        ("POST", "//v1/traces", {}, 404, {}),
        ("POST", "/", {}, 404, {}),
        ("POST", "/v1/traces", {"content-encoding": "br"}, 415, "encodings"),
        ("POST", "/v1/traces", {"content-encoding": "gzip, gzip"}, 415, "encodings"),
        ("POST", "/v1/traces", {"content-encoding": "gzip"}, 400, {}),
        ("POST", "/v1/traces", {"content-encoding": "zstd"}, 400, {}),
        ("POST", "/v1/traces", {"content-encoding": "deflate"}, 400, {}),
    ],
)
def test_a_request_that_can_be_no_export_is_told_why(
    receiver: Receiver,
    encoding: str,
    method: str,
    path: str,
    header: dict[str, str],
    status: int,
    answered: dict[str, str] | str,
) -> None:
    url = receiver.url.removesuffix("/v1/traces") + path
    body = None if method == "GET" else BODIES[encoding]
    answer = ask(method, url, body, {"content-type": encoding} | header)
    assert answer.status == status
    assert answer.headers["content-type"] == encoding
    assert answer.error.message
    if answered == "encodings":
        answered = {"accept-encoding": "gzip, zstd, deflate, identity"}
    assert isinstance(answered, dict)
    assert answered.items() <= answer.headers.items()


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/protobuf", "*/*"])
def test_another_content_type_is_answered_in_json(receiver: Receiver, content_type: str) -> None:
    answer = receiver.post(BODIES[PROTOBUF], content_type)
    assert answer.status == 415
    assert answer.headers["content-type"] == JSON
    assert PROTOBUF in answer.error.message


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [("Application/X-Protobuf", PROTOBUF), (f"{JSON} ; charset=utf-8", JSON)],
)
def test_content_types_match_without_parameters_and_case(
    receiver: Receiver, content_type: str, encoding: str
) -> None:
    answer = receiver.post(BODIES[encoding], content_type, accept="text/html")
    assert answer.status == 200
    assert answer.headers["content-type"] == encoding


@encodings
@pytest.mark.parametrize(
    ("name", "compress"),
    [
        ("gzip", gzip.compress),
        ("zstd", zstd.compress),
        ("deflate", zlib.compress),
        ("identity", bytes),
    ],
)
def test_every_content_encoding_is_read_and_limited(
    receiver: Receiver, encoding: str, name: str, compress: Callable[[bytes], bytes]
) -> None:
    taken = over_http(receiver, compress(BODIES[encoding]), encoding, content_encoding=name)
    assert taken.code is CODE.OK
    bomb = compress(bytes(64 * MAX_REQUEST_BYTES))
    refused = over_http(receiver, bomb, encoding, content_encoding=name)
    refused.assert_refused(CODE.RESOURCE_EXHAUSTED, 413)


def test_bad_hex_is_refused_with_the_field_that_holds_it(receiver: Receiver) -> None:
    answer = receiver.post(BODIES[JSON].replace(b'"traceId":"', b'"traceId":"zz'), JSON)
    assert answer.status == 400
    field = "resourceSpans[0].scopeSpans[0].spans[0].traceId"
    assert answer.error.message == f"{field}: expected an even number of hex digits"


def test_deep_nesting_is_the_clients_error(receiver: Receiver) -> None:
    value = b'{"arrayValue":{"values":[' * 5000 + b"]}}" * 5000
    body = BODIES[JSON].replace(b'"stringValue":"tested"', b'"x":' + value)
    assert receiver.post(body, JSON).status == 400


@pytest.mark.parametrize(
    "method",
    [
        "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
        "/opentelemetry.proto.collector.trace.v1.TraceService/Import",
    ],
)
def test_another_grpc_method_is_unimplemented(receiver: Receiver, method: str) -> None:
    with receiver.channel() as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(method)(b"", timeout=30)
    assert caught.value.code() is CODE.UNIMPLEMENTED


def test_a_grpc_call_without_a_message_is_refused(receiver: Receiver) -> None:
    method = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
    with receiver.channel() as channel, pytest.raises(grpc.RpcError) as caught:
        channel.stream_unary(method)(iter([]), timeout=30)
    assert caught.value.code() is CODE.INVALID_ARGUMENT


class Wire:
    """A TCP connection to the receiver's HTTP port, for bytes that no client would send."""

    def __init__(self, receiver: Receiver) -> None:
        address = ("127.0.0.1", receiver.config.server.otlp_http_port)
        self._socket = socket.create_connection(address, timeout=30)
        self._reader = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()
        self._socket.close()

    def send(self, *lines: str, body: bytes = b"") -> None:
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def send_unfinished(self, *lines: str) -> None:
        self._socket.sendall("\r\n".join(lines).encode("latin-1"))

    def send_body(self, body: bytes) -> None:
        self._socket.sendall(body)

    def answer(self, *, has_body: bool = True) -> Answer:
        status = int(self._reader.readline().split()[1])
        headers = {}
        while line := self._reader.readline().strip():
            name, _, value = line.decode().partition(": ")
            headers[name.lower()] = value
        size = int(headers.get("content-length", 0)) if has_body else 0
        return Answer(status, headers, self._reader.read(size))

    def is_closed(self) -> bool:
        return self._reader.read(1) == b""


GOOD = BODIES[PROTOBUF]
POST = ["POST /v1/traces HTTP/1.1", "Host: h", f"Content-Type: {PROTOBUF}"]
SIZED = [*POST, f"Content-Length: {len(GOOD)}"]


@pytest.mark.parametrize(
    "lines",
    [
        ["nonsense"],
        ["POST /v1/traces HTTP/9.9"],
        ["POST /v1/tr aces HTTP/1.1", "Host: h"],
        ["B\x80D / HTTP/1.1", "Host: h"],
        ["POST http:// HTTP/1.1", "Host: h"],
        [*POST, "no colon"],
        [*POST, "Name\x01: value"],
        [*POST, "Content-Length: many"],
        [*POST, "Content-Length: -1"],
        [*POST, f"Content-Length: {10**30}"],
        [*POST, "Content-Length: 5", "Content-Length: 6"],
        [*POST, "Content-Length: 5", "Transfer-Encoding: chunked"],
        [*POST, "Transfer-Encoding: sideways"],
        ["CONNECT h:80 HTTP/1.1", "Host: h"],
    ],
    ids=lambda lines: lines[-1][:30].encode("ascii", "replace").decode(),
)
def test_bytes_that_are_no_request_are_refused_with_a_status_and_the_connection_ends(
    receiver: Receiver, lines: list[str]
) -> None:
    with Wire(receiver) as wire:
        wire.send(*lines)
        answer = wire.answer()
        assert answer.status == 400
        assert answer.error.code == CODE.INVALID_ARGUMENT.value[0]
        assert wire.is_closed()


def test_a_broken_chunk_ends_the_request(receiver: Receiver) -> None:
    with Wire(receiver) as wire:
        wire.send(*POST, "Transfer-Encoding: chunked", body=b"5\r\nabcde\r\nzz\r\n")
        assert wire.answer().status == 400
        assert wire.is_closed()


@pytest.mark.parametrize(
    "headers",
    [["X-Long: " + "x" * 66_000], [f"X-{number:05}: y" for number in range(6_000)]],
    ids=["long", "many"],
)
def test_a_huge_header_is_refused_before_it_is_complete(
    receiver: Receiver, headers: list[str]
) -> None:
    with Wire(receiver) as wire:
        wire.send_unfinished(*POST, *headers)
        answer = wire.answer()
        assert answer.status == 431
        assert answer.error.message
        assert wire.is_closed()


def test_a_chunked_body_is_read(receiver: Receiver) -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (1, GOOD[i : i + 1]) for i in range(len(GOOD)))
    with Wire(receiver) as wire:
        wire.send(*POST, "Transfer-Encoding: chunked", body=chunks + b"0\r\n\r\n")
        assert wire.answer().status == 200


def test_requests_may_be_pipelined(receiver: Receiver) -> None:
    with Wire(receiver) as wire:
        for _ in range(3):
            wire.send(*SIZED, body=GOOD)
        assert [wire.answer().status for _ in range(3)] == [200, 200, 200]


def test_http_1_0_is_answered_and_closed(receiver: Receiver) -> None:
    with Wire(receiver) as wire:
        wire.send("POST /v1/traces HTTP/1.0", *SIZED[2:], body=GOOD)
        assert wire.answer().status == 200
        assert wire.is_closed()


def test_head_is_answered_without_a_body(receiver: Receiver) -> None:
    with Wire(receiver) as wire:
        wire.send("HEAD /v1/traces HTTP/1.1", "Host: h")
        answer = wire.answer(has_body=False)
        assert (answer.status, answer.headers["allow"]) == (405, "POST")
        wire.send(*SIZED, body=GOOD)
        assert wire.answer().status == 200


@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
def test_an_upgrade_is_not_offered_but_the_request_is_served(
    receiver: Receiver, protocol: str
) -> None:
    with Wire(receiver) as wire:
        upgrade = ["Connection: Upgrade, HTTP2-Settings", f"Upgrade: {protocol}"]
        wire.send(*SIZED, *upgrade, "HTTP2-Settings: AAMAAABkAAQAAP__", body=GOOD)
        answer = wire.answer()
        assert answer.status == 200
        assert answer.headers["connection"] == "close"
        assert wire.is_closed()


def test_a_client_that_expects_100_continue_sends_its_body_after_it(receiver: Receiver) -> None:
    with Wire(receiver) as wire:
        wire.send(*SIZED, "Expect: 100-continue")
        assert wire.answer().status == 100
        wire.send_body(GOOD)
        assert wire.answer().status == 200


def test_a_client_that_expects_100_continue_is_refused_without_its_body(
    receiver: Receiver,
) -> None:
    with Wire(receiver) as wire:
        size = MAX_REQUEST_BYTES + 1
        wire.send(*POST, f"Content-Length: {size}", "Expect: 100-continue")
        assert wire.answer().status == 413


def test_a_client_that_leaves_before_its_body_is_complete_is_counted(receiver: Receiver) -> None:
    series = 'ingest_requests_total{outcome="disconnected",signal="spans",transport="http"}'
    before = receiver.metric(series)
    with Wire(receiver) as wire:
        wire.send(*SIZED, body=GOOD[:-1])
    wait_until(lambda: receiver.metric(series) == before + 1, "the client is missed")
    assert receiver.hold_state()["in_flight"] == 0


def test_what_follows_a_body_is_no_part_of_it(receiver: Receiver) -> None:
    """A Content-Length that is too small: the rest is no request, and ends the connection."""
    with Wire(receiver) as wire:
        wire.send(*SIZED, body=GOOD + b"\xff rest")
        assert wire.answer().status == 200
        assert wire.is_closed()


def test_only_the_configured_address_is_listened_on(receiver: Receiver) -> None:
    server = receiver.config.server
    assert server.host == "127.0.0.1"
    for port in (server.otlp_grpc_port, server.otlp_http_port, server.otlp_admin_port):
        socket.create_connection(("127.0.0.1", port), timeout=10).close()
        for other in ("127.0.0.2", socket.gethostbyname(socket.gethostname())):
            if other != "127.0.0.1":
                with pytest.raises(ConnectionRefusedError):
                    socket.create_connection((other, port), timeout=10)
