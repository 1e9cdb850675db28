"""`up` for Kafka: every topic of the project and its dead-letter topic."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from rak_libs.kafka.admin import TopicSteps, ensure_topics, topic_steps
from rak_libs.kafka.errors import TransientKafkaError
from rak_libs.runtime.settings import KafkaSettings
from rak_services.migrate.errors import Unavailable

_RETRY_SECONDS: Final = 0.5


def migrate_topics(settings: KafkaSettings, wait_seconds: float) -> TopicSteps:
    """Create what is missing, alter what differs, and return what was done.

    Raises:
        Unavailable: No broker could be reached in time.
        PermanentKafkaError: The broker refuses.
    """
    return asyncio.run(_patiently(settings, wait_seconds, ensure_topics))


def plan_topics(settings: KafkaSettings, wait_seconds: float) -> TopicSteps:
    """Return what `migrate_topics` would do; does nothing.

    Raises:
        Unavailable: No broker could be reached in time.
    """
    return asyncio.run(_patiently(settings, wait_seconds, topic_steps))


async def _patiently(
    settings: KafkaSettings,
    wait_seconds: float,
    carry_out: Callable[[KafkaSettings], Awaitable[TopicSteps]],
) -> TopicSteps:
    attempts = AsyncRetrying(
        retry=retry_if_exception_type(TransientKafkaError),
        stop=stop_after_delay(wait_seconds),
        wait=wait_fixed(_RETRY_SECONDS),
        reraise=True,
    )
    try:
        steps: TopicSteps = await attempts(carry_out, settings)
    except TransientKafkaError as error:
        raise Unavailable(
            f"no Kafka at {settings.bootstrap_servers} ([kafka] bootstrap_servers) within "
            f"{wait_seconds:g} s: {error}"
        ) from error
    return steps
