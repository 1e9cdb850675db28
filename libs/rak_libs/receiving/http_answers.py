"""The headers of an HTTP request, and how it is answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from google.protobuf.json_format import MessageToJson
from google.rpc import code_pb2 as codes
from google.rpc.status_pb2 import Status
from starlette.types import Send

from rak_libs.receiving.answers import Refusal
from rak_libs.receiving.content_encoding import (
    ACCEPTED_ENCODINGS,
    BodyDecoder,
    body_decoder,
    too_large,
)
from rak_libs.receiving.errors import MethodNotAllowed, UnsupportedContentEncoding
from rak_libs.runtime.http_connection import HttpError

BODY_SECONDS: Final = 60.0
"""How long a body may take to arrive."""

JSON: Final = "application/json"

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class BodyHeaders:
    """The headers that say how to read a body, as text; empty when absent."""

    content_type: str = ""
    content_encoding: str = ""
    content_length: str = ""

    def decoder(self, max_bytes: int) -> BodyDecoder:
        """Return what reads a body of at most `max_bytes`, before and after decompression.

        Raises:
            UnsupportedContentEncoding: Nothing does.
            BodyTooLarge: The client announced a larger one.
        """
        decoder = body_decoder(self.content_encoding, max_bytes)
        text = self.content_length
        # A client need not announce a size; the body is counted anyway.
        if text.isascii() and text.isdecimal() and int(text) > max_bytes:
            raise too_large(max_bytes)
        return decoder


def body_headers(headers: Headers) -> BodyHeaders:
    """Pick the headers; one that comes several times is a list (RFC 9110, 5.3)."""
    wanted = {b"content-type": "", b"content-encoding": "", b"content-length": ""}
    for name, value in headers:
        if name in wanted:
            text = value.decode("latin-1")
            wanted[name] = f"{wanted[name]}, {text}" if wanted[name] else text
    return BodyHeaders(*wanted.values())


def status_json(message: Status) -> bytes:
    """Write a `google.rpc.Status` with its details, of type Any, as protobuf's JSON has them."""
    return MessageToJson(message, indent=None).encode()


def malformed_request(_status: int, text: str) -> HttpError:
    """Describe bytes that are no HTTP request as every other error is described."""
    return HttpError(JSON, status_json(Status(code=codes.INVALID_ARGUMENT, message=text)))


async def send_answer(
    send: Send,
    status: int,
    body: bytes,
    media_type: str,
    headers: Headers = (),
    *,
    more_body: bool = False,
) -> None:
    """Send an answer; with `more_body` the caller ends it with an empty `http.response.body`."""
    start = [
        (b"content-type", media_type.encode()),
        (b"content-length", str(len(body)).encode()),
        *headers,
    ]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body, "more_body": more_body})


async def send_refusal(
    send: Send, error: Exception, refusal: Refusal, body: bytes, media_type: str
) -> None:
    """Send the answer to what was refused with `error`; the caller ends it as `send_answer` says.

    The end is left to the caller, who lets what is left of the request pass by first.
    """
    headers: list[tuple[bytes, bytes]] = []
    if refusal.retry_after_seconds is not None:
        headers.append((b"retry-after", str(refusal.retry_after_seconds).encode()))
    if isinstance(error, MethodNotAllowed):
        headers.append((b"allow", b"POST"))
    if isinstance(error, UnsupportedContentEncoding):
        headers.append((b"accept-encoding", ACCEPTED_ENCODINGS.encode()))
    status = refusal.status.http_status
    await send_answer(send, status, body, media_type, headers, more_body=True)
