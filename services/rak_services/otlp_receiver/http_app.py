"""OTLP over HTTP, as a plain ASGI application: `POST` of protobuf or JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import grpc
from google.rpc.status_pb2 import Status
from starlette.types import Receive, Scope, Send

from rak_libs.runtime.http_connection import HttpError
from rak_services.otlp_receiver.admission import Admission
from rak_services.otlp_receiver.answers import DISCONNECTED, Refusal, count, refuse
from rak_services.otlp_receiver.content_encoding import (
    ACCEPTED_ENCODINGS,
    body_decoder,
    too_large,
)
from rak_services.otlp_receiver.encodings import Encoding, encode, encoding_of
from rak_services.otlp_receiver.errors import (
    ClientGone,
    MethodNotAllowed,
    NoSuchPath,
    UnsupportedContentEncoding,
    UnsupportedContentType,
)
from rak_services.otlp_receiver.export import Exporter
from rak_services.otlp_receiver.http_body import RequestBody

BODY_SECONDS: Final = 60.0
"""How long a body may take to arrive."""

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class _RequestHeaders:
    """The headers that matter, as text; empty when absent."""

    content_type: str = ""
    content_encoding: str = ""
    content_length: str = ""


class OtlpHttpApp:
    """Serves the path of every signal."""

    def __init__(
        self,
        exporters: Sequence[Exporter],
        admission: Admission,
        max_request_bytes: int,
        retry_after_seconds: int,
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        """Compose the application; `max_request_bytes` holds before and after decompression."""
        self._exporters = {exporter.signal.http_path: exporter for exporter in exporters}
        self._admission = admission
        self._max_request_bytes = max_request_bytes
        self._retry_after_seconds = retry_after_seconds
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = _request_headers(scope["headers"])
        encoding = encoding_of(headers.content_type)
        body = RequestBody(receive)
        exporter = self._exporters.get(scope["path"])
        signal = "" if exporter is None else exporter.signal.name
        try:
            answer = await self._export(exporter, scope["method"], body, headers, encoding)
        except ClientGone:
            count("http", signal, DISCONNECTED)
            return
        except Exception as error:  # noqa: BLE001 - the edge: every error becomes a status
            refusal = refuse(error, "http", signal, self._retry_after_seconds)
            # An answer in an encoding that was not asked for should be one that people can read.
            await _send_refusal(send, error, refusal, encoding or Encoding.JSON)
            await body.discard()
            await send({"type": "http.response.body"})
        else:
            await _send(send, 200, answer, encoding or Encoding.JSON)

    async def _export(
        self,
        exporter: Exporter | None,
        method: str,
        body: RequestBody,
        headers: _RequestHeaders,
        encoding: Encoding | None,
    ) -> bytes:
        if exporter is None:
            raise NoSuchPath(f"nothing is here; expected one of {', '.join(self._exporters)}")
        if method != "POST":
            raise MethodNotAllowed("expected POST")
        if encoding is None:
            expected = " or ".join(each.value for each in Encoding)
            raise UnsupportedContentType(f"the Content-Type is not supported; expected {expected}")
        decoder = body_decoder(headers.content_encoding, self._max_request_bytes)
        if _declared_bytes(headers) > self._max_request_bytes:
            raise too_large(self._max_request_bytes)
        with self._admission.enter() as ticket:
            response = await exporter.export(
                await body.read(decoder, ticket, self._body_seconds), encoding, "http", ticket
            )
        return encode(response, encoding)


def malformed_request(_status: int, text: str) -> HttpError:
    """Describe bytes that are no HTTP request as OTLP describes errors."""
    message = Status(code=grpc.StatusCode.INVALID_ARGUMENT.value[0], message=text)
    return HttpError(Encoding.JSON.value, encode(message, Encoding.JSON))


def _request_headers(headers: Headers) -> _RequestHeaders:
    """Pick the headers; one that comes several times is a list (RFC 9110, 5.3)."""
    wanted = {b"content-type": "", b"content-encoding": "", b"content-length": ""}
    for name, value in headers:
        if name in wanted:
            text = value.decode("latin-1")
            wanted[name] = f"{wanted[name]}, {text}" if wanted[name] else text
    return _RequestHeaders(*wanted.values())


def _declared_bytes(headers: _RequestHeaders) -> int:
    """Return the size that the client announced; 0 when it did not (the body is counted anyway)."""
    text = headers.content_length
    return int(text) if text.isascii() and text.isdecimal() else 0


async def _send_refusal(send: Send, error: Exception, refusal: Refusal, encoding: Encoding) -> None:
    headers: Headers = []
    if refusal.retry_after_seconds is not None:
        headers.append((b"retry-after", str(refusal.retry_after_seconds).encode()))
    if isinstance(error, MethodNotAllowed):
        headers.append((b"allow", b"POST"))
    if isinstance(error, UnsupportedContentEncoding):
        headers.append((b"accept-encoding", ACCEPTED_ENCODINGS.encode()))
    message = encode(refusal.message, encoding)
    await _send(send, refusal.status.http_status, message, encoding, headers, more_body=True)


async def _send(
    send: Send,
    status: int,
    body: bytes,
    encoding: Encoding,
    headers: Sequence[tuple[bytes, bytes]] = (),
    *,
    more_body: bool = False,
) -> None:
    """Send an answer; with `more_body` the caller ends it with an empty `http.response.body`."""
    start = [
        (b"content-type", encoding.value.encode()),
        (b"content-length", str(len(body)).encode()),
        *headers,
    ]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body, "more_body": more_body})
