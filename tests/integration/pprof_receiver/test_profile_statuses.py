"""What senders of profiles are told, in every case of the table, over the receiver's own socket."""

import contextlib
import gzip
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import BadRequest, RetryInfo

from fleet import http_status, wait_until
from integration.otlp_receiver.agents import Answer, ask, held, standing_still
from integration.pprof_receiver.agents import (
    PATHS,
    PprofReceiver,
    another_pprof_receiver,
    error_of,
)
from pprof_generation import small_profile

GOOD = small_profile().SerializeToString()
FORM = {"content-type": "multipart/form-data; boundary=abc"}
MEBIBYTE = 1024 * 1024


def assert_refused(answer: Answer, status: int, code: Code, text: str, field: str = "") -> None:
    """Check that a sender is told what is wrong, and never to come again."""
    assert answer.status == status, answer.body
    assert "retry-after" not in answer.headers
    error = error_of(answer)
    assert error.code == code
    assert text in error.message
    retry, bad = RetryInfo(), BadRequest()
    assert not any(detail.Unpack(retry) for detail in error.details)
    assert any(detail.Unpack(bad) for detail in error.details) == (status == 400)
    if status == 400:
        (violation,) = bad.field_violations
        assert (violation.field, violation.description) == (field, error.message)


REFUSED: dict[str, tuple[Callable[[PprofReceiver], Answer], int, Code, str, str]] = {
    "no profile": (
        lambda r: r.post(b"no profile"),
        400,
        Code.INVALID_ARGUMENT,
        "expected a serialized pprof Profile",
        "",
    ),
    "nothing": (lambda r: r.post(b""), 400, Code.INVALID_ARGUMENT, "the profile is empty", ""),
    "a text profile": (
        lambda r: r.post(b"--- contention:\ncycles/second=1\n"),
        400,
        Code.INVALID_ARGUMENT,
        "expected a serialized pprof Profile",
        "",
    ),
    "broken gzip": (
        lambda r: r.post(gzip.compress(GOOD)[:-9]),
        400,
        Code.INVALID_ARGUMENT,
        "the gzip body is cut off",
        "",
    ),
    "a wrong trace id": (
        lambda r: r.post(GOOD, trace_id="12"),
        400,
        Code.INVALID_ARGUMENT,
        "trace_id: expected 32 hexadecimal digits",
        "trace_id",
    ),
    "a wrong span id in a header": (
        lambda r: r.post(GOOD, headers={"x-rak-span-id": "12"}),
        400,
        Code.INVALID_ARGUMENT,
        "span_id: expected 16 hexadecimal digits",
        "span_id",
    ),
    "an unknown parameter": (
        lambda r: r.post(GOOD, service="shop"),
        400,
        Code.INVALID_ARGUMENT,
        "service: no such parameter; expected one of service_name",
        "service",
    ),
    "a form without a file": (
        lambda r: r.post(b"--abc--\r\n", headers=FORM),
        400,
        Code.INVALID_ARGUMENT,
        "form",
        "",
    ),
    "no such path": (
        lambda r: r.post(GOOD, "threadcreate"),
        404,
        Code.NOT_FOUND,
        "expected one of " + ", ".join(f"/pprof/{path}" for path in PATHS),
        "",
    ),
    "the root": (
        lambda r: ask("POST", r.url.removesuffix("/pprof"), GOOD, {}),
        404,
        Code.NOT_FOUND,
        "nothing is here",
        "",
    ),
    "another method": (
        lambda r: ask("GET", f"{r.url}/heap", None, {}),
        405,
        Code.UNIMPLEMENTED,
        "expected POST",
        "",
    ),
    "too large for the queue": (
        lambda r: r.post(gzip.compress(bytes(17 * MEBIBYTE), 1)),
        413,
        Code.RESOURCE_EXHAUSTED,
        "bytes when it is not compressed",
        "",
    ),
    "too large a body": (
        lambda r: r.post(b"", headers={"content-length": str(65 * MEBIBYTE)}),
        413,
        Code.RESOURCE_EXHAUSTED,
        "the request exceeds 67108864 bytes",
        "",
    ),
    "another encoding": (
        lambda r: r.post(GOOD, headers={"content-encoding": "br"}),
        415,
        Code.INVALID_ARGUMENT,
        "expected one of gzip, zstd, deflate, identity",
        "",
    ),
    "other parts": (
        lambda r: r.post(GOOD, headers={"content-type": "multipart/mixed; boundary=abc"}),
        415,
        Code.INVALID_ARGUMENT,
        "expected multipart/form-data",
        "",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_never_be_taken_is_refused_for_good(receiver: PprofReceiver, case: str) -> None:
    send, status, code, text, field = REFUSED[case]
    assert_refused(send(receiver), status, code, text, field)


def test_answers_say_which_methods_and_encodings_there_are(receiver: PprofReceiver) -> None:
    assert ask("PUT", f"{receiver.url}/heap", GOOD, {}).headers["allow"] == "POST"
    answer = receiver.post(GOOD, headers={"content-encoding": "br"})
    assert answer.headers["accept-encoding"] == "gzip, zstd, deflate, identity"


def test_bytes_that_are_no_http_are_answered_in_the_same_form(receiver: PprofReceiver) -> None:
    address = ("127.0.0.1", receiver.config.server.pprof_port)
    with socket.create_connection(address, timeout=30) as connection:
        connection.sendall(b"no HTTP at all\r\n\r\n")
        head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    answer = Answer(400, {"content-type": "application/json"}, body)
    assert error_of(answer).code == Code.INVALID_ARGUMENT


def test_refusals_are_counted_by_reason(receiver: PprofReceiver) -> None:
    def counted(reason: str) -> float:
        return receiver.metric(f'ingest_profiles_rejected_total{{reason="{reason}"}}')

    profile = small_profile()
    profile.time_nanos = 1
    before = (counted("context"), counted("time_expired"))
    receiver.post(GOOD, trace_id="1")
    receiver.post(profile.SerializeToString())
    assert (counted("context"), counted("time_expired")) == (before[0] + 1, before[1] + 1)


@pytest.fixture(scope="module")
def frail(
    receiver: PprofReceiver, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PprofReceiver]:
    """A receiver of little memory and patience that takes long to say goodbye."""
    sections = {
        "receiver": {
            "memory_budget_bytes": 2 * MEBIBYTE,
            "retry_after_seconds": 7,
            "drain_notice_seconds": 20,
        },
        "kafka": {"publish_timeout_seconds": 0.5},
        "server": {"shutdown_timeout_seconds": 60},
    }
    folder = tmp_path_factory.mktemp("frail")
    with another_pprof_receiver(receiver, folder, **sections) as running:
        yield running
        running.service.kill()


@contextlib.contextmanager
def crowded(receiver: PprofReceiver) -> Iterator[None]:
    """Have a body inside that is the budget and never complete."""
    address = ("127.0.0.1", receiver.config.server.pprof_port)
    size = 2 * MEBIBYTE
    head = f"POST /pprof/heap HTTP/1.1\r\nHost: h\r\nContent-Length: {size + 1}\r\n\r\n"
    with socket.create_connection(address, timeout=30) as slow:
        slow.sendall(head.encode() + bytes(size))
        gauge = 'ingest_buffer_size{signal="all"}'
        wait_until(lambda: receiver.metric(gauge) >= size, "the body is charged")
        yield
    wait_until(lambda: receiver.hold_state()["in_flight"] == 0, "the body is given up")


@contextlib.contextmanager
def without_a_broker(receiver: PprofReceiver) -> Iterator[None]:
    with standing_still(receiver.broker):
        yield


@contextlib.contextmanager
def draining(receiver: PprofReceiver) -> Iterator[None]:
    """Tell the receiver to stop, for good."""
    receiver.service.process.terminate()
    ready = f"{receiver.admin_url}/readyz"
    wait_until(lambda: http_status(ready) == 503, "the receiver is not ready")
    yield


NOT_NOW: dict[str, tuple[Callable[[PprofReceiver], AbstractContextManager[None]], str]] = {
    "held by an operator": (held, "the receiver takes nothing for a moment"),
    "over the memory budget": (crowded, "too much is in flight; send it again later"),
    "the queue does not answer": (
        without_a_broker,
        "the queue cannot take the data now; send it again later",
    ),
    "shutting down": (draining, "the receiver is shutting down"),
}


@pytest.mark.parametrize("case", NOT_NOW)
def test_what_cannot_be_taken_now_is_to_be_sent_again(frail: PprofReceiver, case: str) -> None:
    state, text = NOT_NOW[case]
    with state(frail):
        answer = frail.post(GOOD)
    assert answer.status == 503
    error = error_of(answer)
    assert (error.code, error.message) == (Code.UNAVAILABLE, text)
    retry = RetryInfo()
    assert error.details[0].Unpack(retry)
    assert 7 <= retry.retry_delay.seconds <= 14
    assert answer.headers["retry-after"] == str(retry.retry_delay.seconds)
