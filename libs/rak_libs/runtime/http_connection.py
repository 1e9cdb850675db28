"""One HTTP/1.1 connection, with the limits that uvicorn leaves out.

uvicorn waits for ever for the rest of a header, takes headers of any size, and keeps a connection
for as long as its client likes.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

_AGE_JITTER: Final = 0.1
"""Of the age: so that connections that were opened together do not end together."""


@dataclass(frozen=True, slots=True)
class HttpError:
    """What is answered to bytes that are no HTTP request.

    Attributes:
        content_type: Of the body.
        body: Says what is wrong.
    """

    content_type: str
    body: bytes


def plain_text(_status: int, text: str) -> HttpError:
    """Describe an error for people."""
    return HttpError("text/plain; charset=utf-8", text.encode())


@dataclass(slots=True)
class ConnectionLimits:
    """What a connection may take.

    Attributes:
        head_seconds: From the first byte of a request to the end of its header.
        max_head_bytes: The size of a header, give or take what one read from the socket brings.
        max_age_seconds: After it (give or take a tenth) an answer ends the connection, so that
            load spreads over processes that came later.
        describe: Makes the answer to bytes that are no HTTP request from a status and a text.
        closing: Whether every answer ends its connection: set while the process is on its way out.
    """

    head_seconds: float = 10.0
    max_head_bytes: int = 64 * 1024
    max_age_seconds: float = 1800.0
    describe: Callable[[int, str], HttpError] = plain_text
    closing: bool = field(default=False)


class HttpConnection(HttpToolsProtocol):
    """A connection within limits; a request that is complete is served as uvicorn does."""

    def __init__(self, *args: Any, limits: ConnectionLimits, **kwargs: Any) -> None:
        """Compose a connection; the other arguments are uvicorn's."""
        super().__init__(*args, **kwargs)
        self._limits = limits
        self._head_bytes = 0
        self._head_deadline: asyncio.TimerHandle | None = None
        age = limits.max_age_seconds * random.uniform(1 - _AGE_JITTER, 1 + _AGE_JITTER)  # noqa: S311 - no secret
        self._ends = self.loop.time() + age

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give a client that sends nothing as long as one that has had an answer."""
        super().connection_made(cast("asyncio.Transport", transport))
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._end_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came; what follows an answer begins the next header, whatever it is."""
        super().data_received(data)
        if self.transport.is_closing() or not self._between_requests():
            return
        self._head_bytes += len(data)
        if self._head_bytes > self._limits.max_head_bytes:
            self._refuse(431, "The header is too large.")
        elif self._head_deadline is None:
            self._head_deadline = self.loop.call_later(
                self._limits.head_seconds, self.transport.close
            )

    def on_headers_complete(self) -> None:
        """Start the request, the last of an old connection."""
        self._end_deadline()
        super().on_headers_complete()
        upgrade: bool = self.parser.should_upgrade()  # whatever follows would not be parsed
        if upgrade or self._limits.closing or self.loop.time() > self._ends:
            self.cycle.keep_alive = False

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are no HTTP request, in the server's own form."""
        self._refuse(400, msg)

    def _between_requests(self) -> bool:
        return self.cycle is None or (self.cycle.response_complete and not self.pipeline)

    def _end_deadline(self) -> None:
        self._head_bytes = 0
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    def _refuse(self, status: int, text: str) -> None:
        self._end_deadline()
        if not (self._between_requests() or self.cycle.more_body):
            # What follows a whole request is wrong: that one is answered, and then nothing more.
            self.cycle.keep_alive = False
            return
        # An answer that has begun would run into this one.
        if self._between_requests() or not self.cycle.response_started:
            error = self._limits.describe(status, text)
            head = (
                f"content-type: {error.content_type}\r\ncontent-length: {len(error.body)}\r\n"
                "connection: close\r\n\r\n"
            )
            self.transport.write(STATUS_LINE[status] + head.encode() + error.body)
        self.transport.close()
