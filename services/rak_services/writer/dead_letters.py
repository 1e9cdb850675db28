import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from rak_libs.kafka.errors import KafkaError, MessageTooLarge
from rak_libs.kafka.publisher import Publisher
from rak_libs.kafka.topics import (
    LEFT_BYTES,
    DeadLetter,
    Headers,
    dead_letter_topic,
    source_headers,
)
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.metrics import counter
from rak_services.writer.batch import UNDECODABLE, Refused
from rak_services.writer.retries import sleep_unless, stop_when_set, warn_of

log = get_logger(__name__)

_MAX_WAIT_SECONDS: Final = 15.0
_MINUTE_SECONDS: Final = 60.0


class TooManyDeadLetters(Exception):
    """So much cannot be stored that the writer itself is the likelier fault."""


class DeadLetters:
    """Publishes what cannot be stored to `<topic>.dlq`, with its reason; drops nothing.

    A letter carries the payload and the headers that the message had. One that is too large for a
    message (a Collector published it compressed) says where the payload is instead.

    A release that reads its messages wrongly would move a whole topic there. So letters are
    limited; beyond the limit nothing of a batch is published, and its messages stay in the topic.
    """

    def __init__(
        self,
        publisher: Publisher,
        per_minute: int,
        clock: Callable[[], float] = time.monotonic,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        """Compose.

        Args:
            publisher: Where letters go.
            per_minute: How many may be published within 60 s of the clock.
            clock: Seconds.
            on_failure: Told of every failed attempt.
        """
        self._publisher = publisher
        self._on_failure = on_failure
        self._per_minute = per_minute
        self._clock = clock
        self._published: deque[tuple[float, int]] = deque()

    async def publish(self, refused: Sequence[Refused], abandoned: asyncio.Event) -> None:
        """Publish everything, each acknowledged, trying for as long as it takes.

        Raises:
            TooManyDeadLetters: The limit would be passed; nothing is published.
            KafkaError: `abandoned` was set while the broker refused a message.
        """
        if not refused:
            return
        self._admit(len(refused))
        for each in refused:
            await self._publish(each, abandoned)

    def _admit(self, letters: int) -> None:
        now = self._clock()
        while self._published and self._published[0][0] <= now - _MINUTE_SECONDS:
            self._published.popleft()
        recent = sum(count for _, count in self._published)
        if recent + letters > self._per_minute:
            raise TooManyDeadLetters(
                f"{recent} dead letters within a minute and {letters} more to publish; "
                f"[writer] max_dead_letters_per_minute allows {self._per_minute}"
            )
        self._published.append((now, letters))

    async def _publish(self, refused: Refused, abandoned: asyncio.Event) -> None:
        record = refused.record
        topic = dead_letter_topic(record.topic)
        warn = warn_of("writer.dead_letter_not_published", topic=topic, offset=record.offset)

        def before_sleep(state: RetryCallState) -> None:
            self._on_failure()
            warn(state)

        retrying = AsyncRetrying(
            retry=retry_if_exception(_is_worth_retrying),
            wait=wait_random_exponential(multiplier=0.2, max=_MAX_WAIT_SECONDS),
            stop=stop_when_set(abandoned),
            sleep=sleep_unless(abandoned),
            before_sleep=before_sleep,
            reraise=True,
        )
        letter = _letter(refused).to_headers()
        try:
            headers = [*letter, *source_headers(record.headers)]
            await retrying(self._publisher.publish, topic, refused.value, headers)
        except MessageTooLarge as error:
            # Waiting would not help, and everything behind it would wait as well.
            log.error(
                "writer.dead_letter_left", topic=topic, offset=record.offset, error=str(error)
            )
            left: Headers = [*letter, (LEFT_BYTES, b"%d" % len(refused.value))]
            await retrying(self._publisher.publish, topic, b"", left)
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


def _letter(refused: Refused) -> DeadLetter:
    record = refused.record
    return DeadLetter.now(
        refused.reason,
        refused.error_class,
        record.topic,
        record.partition,
        record.offset,
        0 if refused.reason == UNDECODABLE else refused.count,
    )


def _is_worth_retrying(error: BaseException) -> bool:
    return isinstance(error, KafkaError) and not isinstance(error, MessageTooLarge)
