"""The end of a receiver: late comers are told to come again, what is inside is finished."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from rak_libs.kafka.publisher import Publisher
from rak_libs.kafka.status_reports import ReceiverReports
from rak_libs.receiving.admission import Admission
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.serving import RunningServer
from rak_libs.runtime.settings import Config

_NOTICE_SHARE: Final = 1 / 3
"""Of the time to shut down, at most: for telling late comers to come again."""
_IN_FLIGHT_SHARE: Final = 0.7
"""Of the time left then: for requests inside; the rest is for the producer's buffers."""
_MARGIN_SECONDS: Final = 1.0
_LAST_STATUS_SECONDS: Final = 3.0

StopServer = Callable[[float], Coroutine[Any, Any, None]]
"""Takes no new requests, and ends those inside after a grace in seconds."""

log = get_logger(__name__)


async def drain(
    config: Config,
    admission: Admission,
    reports: ReceiverReports,
    publisher: Publisher,
    http: RunningServer | None,
    others: Sequence[StopServer] = (),
) -> None:
    """Refuse what comes late, finish what is inside, flush, stop; safe after a failed start.

    It takes `[server] shutdown_timeout_seconds` at most.

    Args:
        config: Says how long each part may take.
        admission: Who is inside.
        reports: Publishes the last record of the account.
        publisher: Where requests go.
        http: The server of HTTP, if it has started.
        others: What stops the servers beside it.
    """
    total = config.server.shutdown_timeout_seconds
    ends = time.monotonic() + total
    await _refuse_late_comers(config, admission, http, total * _NOTICE_SHARE)
    grace = (ends - time.monotonic()) * _IN_FLIGHT_SHARE
    stopping = [stop(grace) for stop in others]
    if http is not None:
        stopping.append(http.stop(grace))
    await asyncio.gather(*stopping)
    if admission.in_flight:
        # Requests whose clients left: what they sent is still on its way to the broker.
        await asyncio.wait({asyncio.ensure_future(admission.wait_empty())}, timeout=grace)
    left_seconds = ends - time.monotonic() - _MARGIN_SECONDS
    is_complete = admission.in_flight == 0
    await reports.close(min(left_seconds, _LAST_STATUS_SECONDS), complete=is_complete)
    await publisher.stop(max(ends - time.monotonic() - _MARGIN_SECONDS, 0.0))
    log.info("receiver.drained", unfinished_requests=admission.in_flight)


async def _refuse_late_comers(
    config: Config, admission: Admission, http: RunningServer | None, most_seconds: float
) -> None:
    """Answer everything with UNAVAILABLE or 503 until nobody comes any more, or not for long.

    A call that reaches a gRPC server while it stops is cancelled without a word.
    """
    admission.shut_down()
    if http is not None:
        http.end_connections()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(most_seconds):
                await admission.wait_quiet(config.receiver.drain_notice_seconds)
