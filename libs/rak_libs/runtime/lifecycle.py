"""How a service's process runs and ends: loop, signals, drain deadline, exit status."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any

import uvloop

from rak_libs.runtime.errors import CannotListen, PortInUse
from rak_libs.runtime.logs import configure_logging, get_logger
from rak_libs.runtime.process import tune_garbage_collector
from rak_libs.runtime.settings import Config

STATUS_FAILED = 1
STATUS_PORT_IN_USE = 98
STATUS_FORCED = 130

log = get_logger(__name__)


def run_service(
    service: str, config: Config, main: Callable[[asyncio.Event], Awaitable[None]]
) -> int:
    """Run `main` until it returns; the result is the process's exit status.

    The first SIGTERM or SIGINT sets the event that `main` is given; it then has
    `[server] shutdown_timeout_seconds` to hand on what it holds and return. Statuses: 0 drained;
    1 failed, or the deadline passed; 98 a port is in use; 130 a second signal came. Deadline and
    second signal end the process at once, whatever the loop is doing.
    """
    configure_logging(service, config.logging)
    tune_garbage_collector()
    shutdown = _Shutdown(config.server.shutdown_timeout_seconds)
    log.info("service.starting", pid=os.getpid(), python=sys.version.split()[0])
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(main, shutdown))
    except Exception as error:  # noqa: BLE001 - the edge: every failure becomes a status
        return _failure_status(service, error)
    finally:
        shutdown.ended.set()
    log.info("service.stopped")
    return 0


class _Shutdown:
    """The way from the first signal to the end of the process."""

    def __init__(self, timeout_seconds: float) -> None:
        self.ended = threading.Event()
        self.stop = asyncio.Event()
        self._timeout_seconds = timeout_seconds
        self._begun = threading.Event()

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take over SIGTERM and SIGINT.

        Not through the loop: a second signal must end a process whose loop is busy.
        """

        def on_signal(number: int, _frame: FrameType | None) -> None:
            if self._begun.is_set():
                log.warning("service.forced_to_exit", signal=signal.Signals(number).name)
                os._exit(STATUS_FORCED)
            log.info("service.stopping", signal=signal.Signals(number).name)
            self.begin()
            loop.call_soon_threadsafe(self.stop.set)

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, on_signal)

    def begin(self) -> None:
        """Start the deadline, once."""
        if not self._begun.is_set():
            self._begun.set()
            threading.Thread(target=self._enforce, name="shutdown deadline", daemon=True).start()

    def _enforce(self) -> None:
        if not self.ended.wait(self._timeout_seconds):
            log.error("service.drain_timed_out", timeout_seconds=self._timeout_seconds)
            os._exit(STATUS_FAILED)


async def _run(main: Callable[[asyncio.Event], Awaitable[None]], shutdown: _Shutdown) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_log_unhandled)
    shutdown.listen(loop)
    await main(shutdown.stop)


def _log_unhandled(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    log.error(
        "service.unhandled_error", reason=context["message"], exc_info=context.get("exception")
    )


def _failure_status(service: str, error: Exception) -> int:
    refused = _listening_error(error)
    if refused is None:
        log.error("service.failed", exc_info=error)
        return STATUS_FAILED
    print(f"{service}: {refused}", file=sys.stderr)
    return STATUS_PORT_IN_USE if isinstance(refused, PortInUse) else STATUS_FAILED


def _listening_error(error: BaseException) -> CannotListen | None:
    if isinstance(error, CannotListen):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(_listening_error, error.exceptions)), None)
    return None
