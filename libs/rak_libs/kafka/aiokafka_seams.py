"""The few places where aiokafka 0.14 has no public way; each is proven by the broker contract.

Everything here reads or replaces private state of aiokafka objects. Nothing else in the project
does, so an upgrade of aiokafka is judged by this file and `tests/contract/broker`.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka import errors as kafka
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetFetchRequest
from aiokafka.protocol.fetch import FetchRequest

from rak_libs.kafka.positions import Committed, LogBounds
from rak_libs.kafka.protocol import AlterTopics, AskTopicIds

_ABANDON_SECONDS = 2.0
_STOP_SECONDS = 5.0


_send = AIOKafkaConnection.send


def _send_or_close(connection: AIOKafkaConnection, *request: Any, **options: Any) -> Any:
    """Send a request; a connection that is closed is broken, whatever the event loop calls it.

    uvloop raises RuntimeError for a write to a closed connection where asyncio raises OSError.
    aiokafka expects the second: the first ends its tasks, and with them the client, for good.

    Raises:
        kafka.KafkaConnectionError: the connection is broken.
    """
    try:
        return _send(connection, *request, **options)
    except RuntimeError as error:
        connection.close(reason=CloseReason.CONNECTION_BROKEN)
        raise kafka.KafkaConnectionError(str(error)) from error


# On the class: connections are made deep inside aiokafka, which can be told no other.
AIOKafkaConnection.send = _send_or_close


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
    accumulator, sender = producer._message_accumulator, producer._sender  # noqa: SLF001
    accumulator._closed = True  # noqa: SLF001
    queued = [batch for batches in accumulator._batches.values() for batch in batches]  # noqa: SLF001
    batches = [*queued, *accumulator._pending_batches]  # noqa: SLF001
    # Requests under way end with the connections, and must not be tried again.
    sender._txn_manager = None  # noqa: SLF001
    for batch in batches:
        batch._ttl = -1.0  # noqa: SLF001
    # Batches that wait to be tried again are queued, not pending, and take themselves out all the
    # same when they fail.
    accumulator._pending_batches.update(queued)  # noqa: SLF001
    accumulator.fail_all(kafka.ProducerClosed())
    for batch in batches:
        batch._drain_waiter.exception()  # noqa: SLF001  retrieved, or asyncio complains
    accumulator._batches.clear()  # noqa: SLF001
    with contextlib.suppress(TimeoutError, kafka.KafkaError):
        async with asyncio.timeout(_ABANDON_SECONDS):
            await producer.client.close()
            update = producer.client._md_update_fut  # noqa: SLF001
            if update is not None and not update.done():
                update.set_result(False)  # nobody else does any more, and retries wait for it
            if sender.sender_task is not None:
                sender.sender_task.cancel()
                await asyncio.wait([sender.sender_task])


async def close_consumer(consumer: AIOKafkaConsumer) -> None:
    """Leave the group and close, whatever the broker does.

    When a fetch waits to be tried again, `AIOKafkaConsumer.stop` raises the CancelledError of that
    fetch, as if its caller were cancelled, and leaves the client open.
    """
    stopping = asyncio.create_task(consumer.stop())
    await asyncio.wait([stopping], timeout=_STOP_SECONDS)
    fetcher = consumer._fetcher  # noqa: SLF001
    left = [stopping, *(fetcher._pending_tasks if fetcher else ())]  # noqa: SLF001
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    await consumer._client.close()  # noqa: SLF001


def connections(consumer: AIOKafkaConsumer) -> frozenset[Any]:
    """The live connections: a value that differs from an earlier one means a reconnection."""
    live = consumer._client._conns.values()  # noqa: SLF001
    return frozenset(connection for connection in live if connection.connected())


def note_poll(consumer: AIOKafkaConsumer) -> None:
    """Count as a poll, without handing anything out.

    aiokafka neither stays in its group nor joins it again when nobody has asked it for records
    for `max_poll_interval_ms`, and it looks for no coordinator while an error waits for a poll.

    Raises:
        kafka.KafkaError: the error that waited.
    """
    with consumer._subscription.fetch_context():  # noqa: SLF001
        pass
    if consumer._coordinator is not None:  # noqa: SLF001
        consumer._coordinator.check_errors()  # noqa: SLF001


class Membership(NamedTuple):
    """A consumer's place in its group; the broker refuses commits of any other than the current."""

    generation: int
    member_id: str


def membership(consumer: AIOKafkaConsumer) -> Membership | None:
    """The consumer's current membership, None while it has none, or is about to get another."""
    coordinator = consumer._coordinator  # noqa: SLF001
    if consumer._subscription.reassignment_in_progress:  # noqa: SLF001
        return None
    if coordinator is None or not coordinator.member_id or coordinator.generation < 0:
        return None
    return Membership(coordinator.generation, coordinator.member_id)


