import asyncio
from collections.abc import Iterable
from typing import Final

from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from rak_libs.kafka.errors import KafkaError
from rak_libs.kafka.publisher import Publisher
from rak_libs.kafka.topics import DeadLetter, dead_letter_topic
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.metrics import counter
from rak_services.writer.batch import Refused
from rak_services.writer.retries import sleep_unless, stop_when_set, warn_of

log = get_logger(__name__)

_MAX_WAIT_SECONDS: Final = 15.0


class DeadLetters:
    """Publishes what cannot be stored to `<topic>.dlq`, with its reason; drops nothing."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    async def publish(self, refused: Iterable[Refused], abandoned: asyncio.Event) -> None:
        """Publish everything, each acknowledged, trying for as long as it takes.

        Raises:
            KafkaError: `abandoned` was set while the broker refused a message.
        """
        for each in refused:
            await self._publish(each, abandoned)

    async def _publish(self, refused: Refused, abandoned: asyncio.Event) -> None:
        record = refused.record
        letter = DeadLetter.now(
            refused.reason, refused.error_class, record.topic, record.partition, record.offset
        )
        topic = dead_letter_topic(record.topic)
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(KafkaError),
            wait=wait_random_exponential(multiplier=0.2, max=_MAX_WAIT_SECONDS),
            stop=stop_when_set(abandoned),
            sleep=sleep_unless(abandoned),
            before_sleep=warn_of(
                "writer.dead_letter_not_published", topic=topic, offset=record.offset
            ),
            reraise=True,
        )
        await retrying(self._publisher.publish, topic, refused.value, letter.to_headers())
        counter("ingest_dead_letters_total").labels(topic, refused.reason).inc(refused.count)
        log.warning(
            "writer.dead_lettered",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            reason=refused.reason,
            error_class=refused.error_class,
            items=refused.count,
        )
