"""What the service does over and over: each kind of rows in a loop and a thread of its own."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential

from rak_libs.clickhouse.errors import ClickHouseError, TransientClickHouseError
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.metrics import counter, gauge, histogram
from rak_services.derive.progress import Progress
from rak_services.derive.statements import Stopped
from rak_services.derive.times import MS_NS

LONGEST_PAUSE_SECONDS: Final = 30.0

_BACKOFF = wait_exponential(multiplier=0.5, max=LONGEST_PAUSE_SECONDS)

log = get_logger(__name__)


@dataclass(slots=True)
class Loop:
    """One kind of derived rows.

    Attributes:
        name: What its metrics have between `derive_` and what they count; '' for the rollups of
            metrics.
        interval_seconds: How long to wait between two cycles.
        cycle: Computes what there is to compute; runs in the loop's thread.
        refusal: Why the last cycle failed for good; None when it did not.
    """

    name: str
    interval_seconds: float
    cycle: Callable[[], Progress]
    refusal: Exception | None = field(default=None, init=False)

    @property
    def title(self) -> str:
        """What the loop is called in logs."""
        return self.name or "rollups"

    def metric(self, name: str) -> str:
        """Return the full name of one of the loop's metrics."""
        return f"derive_{self.name}_{name}" if self.name else f"derive_{name}"


async def run_loops(loops: Sequence[Loop], stop: asyncio.Event) -> None:
    """Run loops beside each other until told to stop.

    A loop whose cycle is refused tries again later and stops no other.

    Raises:
        Exception: Each loop was refused; that of the first one.
    """

    def all_refused() -> bool:
        return all(loop.refusal for loop in loops)

    async with asyncio.TaskGroup() as group:
        for loop in loops:
            group.create_task(_run(loop, stop, all_refused))


async def _run(loop: Loop, stop: asyncio.Event, all_refused: Callable[[], bool]) -> None:
    thread = ThreadPoolExecutor(1, thread_name_prefix=f"derive-{loop.name}")
    try:
        while not stop.is_set():
            try:
                await _cycle(loop, thread, stop)
            except ClickHouseError as error:
                counter(loop.metric("errors_total")).labels(str(error.code)).inc()
                log.error("derive.refused", loop=loop.title, code=error.code, error=error.message,
                          advice="has `rak-migrate up` run?")  # fmt: skip
                loop.refusal = error
                if all_refused():
                    raise
                await sleep_unless(stop, LONGEST_PAUSE_SECONDS)
            else:
                loop.refusal = None
                await sleep_unless(stop, loop.interval_seconds)
    finally:
        thread.shutdown(wait=False, cancel_futures=True)


async def _cycle(loop: Loop, thread: ThreadPoolExecutor, stop: asyncio.Event) -> None:
    """Run one cycle, again and again while the engine is away."""
    retrying = AsyncRetrying(
        retry=retry_if_exception_type(TransientClickHouseError),
        wait=_BACKOFF,
        stop=lambda _: stop.is_set(),
        sleep=lambda seconds: sleep_unless(stop, seconds),
        before_sleep=lambda state: _log_failure(loop, state),
        reraise=True,
    )
    started = time.perf_counter()

    async def cycle() -> Progress:
        return await asyncio.get_running_loop().run_in_executor(thread, loop.cycle)

    try:
        progress: Progress = await retrying(cycle)
    except Stopped:
        return
    except ClickHouseError:
        if stop.is_set():
            return
        raise
    histogram(loop.metric("cycle_duration_seconds")).observe(time.perf_counter() - started)
    _tell(loop, progress)


def _tell(loop: Loop, progress: Progress) -> None:
    complete = progress.complete_until_ns / 1e9
    gauge(loop.metric("lag_seconds")).set_function(lambda: time.time() - complete)
    log.debug("derive.cycle_done", loop=loop.title, seen_until_ms=progress.seen_until_ms,
              complete_until_ms=progress.complete_until_ns // MS_NS)  # fmt: skip


def _log_failure(loop: Loop, state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, ClickHouseError):
        counter(loop.metric("errors_total")).labels(str(error.code)).inc()
    wait = round(state.next_action.sleep, 2) if state.next_action else None
    log.warning("derive.cycle_failed", loop=loop.title, error=str(error),
                attempt=state.attempt_number, next_in_seconds=wait)  # fmt: skip


async def sleep_unless(stop: asyncio.Event, seconds: float) -> None:
    """Wait for a while, or until told to stop."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
