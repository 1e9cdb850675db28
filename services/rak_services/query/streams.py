"""Answers without an end: how many there may be at once, and how the service ends them."""

import asyncio
import contextlib
from typing import Final

from rak_libs.runtime.metrics import gauge
from rak_services.query.problems import TooManyStreams

MOST_STREAMS: Final = 20
"""Each asks the engine two short questions a second."""


class Streams:
    """The streams of one service. Belongs to one event loop."""

    def __init__(self, most: int = MOST_STREAMS) -> None:
        self._most = most
        self._open = 0
        self._ending = asyncio.Event()

    @property
    def ending(self) -> bool:
        """Whether every stream is to end."""
        return self._ending.is_set()

    def take(self) -> None:
        """Count one that begins; `give_back` must follow.

        Raises:
            TooManyStreams: As many as there may be are open.
        """
        if self._open >= self._most:
            raise TooManyStreams
        self._count(1)

    def give_back(self) -> None:
        """Count one that has ended."""
        self._count(-1)

    def _count(self, more: int) -> None:
        self._open += more
        gauge("query_streams").set(self._open)

    def end(self) -> None:
        """Have every stream end: the service is on its way out."""
        self._ending.set()

    async def wait(self, seconds: float) -> None:
        """Return after a time, or as soon as streams are to end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ending.wait()