async def commit_as(
    consumer: AIOKafkaConsumer, member: Membership, offsets: Mapping[TopicPartition, Committed]
) -> None:
    """Commit offsets and their notes once, as the member that the records were delivered to.

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
    for (topic, partition), each in offsets.items():
        by_topic[topic].append((partition, each.offset, each.metadata))
    request = OffsetCommitRequest(
        consumer._group_id,  # noqa: SLF001
        member.generation,
        member.member_id,
        OffsetCommitRequest.DEFAULT_RETENTION_TIME,
        list(by_topic.items()),
    )
    response = await coordinator._send_req(request)  # noqa: SLF001
    codes = [code for _, partitions in response.topics for _, code in partitions]
    _raise_from_coordinator(coordinator, codes)


async def log_ends(
    consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition]
) -> dict[TopicPartition, int]:
    """The offset that the next record of each partition will get.

    The embedded broker answers ListOffsets with the first offset of the last batch, plus one: too
    low as soon as a batch has several records. Its high watermark is right, so the end is fetched
    at the offset that was listed, which is inside or at the end of the log on every broker.
    """
    client = consumer._client  # noqa: SLF001
    listed: dict[TopicPartition, int] = await consumer.end_offsets(list(partitions))
    wanted: defaultdict[int, defaultdict[str, list[tuple[int, int, int]]]]
    wanted = defaultdict(lambda: defaultdict(list))
    for tp, offset in listed.items():
        leader = client.cluster.leader_for_partition(tp)
        wanted[leader][tp.topic].append((tp.partition, offset, 1))
    ends = {}
    for leader, topics in wanted.items():
        # A wait of 0 ms makes the embedded broker answer without any partition.
        response = await client.send(leader, FetchRequest(1, 1, 1, 0, list(topics.items())))
        for topic, fetched in response.topics:
            for partition, code, high_watermark, *_ in fetched:
                if code:
                    raise kafka.for_code(code)
                ends[TopicPartition(topic, partition)] = high_watermark
    if len(ends) < len(listed):
        raise kafka.StaleMetadata(f"no high watermark for {sorted(set(listed) - set(ends))}")
    return ends


async def committed_offsets(
    consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition]
) -> dict[TopicPartition, Committed | None]:
    """What the consumer's group has committed, with its notes; None where it has nothing.

    `AIOKafkaConsumer.committed` leaves out the notes, and takes an answer that is one error and no
    partition for "nothing is committed". Kafka gives such answers while it loads the group after a
    restart, and whoever believes them reads the whole log again.

    Raises:
        kafka.KafkaError: the coordinator does not know, or not yet.
    """
    coordinator = consumer._coordinator  # noqa: SLF001
    by_topic: defaultdict[str, list[int]] = defaultdict(list)
    partitions = tuple(partitions)
    for topic, partition in partitions:
        by_topic[topic].append(partition)
    request = OffsetFetchRequest(consumer._group_id, list(by_topic.items()))  # noqa: SLF001
    await coordinator.ensure_coordinator_known()
    response = await coordinator._send_req(request)  # noqa: SLF001
    codes = [getattr(response, "error_code", 0)]
    found: dict[TopicPartition, Committed | None] = {}
    for topic, answers in response.topics:
        for partition, offset, metadata, code in answers:
            codes.append(code)
            committed = Committed.from_metadata(offset, metadata or "") if offset >= 0 else None
            found[TopicPartition(topic, partition)] = committed
    _raise_from_coordinator(coordinator, codes)
    if found.keys() != set(partitions):
        raise kafka.GroupCoordinatorNotAvailableError("the answer leaves out partitions")
    return found


def _raise_from_coordinator(coordinator: Any, codes: Iterable[int]) -> None:
    """Raise the first error of a coordinator's answer; look for another when it is none."""
    for error in map(kafka.for_code, codes):
        if error is kafka.NotCoordinatorForGroupError:
            coordinator.coordinator_dead()
        if error is not kafka.NoError:
            raise error


async def log_bounds(
    consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition]
) -> dict[TopicPartition, LogBounds]:
    """The ends of each partition's log and what the consumer's group has committed in it.

    Raises:
        kafka.KafkaError: some broker does not know, or not yet.
    """
    partitions = tuple(partitions)
    # Before the bounds: an id that is too old is noticed later, one that is too new never.
    topic_id = await topic_ids(consumer, {tp.topic for tp in partitions})
    earliest = await consumer.beginning_offsets(partitions)
    latest = await log_ends(consumer, partitions)
    committed = await committed_offsets(consumer, partitions)
    return {
        tp: LogBounds(earliest[tp], latest[tp], committed[tp], topic_id.get(tp.topic, ""))
        for tp in partitions
    }


async def topic_ids(consumer: AIOKafkaConsumer, topics: Iterable[str]) -> dict[str, str]:
    """Ids of topics, 32 hex digits, by name; those that miss, or that have no id, are left out.

    The coordinator is asked since brokers answer the requests of a connection one by one, and the
    others' connections mostly wait for records.

    Raises:
        kafka.KafkaError: the coordinator does not answer.
    """
    try:
        answer = await consumer._coordinator._send_req(AskTopicIds(topics))  # noqa: SLF001
    except NotImplementedError:  # aiokafka's word for a broker before Kafka 2.8
        return {}
    found: dict[str, str] = answer.topic_ids()
    return found


async def existing_topics(client: AIOKafkaAdminClient | AIOKafkaConsumer) -> dict[str, int]:
    """Topics and how many partitions each has; asking for all creates none, by name it may."""
    metadata = await client._client.fetch_all_metadata()  # noqa: SLF001
    names = metadata.topics(exclude_internal_topics=True)
    return {name: len(metadata.partitions_for_topic(name) or ()) for name in names}


async def alter_topics(
    client: AIOKafkaAdminClient, names: Iterable[str], setting: str, value: str
) -> Any:
    """Change one setting of topics; the answer's `responses` say for each what became of it."""
    return await client._send_request(AlterTopics(names, setting, value))  # noqa: SLF001
