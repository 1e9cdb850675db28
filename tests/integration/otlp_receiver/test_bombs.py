"""Bodies that would fill the memory of a receiver, or tie it up: refused, within its budget.

The limits are the defaults: 64 MiB a request, a budget of 512 MiB for requests, on top of what an
idle receiver holds. The peak of the resident memory is the kernel's own (VmHWM), so nothing escapes
between two looks.
"""

import contextlib
import gzip
import re
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import grpc
import psutil
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from fleet import wait_until
from integration.otlp_receiver.agents import (
    EXPORT,
    JSON,
    PROTOBUF,
    Answer,
    Receiver,
    receiver_with_broker,
    request_of,
)
from integration.otlp_receiver.bombs import (
    A_SCOPE,
    A_SPAN,
    GIBIBYTE,
    MEBIBYTE,
    deep_json_value,
    deep_value,
    empty_messages,
    empty_objects,
    gzip_members,
    gzip_of_empty_links,
    gzip_of_zeros,
    zstd_of_zeros,
)

AT_ONCE: Final = 24
AT_ONCE_OVER_GRPC: Final = 6
GOOD: Final = request_of("good").SerializeToString()
GZIPPED: Final = gzip.compress(GOOD)
ZSTD_FRAME: Final = zstd_of_zeros(2 * MEBIBYTE)


def empty_spans_in_json(size: int) -> bytes:
    return empty_objects(b'{"resourceSpans":[{"scopeSpans":[{"spans":[', size, b"]}]}]}")


def empty_attributes_in_json(size: int) -> bytes:
    before = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":['
    return empty_objects(before, size, b"]}]}]}]}")


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """A receiver with the default limits."""
    with receiver_with_broker(tmp_path_factory.mktemp("bombed")) as running:
        assert running.post(GOOD).status == 200
        yield running


@pytest.fixture(scope="module")
def idle_bytes(receiver: Receiver) -> int:
    """What the receiver holds before the first bomb."""
    return psutil.Process(receiver.service.pid).memory_info().rss


@pytest.fixture(autouse=True)
def unharmed(receiver: Receiver, idle_bytes: int) -> Iterator[None]:
    """Whatever a test sends, the receiver stays below its budget and serves; nothing is left."""
    process = Path(f"/proc/{receiver.service.pid}")
    (process / "clear_refs").write_text("5")  # the peak begins anew
    yield
    peak = re.search(r"VmHWM:\s+(\d+) kB", (process / "status").read_text())
    assert peak is not None
    print(f"idle {idle_bytes // MEBIBYTE} MiB, peak {int(peak[1]) // 1024} MiB")
    assert int(peak[1]) * 1024 - idle_bytes < receiver.config.receiver.memory_budget_bytes
    assert receiver.post(GOOD).status == 200
    wait_until(lambda: receiver.metric('ingest_buffer_size{signal="all"}') == 0, "all is over")
    assert receiver.hold_state()["in_flight"] == 0


