"""The body of one HTTP request: read within limits, or let pass unread."""

import asyncio
from typing import Final

from starlette.types import Receive

from rak_libs.receiving.admission import Ticket
from rak_libs.receiving.content_encoding import BodyDecoder
from rak_libs.receiving.errors import BodyTooSlow, ClientGone

_DISCARD_SECONDS: Final = 10.0
_DISCARD_BYTES: Final = 256 * 1024 * 1024


class RequestBody:
    """Reads the body that an ASGI server hands over message by message."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._complete = False

    async def read(self, decoder: BodyDecoder, ticket: Ticket, seconds: float) -> bytes:
        """Return the decoded body, charging the ticket with what has arrived so far.

        Raises:
            BodyTooSlow: It is not complete after `seconds`.
            ClientGone: The client left.
            BodyTooLarge, UndecodableBody: From the decoder.
            Overloaded: The memory budget does not hold it.
        """
        chunks = []
        size = 0
        try:
            async with asyncio.timeout(seconds):
                while not self._complete:
                    chunk = decoder.feed(await self._next())
                    size += len(chunk)
                    ticket.charge(size)
                    chunks.append(chunk)
        except TimeoutError as error:
            raise BodyTooSlow(f"no complete body within {seconds:g} s") from error
        decoder.finish()
        return b"".join(chunks)

    async def discard(self) -> None:
        """Let what is left pass by, within limits.

        A client that is still sending when the connection closes gets a reset instead of the
        answer, and takes it for a failure of the network that it may try again.
        """
        discarded = 0
        try:
            async with asyncio.timeout(_DISCARD_SECONDS):
                while not self._complete and discarded < _DISCARD_BYTES:
                    discarded += len(await self._next())
        except (TimeoutError, ClientGone):
            return

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGone("the client closed the connection")
        self._complete = not message.get("more_body", False)
        chunk: bytes = message.get("body", b"")
        return chunk
