"""The one message of a gRPC call: read once the call is admitted, within time and memory."""

import asyncio
from typing import Any, Final

import grpc.aio

from rak_libs.otlp.errors import UndecodableRequest
from rak_libs.receiving.errors import BodyTooSlow, Overloaded
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.resident_memory import MemoryCeiling, return_free_memory

_LOOK_SECONDS: Final = 0.01
_RETURN_SECONDS: Final = 2.0
"""Between two times of returning free memory, which takes a while."""

log = get_logger(__name__)


class CallBodies:
    """Reads the messages of all calls, and gives up on what still arrives when memory runs out.

    gRPC keeps what has arrived of a message to itself, so no ticket can be charged with it. What
    can be seen is the memory of the process.
    """

    def __init__(self, ceiling: MemoryCeiling, seconds: float) -> None:
        """Compose a reader; `seconds` is how long a message may take to arrive."""
        self._ceiling = ceiling
        self._seconds = seconds
        self._arriving: set[asyncio.Future[Any]] = set()
        self._watch: asyncio.TimerHandle | None = None
        self._returned = 0.0

    async def read(self, context: Any) -> bytes:
        """Return the message of a call to a method that takes a stream of them.

        Raises:
            Overloaded: It was still arriving when the process had reached its memory ceiling.
            BodyTooSlow: It is not complete within the time.
            UndecodableRequest: The call ended before; gRPC does not tell a client that left from
                one that sent no message, or one too large, which gRPC has answered by itself.
        """
        arriving = asyncio.ensure_future(context.read())
        self._arriving.add(arriving)
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look)
        try:
            await asyncio.wait({arriving}, timeout=self._seconds)
            if not arriving.done():
                raise BodyTooSlow(f"no complete message within {self._seconds:g} s")
            if arriving.cancelled():
                raise Overloaded
            message = arriving.result()
        finally:
            self._arriving.discard(arriving)
            arriving.cancel()
        if message is grpc.aio.EOF:
            raise UndecodableRequest("the call ended before its message was complete")
        body: bytes = message
        return body

    def _look(self) -> None:
        """Look at the memory for as long as anything arrives."""
        if self._arriving and self._ceiling.exceeded():
            log.warning("receiver.memory_ceiling_reached", refused_messages=len(self._arriving))
            for arriving in self._arriving:
                arriving.cancel()
            self._return_memory()
        again = bool(self._arriving)
        loop = asyncio.get_running_loop()
        self._watch = loop.call_later(_LOOK_SECONDS, self._look) if again else None

    def _return_memory(self) -> None:
        """Let what the refused messages held no longer count as held by the process."""
        loop = asyncio.get_running_loop()
        if loop.time() - self._returned >= _RETURN_SECONDS:
            self._returned = loop.time()
            loop.call_later(_RETURN_SECONDS / 4, loop.run_in_executor, None, return_free_memory)
