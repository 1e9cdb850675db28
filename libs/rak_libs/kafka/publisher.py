import asyncio
import contextlib
import time
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from rak_libs.kafka.aiokafka_seams import abandon, forget_leaders_on_disconnect
from rak_libs.kafka.errors import KafkaError, MessageTooLarge, TransientKafkaError, translate
from rak_libs.kafka.topics import Headers
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.settings import KafkaSettings

# Small messages of one partition share a request up to this size; a larger message goes alone.
_BATCH_BYTES = 1024 * 1024
_RECONNECT_SECONDS = 0.2
_RECONNECT_LIMIT_SECONDS = 2.0
_CHECK_SECONDS = 2.0
_LOG_APPEND_TIME = 1
# Refusals that are one topic's fault: another producer would be refused as well.
_HARMLESS = (kafka.TopicAuthorizationFailedError, kafka.UnknownTopicOrPartitionError)

log = get_logger(__name__)


class Stored(NamedTuple):
    """Where and when a message was stored.

    Attributes:
        partition: Its partition.
        offset: Its offset there.
        timestamp_ms: How it is dated for whoever reads it, unix milliseconds: by the broker, or by
            this producer where the broker dates nothing.
    """

    partition: int
    offset: int
    timestamp_ms: int


def message_size(value: bytes, headers: Headers) -> int:
    """Bytes that count against `[kafka] max_message_bytes`.

    They are the value, its headers, the framing of a record batch and what compression may add.
    """
    size: int = DefaultRecordBatchBuilder.estimate_size_in_bytes(None, value, list(headers))
    return size + compression_growth(size)


def compression_growth(size: int) -> int:
    """Bytes that zstd adds at most to `size` bytes that it cannot make smaller.

    Kafka compares what arrives, compressed, with the topic's `max.message.bytes`. zstd stores such
    bytes as raw blocks of up to 128 KiB with a header of 3 bytes, in a frame (RFC 8878, 3.1.1).
    """
    return (size >> 15) + 32


