"""Who may come in: one memory budget for the whole process, holding, and shutting down.

gRPC's own `maximum_concurrent_rpcs` answers RESOURCE_EXHAUSTED without RetryInfo, and clients
then drop their data; a refusal from here is retryable.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import Final

from rak_libs.receiving.errors import Held, Overloaded, ShuttingDown
from rak_libs.runtime.metrics import gauge

_ALL_SIGNALS: Final = "all"
_LEAST_BYTES: Final = 16 * 1024
"""What a request is charged however small it is: its tasks, buffers and headers."""


class Ticket:
    """The memory that one request is charged, in bytes; made by `Admission.enter`."""

    def __init__(self, admission: "Admission") -> None:
        self._admission = admission
        self._bytes = 0

    def charge(self, size: int) -> None:
        """Charge the request `size` bytes from now on, instead of what it was charged before.

        A single request may exceed the budget while there is no other, so that the budget never
        refuses for ever what the size limits allow.

        Raises:
            Overloaded: The budget does not hold that much more; the old charge stays.
        """
        size = max(size, _LEAST_BYTES)
        self._admission.change(self._bytes, size)
        self._bytes = size

    def release(self) -> None:
        """Give everything back."""
        self._admission.change(self._bytes, 0)
        self._bytes = 0


class Admission:
    """Decides whether a request may come in; knows how many are inside and what they hold."""

    def __init__(self, budget_bytes: int) -> None:
        self._budget_bytes = budget_bytes
        self._used_bytes = 0
        self._in_flight = 0
        self._nobody_inside = asyncio.Event()
        self._nobody_inside.set()
        self._held_until = 0.0
        self._shutting_down = False
        self._last_arrival = 0.0

    @property
    def used_bytes(self) -> int:
        """Bytes charged to the requests inside."""
        return self._used_bytes

    @property
    def in_flight(self) -> int:
        """Requests inside."""
        return self._in_flight

    @property
    def held(self) -> bool:
        """Whether requests are refused because of `hold`."""
        return time.monotonic() < self._held_until

    def show(self) -> None:
        """Keep the metrics of the budget up to date from now on."""
        # One budget for all: it is the process's memory that is short.
        gauge("ingest_buffer_size").labels(_ALL_SIGNALS).set_function(lambda: self._used_bytes)
        gauge("ingest_buffer_limit").labels(_ALL_SIGNALS).set(self._budget_bytes)

    @contextlib.contextmanager
    def enter(self) -> Iterator[Ticket]:
        """Let a request in for the time of the context.

        Raises:
            ShuttingDown, Held, Overloaded: It may not come in now.
        """
        if self._shutting_down:
            self._last_arrival = time.monotonic()
            raise ShuttingDown("the receiver is shutting down")
        if self.held:
            raise Held("the receiver takes nothing for a moment")
        ticket = Ticket(self)
        ticket.charge(0)
        self._in_flight += 1
        self._nobody_inside.clear()
        try:
            yield ticket
        finally:
            ticket.release()
            self._in_flight -= 1
            if not self._in_flight:
                self._nobody_inside.set()

    def change(self, old_bytes: int, new_bytes: int) -> None:
        """Replace a charge by another one; for tickets.

        Raises:
            Overloaded: The budget does not hold it beside the other requests.
        """
        others = self._used_bytes - old_bytes
        if new_bytes > old_bytes and others and others + new_bytes > self._budget_bytes:
            raise Overloaded
        self._used_bytes = others + new_bytes

    def hold(self, seconds: float) -> None:
        """Refuse everything for `seconds`, or until `release`; requests inside go on."""
        self._held_until = time.monotonic() + seconds

    def release(self) -> None:
        """End a hold."""
        self._held_until = 0.0

    def shut_down(self) -> None:
        """Refuse everything from now on; requests inside go on."""
        self._shutting_down = True
        self._last_arrival = time.monotonic()

    async def wait_quiet(self, seconds: float) -> None:
        """Return when nobody has come for `seconds`, counted from `shut_down` at the earliest."""
        while (left := self._last_arrival + seconds - time.monotonic()) > 0:  # noqa: ASYNC110 - each sleep ends when it can be over
            await asyncio.sleep(left)

    async def wait_empty(self) -> None:
        """Return when no request is inside."""
        await self._nobody_inside.wait()
