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
LAST_WORDS_SECONDS = 1.0

log = get_logger(__name__)


def run_service(
    service: str, config: Config, main: Callable[[asyncio.Event], Awaitable[None]]
) -> int:
    """Run `main` until it returns; the result is the process's exit status.

    The first SIGTERM or SIGINT sets the event that `main` is given; it then has
    `[server] shutdown_timeout_seconds` to hand on what it holds and return. Statuses: 0 drained;
    1 failed, or the deadline passed; 98 a port is in use; 130 a second signal came. Deadline and
    second signal end the process at once, whatever its loop and its threads are doing.
    """
    configure_logging(service, config.logging)
    threading.excepthook = _log_failed_thread
    tune_garbage_collector()
    log.info("service.starting", pid=os.getpid(), python=sys.version.split()[0])
    shutdown = _Shutdown(config.server.shutdown_timeout_seconds)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            shutdown.listen(runner.get_loop())
            runner.run(_run(main, shutdown))
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - each becomes a status
        return _failure_status(service, error)
    finally:
        shutdown.finish()
    log.info("service.stopped")
    return 0


class _Shutdown:
    """The way from the first signal to the end of the process."""

    def __init__(self, timeout_seconds: float) -> None:
        self.stop = asyncio.Event()
        self._timeout_seconds = timeout_seconds
        self._finished = threading.Event()
        self._deadline: threading.Thread | None = None
        self._handlers: dict[signal.Signals, Any] = {}

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take over SIGTERM and SIGINT.

        Not through the loop: a second signal must end a process whose loop is busy.
        """
        signalled = False

        def on_signal(number: int, _frame: FrameType | None) -> None:
            nonlocal signalled
            name = signal.Signals(number).name
            if signalled or loop.is_closed():
                # Another thread logs: this one may have been interrupted while it wrote a line.
                fields = {"signal": name}
                _start_thread(exit_now, STATUS_FORCED, "service.forced_to_exit", fields)
                return
            signalled = True
            self.begin()
            loop.call_soon_threadsafe(self._stop, name)

        for number in (signal.SIGTERM, signal.SIGINT):
            self._handlers[number] = signal.signal(number, on_signal)

    def begin(self) -> None:
        """Start the deadline, once."""
        if self._deadline is None:
            self._deadline = _start_thread(self._enforce)

    def finish(self) -> None:
        """The process may live on: no deadline any more, signals as they were."""
        self._finished.set()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _stop(self, signal_name: str) -> None:
        log.info("service.stopping", signal=signal_name)
        self.stop.set()

    def _enforce(self) -> None:
        if not self._finished.wait(self._timeout_seconds):
            exit_now(
                STATUS_FAILED,
                "service.drain_timed_out",
                {"timeout_seconds": self._timeout_seconds},
            )


async def _run(main: Callable[[asyncio.Event], Awaitable[None]], shutdown: _Shutdown) -> None:
    asyncio.get_running_loop().set_exception_handler(_log_unhandled)
    try:
        await main(shutdown.stop)
    finally:
        # What is left, such as threads that do not end, has no longer than a drain.
        shutdown.begin()


def _start_thread(target: Callable[..., None], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=target, args=arguments, daemon=True)
    thread.start()
    return thread


def exit_now(status: int, event: str, fields: dict[str, object]) -> None:
    """Log an error and end the process, whatever its loop and its threads are doing."""
    # A line that cannot be written, say to a pipe that nobody reads, must not keep the process.
    _start_thread(lambda: log.error(event, **fields)).join(LAST_WORDS_SECONDS)
    os._exit(status)


def _log_unhandled(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    log.error(
        "service.unhandled_error", reason=context["message"], exc_info=context.get("exception")
    )


def _log_failed_thread(failure: threading.ExceptHookArgs) -> None:
    name = failure.thread.name if failure.thread else None
    log.error("service.thread_failed", thread=name, exc_info=failure.exc_value)


def _failure_status(service: str, error: BaseException) -> int:
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
