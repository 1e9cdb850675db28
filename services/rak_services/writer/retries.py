"""Parts of tenacity's retries that are ended by an event rather than by a count."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from tenacity import RetryCallState

from rak_libs.kafka.errors import PartitionLost, TransientKafkaError
from rak_libs.runtime.logs import get_logger

log = get_logger(__name__)


def is_passing_kafka_error(error: BaseException) -> bool:
    """Tell whether the broker may accept the same request later from the same consumer."""
    return isinstance(error, TransientKafkaError) and not isinstance(error, PartitionLost)


def stop_when_set(event: asyncio.Event) -> Callable[[RetryCallState], bool]:
    """Stop retrying once the event is set."""
    return lambda _state: event.is_set()


def sleep_unless(event: asyncio.Event) -> Callable[[float], Awaitable[None]]:
    """Sleep between attempts, but no longer than until the event is set."""

    async def sleep(seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()

    return sleep


def warn_of(event: str, **fields: Any) -> Callable[[RetryCallState], None]:
    """Log each failed attempt with its error and the seconds to the next one."""

    def before_sleep(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        wait = round(state.next_action.sleep, 2) if state.next_action else None
        log.warning(
            event, error=str(error), attempt=state.attempt_number, next_in_seconds=wait, **fields
        )

    return before_sleep