HTTP_CASES = {
    "1 GiB in gzip": ("gzip", PROTOBUF, lambda: gzip_of_zeros(GIBIBYTE), 413),
    "1 GiB in zstd": ("zstd", PROTOBUF, lambda: zstd_of_zeros(GIBIBYTE), 413),
    "1 GiB in JSON in gzip": ("gzip", JSON, lambda: gzip_of_zeros(GIBIBYTE), 413),
    "1 GiB in a thousand gzip members": ("gzip", PROTOBUF, lambda: gzip_members(1024), 413),
    "65 MiB in zstd frames": ("zstd", PROTOBUF, lambda: zstd_of_zeros(MEBIBYTE) * 65, 413),
    "100,000 empty gzip members": ("gzip", PROTOBUF, lambda: gzip_members(100_000, 0), 400),
    "gzip in gzip": ("gzip", PROTOBUF, lambda: gzip.compress(gzip_of_zeros(GIBIBYTE)), 400),
    "a zstd window of 2 GiB": ("zstd", PROTOBUF, lambda: zstd_of_zeros(MEBIBYTE, 31), 400),
    "65 MiB as they are": ("", PROTOBUF, lambda: bytes(65 * MEBIBYTE), 413),
    "8 MiB of empty spans": ("", PROTOBUF, lambda: empty_messages(A_SCOPE, 2, 8 * MEBIBYTE), 413),
    "8 MiB of empty groups": ("", PROTOBUF, lambda: empty_messages((), 1, 8 * MEBIBYTE), 413),
    "8 MiB of empty attributes": (
        "",
        PROTOBUF,
        lambda: empty_messages(A_SPAN, 9, 8 * MEBIBYTE),
        413,
    ),
    "60 MiB of empty links in gzip": (
        "gzip",
        PROTOBUF,
        lambda: gzip_of_empty_links(60 * MEBIBYTE),
        413,
    ),
    "8 MiB of empty spans in JSON": (
        "",
        JSON,
        lambda: empty_spans_in_json(8 * MEBIBYTE),
        413,
    ),
    "8 MiB of empty attributes in JSON": (
        "",
        JSON,
        lambda: empty_attributes_in_json(8 * MEBIBYTE),
        413,
    ),
    "8 MiB of brackets": ("", JSON, lambda: b"[" * (8 * MEBIBYTE), 413),
    "values 5,000 deep": ("", PROTOBUF, lambda: deep_value(5_000), 400),
    "values 5,000 deep in JSON": ("", JSON, lambda: deep_json_value(5_000), 400),
    "gzip without its end": ("gzip", PROTOBUF, lambda: GZIPPED[:-9], 400),
    "gzip without its checksum": ("gzip", PROTOBUF, lambda: GZIPPED[:-8], 400),
    "gzip with a wrong checksum": ("gzip", PROTOBUF, lambda: GZIPPED[:-8] + bytes(8), 400),
    "gzip with something behind it": ("gzip", PROTOBUF, lambda: GZIPPED + b"garbage", 400),
    "no gzip at all": ("gzip", PROTOBUF, lambda: GOOD, 400),
    "gzip of no bytes": ("gzip", PROTOBUF, lambda: b"", 400),
    "zstd without its end": ("zstd", PROTOBUF, lambda: ZSTD_FRAME[:-1], 400),
    "zstd with something behind it": ("zstd", PROTOBUF, lambda: ZSTD_FRAME + b"garbage", 400),
    "gzip called zstd": ("zstd", PROTOBUF, lambda: GZIPPED, 400),
    "two encodings": ("gzip, gzip", PROTOBUF, lambda: gzip.compress(GZIPPED), 415),
}


@pytest.mark.parametrize(
    ("encoding", "content_type", "body", "status"), HTTP_CASES.values(), ids=HTTP_CASES
)
def test_over_http_it_is_refused_for_good(
    receiver: Receiver, encoding: str, content_type: str, body: Callable[[], bytes], status: int
) -> None:
    headers = {"content_encoding": encoding} if encoding else {}
    answer = receiver.post(body(), content_type, **headers)
    assert (answer.status, answer.headers["content-type"]) == (status, content_type)
    assert "retry-after" not in answer.headers
    assert (
        answer.error.code
        == {
            400: grpc.StatusCode.INVALID_ARGUMENT.value[0],
            413: grpc.StatusCode.RESOURCE_EXHAUSTED.value[0],
            415: grpc.StatusCode.INVALID_ARGUMENT.value[0],
        }[status]
    )


GRPC_CASES = {
    "256 MiB in gzip": (lambda: bytes(256 * MEBIBYTE), grpc.StatusCode.RESOURCE_EXHAUSTED),
    "8 MiB of empty spans": (
        lambda: empty_messages(A_SCOPE, 2, 8 * MEBIBYTE),
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    ),
    "60 MiB of empty values": (
        lambda: empty_messages((*A_SPAN, 9, 2, 5), 1, 60 * MEBIBYTE),
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    ),
    "values 5,000 deep": (lambda: deep_value(5_000), grpc.StatusCode.INVALID_ARGUMENT),
}


@pytest.mark.parametrize(("body", "code"), GRPC_CASES.values(), ids=GRPC_CASES)
def test_over_grpc_it_is_refused_for_good(
    receiver: Receiver, body: Callable[[], bytes], code: grpc.StatusCode
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        receiver.export(body(), compression=grpc.Compression.Gzip)
    assert caught.value.code() is code
    details = dict(caught.value.trailing_metadata() or ()).get("grpc-status-details-bin")
    # What gRPC itself finds too large it answers without details.
    if details is not None:
        assert not any(each.Is(RetryInfo.DESCRIPTOR) for each in Status.FromString(details).details)


@pytest.mark.parametrize(
    ("encoding", "content_type", "body"),
    [
        ("gzip", PROTOBUF, lambda: gzip_of_zeros(GIBIBYTE)),
        ("zstd", PROTOBUF, lambda: zstd_of_zeros(GIBIBYTE)),
        ("gzip", PROTOBUF, lambda: gzip_of_empty_links(60 * MEBIBYTE)),
        ("gzip", JSON, lambda: gzip.compress(empty_spans_in_json(60 * MEBIBYTE), 1)),
    ],
    ids=["gzip", "zstd", "empty links", "empty spans in JSON"],
)
def test_many_bombs_at_once_share_the_budget(
    receiver: Receiver, encoding: str, content_type: str, body: Callable[[], bytes]
) -> None:
    """One that finds no room may come again; none is a failure."""
    bomb = body()

    def post(_number: int) -> Answer:
        return receiver.post(bomb, content_type, content_encoding=encoding)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(post, range(AT_ONCE)))
    assert {answer.status for answer in answers} <= {413, 503}
    assert any(answer.status == 413 for answer in answers)
    assert all(("retry-after" in answer.headers) == (answer.status == 503) for answer in answers)


