"""The few places where aiokafka 0.14 has no public way; each is proven by the broker contract.

Everything here reads or replaces private state of aiokafka objects. Nothing else in the project
does, so an upgrade of aiokafka is judged by this file and `tests/contract/broker`.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka import errors as kafka
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import CloseReason
from aiokafka.protocol.commit import OffsetCommitRequest

_ABANDON_SECONDS = 2.0


def forget_leaders_on_disconnect(producer: AIOKafkaProducer) -> None:
    """Make the producer read metadata again before it sends anything over a new connection.

    aiokafka sends a batch that is to be retried as soon as it can connect, with the metadata of
    before. A broker that came back empty (the embedded one) then stores a batch of a topic that
    does not exist: acknowledged, and invisible to consumers. Asking for metadata first lets such a
    broker make the topic, or tell that it has none.
    """
    client = producer.client
    on_close: Callable[[Any, CloseReason], None] = client._on_connection_closed  # noqa: SLF001

    def forget(connection: Any, reason: CloseReason) -> None:
        if reason is not CloseReason.SHUTDOWN:
            client.cluster._partitions.clear()  # noqa: SLF001
        on_close(connection, reason)

    client._on_connection_closed = forget  # noqa: SLF001


async def abandon(producer: AIOKafkaProducer) -> None:
    """Close a producer without delivering what it holds.

    `AIOKafkaProducer.stop` waits for every batch, which with idempotence never expire. Everything
    that waits for an acknowledgement gets `ProducerClosed`.
    """
    producer._closed = True  # noqa: SLF001
    accumulator = producer._message_accumulator  # noqa: SLF001
    accumulator._closed = True  # noqa: SLF001
    accumulator.fail_all(kafka.ProducerClosed())
    task = producer._sender.sender_task  # noqa: SLF001
    with contextlib.suppress(TimeoutError, kafka.KafkaError):
        async with asyncio.timeout(_ABANDON_SECONDS):
            await producer.client.close()
            if task is not None:
                task.cancel()
                await asyncio.wait([task])


def connections(consumer: AIOKafkaConsumer) -> frozenset[Any]:
    """The live connections: a value that differs from an earlier one means a reconnection."""
    live = consumer._client._conns.values()  # noqa: SLF001
    return frozenset(connection for connection in live if connection.connected())


class Membership(NamedTuple):
    """A consumer's place in its group; the broker refuses commits of any other than the current."""

    generation: int
    member_id: str


def membership(consumer: AIOKafkaConsumer) -> Membership | None:
    """The consumer's current membership, None while it has none."""
    coordinator = consumer._coordinator  # noqa: SLF001
    if coordinator is None or not coordinator.member_id or coordinator.generation < 0:
        return None
    return Membership(coordinator.generation, coordinator.member_id)


async def commit_as(
    consumer: AIOKafkaConsumer, member: Membership, offsets: Mapping[TopicPartition, int]
) -> None:
    """Commit once, as the member that the records were delivered to.

    `AIOKafkaConsumer.commit` repeats itself for ever while the broker is away, and then commits
    under whatever membership the consumer has by then, or under none, which brokers accept for an
    empty group: after a broker came back empty that stores an offset of the log that is gone.

    Raises:
        kafka.KafkaError: what the broker refused it for, or that no coordinator answers.
    """
    if not offsets:
        return
    coordinator = consumer._coordinator  # noqa: SLF001
    by_topic: defaultdict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for (topic, partition), offset in offsets.items():
        by_topic[topic].append((partition, offset, ""))
    request = OffsetCommitRequest(
        consumer._group_id,  # noqa: SLF001
        member.generation,
        member.member_id,
        OffsetCommitRequest.DEFAULT_RETENTION_TIME,
        list(by_topic.items()),
    )
    response = await coordinator._send_req(request)  # noqa: SLF001
    for _, partitions in response.topics:
        for _, code in partitions:
            error = kafka.for_code(code)
            if error is not kafka.NoError:
                raise error


async def existing_topics(client: AIOKafkaAdminClient) -> dict[str, int]:
    """Topics and how many partitions each has; asking for all creates none, by name it may."""
    metadata = await client._client.fetch_all_metadata()  # noqa: SLF001
    names = metadata.topics(exclude_internal_topics=True)
    return {name: len(metadata.partitions_for_topic(name) or ()) for name in names}
