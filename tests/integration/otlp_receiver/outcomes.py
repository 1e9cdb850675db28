"""One request over any transport, and what came back in a form that is the same for all."""

import gzip
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status

from integration.otlp_receiver.agents import (
    JSON,
    PROTOBUF,
    TRACES,
    Answer,
    Receiver,
    Signal,
)
from rak_libs.otlp.otlp_json import request_to_json

CODE = grpc.StatusCode
TRANSPORTS = ["grpc", "grpc gzip", "http protobuf", "http json", "http json gzip"]


@dataclass(frozen=True)
class Outcome:
    """What a client sees.

    Attributes:
        code: The gRPC status; over HTTP that of the `google.rpc.Status` body.
        response: The answer, if it was accepted.
        error: The `google.rpc.Status`; None where gRPC itself answered, which knows no details.
        http_status: None over gRPC.
        retry_after: The Retry-After header, seconds.
    """

    code: grpc.StatusCode
    response: Any = None
    error: Status | None = None
    http_status: int | None = None
    retry_after: int | None = None

    def detail(self, message: Any) -> Any:
        """Return the error's detail of the type of `message`, or None."""
        assert self.error is not None
        return next((message for each in self.error.details if each.Unpack(message)), None)

    def assert_retryable(self, least_seconds: int) -> None:
        """Check that a client is asked to come again, by every means of its transport."""
        assert self.code is CODE.UNAVAILABLE
        assert self.http_status in {None, 503}
        delay = self.detail(RetryInfo()).retry_delay
        assert least_seconds <= delay.seconds <= 2 * least_seconds
        assert delay.nanos == 0
        assert self.retry_after == (None if self.http_status is None else delay.seconds)

    def assert_refused(self, code: grpc.StatusCode, http_status: int) -> None:
        """Check that nothing asks a client to come again."""
        assert self.code is code
        assert self.http_status in {None, http_status}
        assert self.retry_after is None
        assert self.error is None or self.detail(RetryInfo()) is None
        names_a_field = self.error is not None and self.detail(BadRequest()) is not None
        assert names_a_field == (http_status == 400)


def send(
    receiver: Receiver, transport: str, request: Message | bytes, signal: Signal = TRACES
) -> Outcome:
    """Send a request message, or raw bytes, of a signal over one of `TRANSPORTS`."""
    if transport.startswith("grpc"):
        body = request if isinstance(request, bytes) else request.SerializeToString()
        return over_grpc(receiver, body, signal=signal, gzipped=transport == "grpc gzip")
    encoding = JSON if "json" in transport else PROTOBUF
    if isinstance(request, bytes):
        body = request
    else:
        body = request_to_json(request) if encoding == JSON else request.SerializeToString()
    if "gzip" in transport:
        return over_http(receiver, gzip.compress(body), encoding, signal, content_encoding="gzip")
    return over_http(receiver, body, encoding, signal)


def over_http(
    receiver: Receiver, body: bytes, encoding: str, signal: Signal = TRACES, **headers: str
) -> Outcome:
    """POST a body; the answer must be in the encoding of the request."""
    answer = receiver.post(body, encoding, signal, **headers)
    assert answer.headers["content-type"] == encoding
    return http_outcome(answer)


def http_outcome(answer: Answer) -> Outcome:
    """Read an answer, whatever its status."""
    if answer.status == 200:
        return Outcome(CODE.OK, answer.response, http_status=200)
    code = next(each for each in CODE if each.value[0] == answer.error.code)
    delay = answer.headers.get("retry-after")
    retry_after = None if delay is None else int(delay)
    return Outcome(code, None, answer.error, answer.status, retry_after)


def over_grpc(
    receiver: Receiver, body: bytes, *, signal: Signal = TRACES, gzipped: bool = False
) -> Outcome:
    """Call `Export`."""
    compression = grpc.Compression.Gzip if gzipped else grpc.Compression.NoCompression
    try:
        return Outcome(CODE.OK, receiver.export(body, signal, compression=compression))
    except grpc.RpcError as error:
        return grpc_outcome(error)


def grpc_outcome(error: Any) -> Outcome:
    """Read a refusal; the details must say what the status says."""
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    if details is None:
        return Outcome(error.code())
    status = Status.FromString(details)
    assert (status.code, status.message) == (error.code().value[0], error.details())
    return Outcome(error.code(), error=status)