class Publisher:
    """Publishes messages; a publish returns after the broker has stored them (acks=all).

    Memory is bounded while the broker is away: a publish that is given up leaves nothing behind,
    since the producer that held it is closed and replaced. A producer is also replaced after any
    error that its state may not have survived: with `enable_idempotence` aiokafka never expires a
    batch and counts the sequence numbers of failed ones, so that every later message would be out
    of order. A message that was given up may still be stored; sending it again duplicates it.
    """

    def __init__(self, settings: KafkaSettings, client_id: str) -> None:
        self._settings = settings
        self._client_id = client_id
        self._producer: AIOKafkaProducer | None = None
        self._connected = asyncio.Event()
        self._broken = asyncio.Event()
        self._away_since: float | None = None
        self._last_error = "not connected yet"
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to connect, in the background and for as long as it takes."""
        self._away_since = time.monotonic()
        self._task = asyncio.create_task(self._keep_connected(), name="kafka publisher")

    async def publish(
        self, topic: str, value: bytes, headers: Headers, partition: int | None = None
    ) -> Stored:
        """Publish one message and return when every in-sync replica has it.

        Args:
            topic: Where to.
            value: The message, uncompressed.
            headers: Names and values, in this order.
            partition: One of the topic's partitions; None for any.

        Raises:
            MessageTooLarge: `message_size` is above `[kafka] max_message_bytes`.
            PermanentKafkaError: the broker refuses for good.
            TransientKafkaError: within `publish_timeout_seconds`; the message may still be stored,
                unless the topic lacks that partition.
        """
        limit = self._settings.max_message_bytes
        if (size := message_size(value, headers)) > limit:
            raise MessageTooLarge(f"publishing to {topic}: {size} of {limit} bytes allowed")
        producer: AIOKafkaProducer | None = None
        try:
            async with asyncio.timeout(self._settings.publish_timeout_seconds):
                producer = await self._connected_producer()
                return await _published(producer, topic, value, headers, partition)
        except (kafka.KafkaError, TimeoutError, OSError) as error:
            if producer is not None and not isinstance(error, _HARMLESS):
                self._replace(producer, error)
            raise self._translated(topic, error) from error

    async def check(self) -> None:
        """Return when a broker answers.

        Raises:
            TransientKafkaError: none does; the text says why.
        """
        producer = self._producer
        if producer is None:
            raise TransientKafkaError(self._unreachable())
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                await producer.client.fetch_all_metadata()
        except (kafka.KafkaError, TimeoutError, OSError) as error:
            raise translate(error, f"asking {self._settings.bootstrap_servers}") from error

    async def stop(self, deadline: float) -> None:
        """Deliver what is under way for up to `deadline` seconds, then close."""
        producer = self._producer
        if producer is not None:
            with contextlib.suppress(TimeoutError, kafka.KafkaError):
                async with asyncio.timeout(deadline):
                    await producer.flush()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _connected_producer(self) -> AIOKafkaProducer:
        producer = self._producer
        if producer is not None:
            return producer
        if self._task is None:
            raise RuntimeError("the publisher was not started")
        if self._away_for() > self._settings.publish_timeout_seconds:
            raise TransientKafkaError(self._unreachable())
        while (producer := self._producer) is None:
            await self._connected.wait()
        return producer

    def _replace(self, producer: AIOKafkaProducer, error: BaseException) -> None:
        if producer is self._producer:
            self._last_error = str(error) or type(error).__name__
            self._disconnected()
            self._broken.set()

    async def _keep_connected(self) -> None:
        pause = _RECONNECT_SECONDS
        while True:
            producer = self._new_producer()
            try:
                await self._connect(producer)
                pause = _RECONNECT_SECONDS
                await self._broken.wait()
                log.warning("kafka.producer_replaced", error=self._last_error)
            except (kafka.KafkaError, TimeoutError, OSError) as error:
                self._last_error = str(error) or type(error).__name__
                log.warning("kafka.broker_unreachable", error=self._last_error)
            finally:
                self._disconnected()
                await abandon(producer)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _RECONNECT_LIMIT_SECONDS)

    async def _connect(self, producer: AIOKafkaProducer) -> None:
        async with asyncio.timeout(self._settings.publish_timeout_seconds):
            await producer.start()
        self._producer = producer
        self._broken.clear()
        self._away_since = None
        self._connected.set()
        log.info("kafka.connected", bootstrap_servers=self._settings.bootstrap_servers)

    def _disconnected(self) -> None:
        self._producer = None
        self._connected.clear()
        if self._away_since is None:
            self._away_since = time.monotonic()

    def _away_for(self) -> float:
        return 0.0 if self._away_since is None else time.monotonic() - self._away_since

    def _unreachable(self) -> str:
        return f"no broker at {self._settings.bootstrap_servers}: {self._last_error}"

    def _translated(self, topic: str, error: BaseException) -> KafkaError:
        if isinstance(error, TimeoutError):
            seconds = self._settings.publish_timeout_seconds
            where = self._settings.bootstrap_servers
            text = f"publishing to {topic}: no acknowledgement from {where} within {seconds:g} s"
            return TransientKafkaError(text)
        return translate(error, f"publishing to {topic}")

    def _new_producer(self) -> AIOKafkaProducer:
        settings = self._settings
        producer = AIOKafkaProducer(
            bootstrap_servers=settings.bootstrap_servers,
            client_id=self._client_id,
            acks="all",
            compression_type="zstd",
            enable_idempotence=settings.enable_idempotence,
            max_request_size=settings.max_message_bytes,
            max_batch_size=min(_BATCH_BYTES, settings.max_message_bytes),
            # Half, so that the reason of a refusal (no such topic) is known before the deadline.
            request_timeout_ms=int(settings.publish_timeout_seconds * 500),
        )
        forget_leaders_on_disconnect(producer)
        return producer


async def _published(
    producer: AIOKafkaProducer, topic: str, value: bytes, headers: Headers, partition: int | None
) -> Stored:
    if partition is not None and partition not in await producer.partitions_for(topic):
        raise TransientKafkaError(f"publishing to {topic}: it has no partition {partition}")
    # Of several messages in one batch, aiokafka tells all but the first another's time.
    now_ms = time.time_ns() // 1_000_000
    sent = await producer.send(
        topic, value, partition=partition, timestamp_ms=now_ms, headers=list(headers)
    )
    stored = await sent
    dated_by_broker = stored.timestamp_type == _LOG_APPEND_TIME
    timestamp_ms = stored.timestamp if dated_by_broker else now_ms
    return Stored(stored.partition, stored.offset, timestamp_ms)