def test_several_bombs_at_once_over_grpc_stay_within_the_budget(receiver: Receiver) -> None:
    """Each is inflated up to the limit by gRPC itself, before the receiver sees it."""
    body = bytes(72 * MEBIBYTE)
    with receiver.channel() as channel:
        export = channel.unary_unary(EXPORT)
        calls = [
            export.future(body, timeout=60, compression=grpc.Compression.Gzip)
            for _ in range(AT_ONCE_OVER_GRPC)
        ]
        codes = {call.code() for call in calls}
    assert codes <= {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE}


@contextlib.contextmanager
def connected(receiver: Receiver, *headers: str) -> Iterator[socket.socket]:
    """Open a connection and send the head of a request."""
    address = ("127.0.0.1", receiver.config.server.otlp_http_port)
    with socket.create_connection(address, timeout=30) as connection:
        lines = [
            "POST /v1/traces HTTP/1.1",
            "host: receiver",
            f"content-type: {PROTOBUF}",
            *headers,
        ]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        yield connection


def statuses_until_closed(connection: socket.socket) -> list[int]:
    """Read answers until the receiver closes the connection."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := connection.recv(65_536):
            received += chunk
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


def test_a_body_shorter_than_its_content_length_is_no_request(receiver: Receiver) -> None:
    """The client closes its side: nobody is there to be answered, and nothing is published."""
    disconnected = 'ingest_requests_total{outcome="disconnected",signal="spans",transport="http"}'
    before = receiver.metric(disconnected)
    with connected(receiver, f"content-length: {len(GOOD) + 1}") as connection:
        connection.sendall(GOOD)
        connection.shutdown(socket.SHUT_WR)
        assert statuses_until_closed(connection) == []
    wait_until(lambda: receiver.metric(disconnected) == before + 1, "the client is counted as gone")


def test_a_body_longer_than_its_content_length_ends_the_connection(receiver: Receiver) -> None:
    """What the length leaves over is no HTTP request: nothing more is read."""
    with connected(receiver, f"content-length: {len(GOOD) - 1}") as connection:
        connection.sendall(GOOD + b"\r\n\r\n")
        assert set(statuses_until_closed(connection)) == {400}


@pytest.mark.parametrize(
    "length", ["-1", "1x", "0x10", "99999999999999999999999", "5, 6", "\u0663"]
)
def test_a_content_length_that_is_no_number_is_refused(receiver: Receiver, length: str) -> None:
    with connected(receiver, f"content-length: {length}") as connection:
        connection.sendall(GOOD)
        assert statuses_until_closed(connection) == [400]


def test_two_ways_to_end_a_body_are_refused(receiver: Receiver) -> None:
    """A proxy may believe the other one: what is left would be the next client's request."""
    with connected(receiver, "content-length: 4", "transfer-encoding: chunked") as connection:
        connection.sendall(b"0\r\n\r\n")
        assert 400 in statuses_until_closed(connection)


def test_a_content_length_over_the_limit_is_refused_before_the_body(receiver: Receiver) -> None:
    with connected(receiver, f"content-length: {2**40}") as connection:
        assert connection.recv(65_536).startswith(b"HTTP/1.1 413 ")


def test_slow_bodies_hold_nobody_up(receiver: Receiver) -> None:
    """A hundred connections that send half a body and then nothing; others are served."""
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            length = f"content-length: {len(GOOD)}"
            connection = stack.enter_context(connected(receiver, length))
            connection.sendall(GOOD[: len(GOOD) // 2])
        wait_until(lambda: receiver.hold_state()["in_flight"] == 100, "all of them are inside")
        assert receiver.post(GOOD).status == 200
        assert receiver.export(GOOD) is not None
