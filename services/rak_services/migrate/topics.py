"""`up` for Kafka: every topic of the project and its dead-letter topic."""

import asyncio
from typing import Final

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from rak_libs.kafka.admin import ensure_topics, missing_topics
from rak_libs.kafka.errors import TransientKafkaError
from rak_libs.runtime.settings import KafkaSettings
from rak_services.migrate.errors import Unavailable

_RETRY_SECONDS: Final = 0.5


def create_topics(settings: KafkaSettings, wait_seconds: float) -> list[str]:
    """Create what is missing and return the names of what was created.

    Raises:
        Unavailable: No broker could be reached in time.
        PermanentKafkaError: The broker refuses.
    """
    return asyncio.run(_patiently(settings, wait_seconds, create=True))


def find_missing_topics(settings: KafkaSettings, wait_seconds: float) -> list[str]:
    """Return the names of topics that do not exist; create nothing.

    Raises:
        Unavailable: No broker could be reached in time.
    """
    return asyncio.run(_patiently(settings, wait_seconds, create=False))


async def _patiently(settings: KafkaSettings, wait_seconds: float, *, create: bool) -> list[str]:
    attempts = AsyncRetrying(
        retry=retry_if_exception_type(TransientKafkaError),
        stop=stop_after_delay(wait_seconds),
        wait=wait_fixed(_RETRY_SECONDS),
        reraise=True,
    )
    try:
        names: list[str] = await attempts(ensure_topics if create else missing_topics, settings)
    except TransientKafkaError as error:
        raise Unavailable(
            f"no Kafka at {settings.bootstrap_servers} ([kafka] bootstrap_servers) within "
            f"{wait_seconds:g} s: {error}"
        ) from error
    return names
