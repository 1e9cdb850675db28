"""The service put together; the only place that makes its clients."""

import asyncio
import contextlib
import time
from concurrent.futures import ThreadPoolExecutor

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential

from rak_libs.clickhouse.connection import ping
from rak_libs.clickhouse.errors import ClickHouseError, TransientClickHouseError
from rak_libs.clickhouse.insert import Inserter
from rak_libs.runtime.admin import AdminServer, ReadinessCheck, not_stopping
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.metrics import counter, gauge, histogram
from rak_libs.runtime.settings import Config
from rak_services.derive.config import derive_limits
from rak_services.derive.crash_points import CrashPoints
from rak_services.derive.metrics.computing import Computing, Stopped
from rak_services.derive.metrics.rollups import MetricRollups
from rak_services.derive.progress import Progress
from rak_services.derive.times import MS_NS

_BACKOFF = wait_exponential(multiplier=0.5, max=30)

log = get_logger(__name__)


async def serve(
    config: Config, stop: asyncio.Event, crash_points: CrashPoints | None = None
) -> None:
    """Keep the rollups up to date until `stop` is set; the composition root of the service.

    Args:
        config: The configuration.
        stop: Set to end the statement that runs, which loses nothing, and return.
        crash_points: Where the process kills itself, for tests.

    Raises:
        ClickHouseError: A table is missing, a permission, or a statement is refused: waiting does
            not help.
        CannotListen: The port is in use or the host is not of this machine.
    """
    engine = Inserter(config.clickhouse)
    computing = Computing(engine, derive_limits(config), stop.is_set, crash_points or CrashPoints())
    rollups = MetricRollups(computing)

    async def clickhouse_answers() -> None:
        await asyncio.to_thread(ping, config.clickhouse)

    checks: dict[str, ReadinessCheck] = {
        "clickhouse": clickhouse_answers,
        "service": not_stopping(stop),
    }
    server = config.server
    admin = AdminServer(
        "derive", server.host, server.derive_admin_port, "[server] derive_admin_port", checks
    )
    await admin.start()
    thread = ThreadPoolExecutor(1, thread_name_prefix="derive")
    cutting = asyncio.create_task(_cut_when_stopped(engine, stop))
    try:
        while not stop.is_set():
            await _cycle(rollups, thread, stop)
            await _sleep_unless(stop, config.derive.interval_seconds)
    finally:
        cutting.cancel()
        await admin.stop()
        thread.shutdown(wait=False, cancel_futures=True)
        engine.close()


def rebuild(config: Config, begin_ns: int, end_ns: int) -> tuple[int, int]:
    """Compute every window of a range of time again; see `MetricRollups.rebuild`.

    Raises:
        ClickHouseError: Some of it may be done; the same again goes on.
    """
    engine = Inserter(config.clickhouse)
    computing = Computing(engine, derive_limits(config), lambda: False, CrashPoints())
    try:
        return MetricRollups(computing).rebuild(begin_ns, end_ns)
    finally:
        engine.close()


async def _cycle(rollups: MetricRollups, thread: ThreadPoolExecutor, stop: asyncio.Event) -> None:
    """Run one cycle, again and again while the engine is away."""
    retrying = AsyncRetrying(
        retry=retry_if_exception_type(TransientClickHouseError),
        wait=_BACKOFF,
        stop=lambda _: stop.is_set(),
        sleep=lambda seconds: _sleep_unless(stop, seconds),
        before_sleep=_log_failure,
        reraise=True,
    )
    started = time.perf_counter()

    async def cycle() -> Progress:
        return await asyncio.get_running_loop().run_in_executor(thread, rollups.cycle)

    try:
        progress: Progress = await retrying(cycle)
    except Stopped:
        return
    except ClickHouseError as error:
        if stop.is_set():
            return
        counter("derive_errors_total").labels(str(error.code)).inc()
        log.error("derive.refused", code=error.code, error=error.message,
                  advice="has `rak-migrate up` run?")  # fmt: skip
        raise
    histogram("derive_cycle_duration_seconds").observe(time.perf_counter() - started)
    _tell(progress)


def _tell(progress: Progress) -> None:
    complete = progress.complete_until_ns / 1e9
    gauge("derive_lag_seconds").set_function(lambda: time.time() - complete)
    log.debug("derive.cycle_done", seen_until_ms=progress.seen_until_ms,
              complete_until_ms=progress.complete_until_ns // MS_NS)  # fmt: skip


def _log_failure(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, ClickHouseError):
        counter("derive_errors_total").labels(str(error.code)).inc()
    wait = round(state.next_action.sleep, 2) if state.next_action else None
    log.warning("derive.cycle_failed", error=str(error), attempt=state.attempt_number,
                next_in_seconds=wait)  # fmt: skip


async def _cut_when_stopped(engine: Inserter, stop: asyncio.Event) -> None:
    """End the statement that runs: it is computed again, and nothing waits for it."""
    await stop.wait()
    engine.close()


async def _sleep_unless(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
