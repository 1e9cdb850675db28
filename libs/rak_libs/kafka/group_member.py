"""A member of a consumer group: how it is set up, and its commits."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka import errors as kafka

from rak_libs.kafka.aiokafka_seams import Membership, close_consumer, commit_as
from rak_libs.kafka.errors import PartitionLost, PermanentKafkaError, translate
from rak_libs.kafka.positions import Committed
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.settings import KafkaSettings

Partitions = frozenset[TopicPartition]
PartitionsCallback = Callable[[Partitions], Awaitable[None]]

_PARTITION_FETCH_BYTES = 1024 * 1024
_FETCH_BYTES = 8 * 1024 * 1024
_METADATA_MS = 5_000
_RECONNECT_SECONDS = 0.5
_COMMIT_AGAIN_SECONDS = 0.1

log = get_logger(__name__)


class RebalanceListener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """Awaits one function before a rebalance and after it: nothing from before holds any more."""

    def __init__(self, rebalanced: PartitionsCallback) -> None:
        self._rebalanced = rebalanced

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Pass on what is taken away."""
        await self._rebalanced(frozenset(revoked))

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Pass on what is given."""
        await self._rebalanced(frozenset(assigned))


def new_member(
    settings: KafkaSettings,
    group: str,
    client_id: str,
    rebalance_seconds: float,
    max_poll_seconds: float,
) -> AIOKafkaConsumer:
    """Make a member that is not connected yet and commits nothing by itself.

    Args:
        settings: `[kafka]`.
        group: The consumer group.
        client_id: The name in the broker's logs.
        rebalance_seconds: How long the group waits for it to let go of its partitions.
        max_poll_seconds: How long it may ask for nothing and stay in the group.
    """
    session_ms = int(settings.session_timeout_seconds * 1000)
    rebalance_ms = int(rebalance_seconds * 1000)
    return AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers,
        client_id=client_id,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=session_ms,
        heartbeat_interval_ms=session_ms // 4,
        rebalance_timeout_ms=rebalance_ms,
        # A request to join is answered when the slowest member has let go.
        request_timeout_ms=rebalance_ms + 10_000,
        max_poll_interval_ms=int(max_poll_seconds * 1000),
        max_partition_fetch_bytes=_PARTITION_FETCH_BYTES,
        fetch_max_bytes=_FETCH_BYTES,
        metadata_max_age_ms=_METADATA_MS,
    )


async def subscribed(
    new: Callable[[], AIOKafkaConsumer], topics: Iterable[str], listener: RebalanceListener
) -> AIOKafkaConsumer:
    """Connect a member for as long as it takes, each time a new one, and subscribe it."""
    while True:
        consumer = new()
        try:
            await consumer.start()
            consumer.subscribe(topics, listener=listener)
        except (kafka.KafkaError, TimeoutError, OSError) as error:
            log.warning("kafka.broker_unreachable", error=str(error))
            await close_consumer(consumer)
            await asyncio.sleep(_RECONNECT_SECONDS)
        except BaseException:
            await close_consumer(consumer)
            raise
        else:
            return consumer


async def commit_until_accepted(
    consumer: AIOKafkaConsumer, member: Membership, commits: Mapping[TopicPartition, Committed]
) -> None:
    """Commit as that member, again for as long as trying again may succeed.

    Raises:
        kafka.KafkaError: the broker refuses for good.
    """
    while True:
        try:
            await commit_as(consumer, member, commits)
        except kafka.KafkaError as error:
            translated = translate(error, "committing")
            if isinstance(translated, (PartitionLost, PermanentKafkaError)):
                raise
            await asyncio.sleep(_COMMIT_AGAIN_SECONDS)
        else:
            return
