import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka

from rak_libs.kafka.aiokafka_seams import (
    Membership,
    close_consumer,
    commit_as,
    connections,
    log_bounds,
    membership,
    note_poll,
    topic_ids,
)
from rak_libs.kafka.errors import (
    PartitionLost,
    PermanentKafkaError,
    TransientKafkaError,
    translate,
)
from rak_libs.kafka.group_member import (
    Partitions,
    PartitionsCallback,
    RebalanceListener,
    commit_until_accepted,
    new_member,
    subscribed,
)
from rak_libs.kafka.notes import gives_notes_back, without_probe
from rak_libs.kafka.positions import LogBounds, Positions, Reached, Start
from rak_libs.kafka.records import Record, fetch_bounded, to_records
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.settings import KafkaSettings

__all__ = ["PartitionConsumer", "Reached", "Record", "Start", "TopicPartition"]

StartsCallback = Callable[[Mapping[TopicPartition, Start]], Awaitable[None]]

_VERIFY_SECONDS = 5.0
_VERIFY_AGAIN_SECONDS = 0.2
_TOPIC_IDS_SECONDS = 2.0
_TOPIC_IDS_WAIT_SECONDS = 0.5
_CHECK_SECONDS = 2.0
_UNREACHABLE = (kafka.KafkaError, TimeoutError, OSError)
_NO_NOTES: Final[Mapping[TopicPartition, str]] = MappingProxyType({})

log = get_logger(__name__)


async def _ignore(_partitions: object) -> None:
    return


class PartitionConsumer:
    """One member of a consumer group that reads every record of its partitions at least once.

    Rebalances are eager: all partitions are revoked, then some assigned. A partition starts at
    the group's committed offset, or at the earliest record when there is none or when it lies
    outside the log. That start is committed at once where nothing was, so that a group's offset
    that is missing later means one thing: the log is another one.

    Logs do start anew: a topic is deleted and made again, the embedded broker dies and comes back
    empty. Kafka answers a fetch beyond the end with OffsetOutOfRange; the embedded broker answers
    it with nothing, and once the new log has grown past the old position, both answer with records
    that leave out everything before. So a position is trusted only for as long as the connections
    are the ones it was verified on, the high watermark is not below it and the topic's id is the
    same; otherwise the committed offset and the log's bounds are asked for again before any record
    is handed out. A partition whose log is another one is revoked, set to its beginning, and
    assigned again. Each commit names the topic's id, so that an offset of a topic that is gone is
    none in its successor, even if a member that noticed nothing committed it there.

    Commits carry the group membership under which the records were handed out, so that no late
    commit can land in a later generation or in a broker that came back empty.

    A note can be committed with an offset (Kafka's offset metadata); it comes back with the start
    of the partition, to whoever takes it next. Not every broker keeps notes: `keeps_notes` says
    what a small one, committed and read again, has shown.

    Memory: at most one fetch answer (8 MiB, or one larger record batch) a broker is kept ahead,
    compressed; one `poll` decompresses about 16 MiB, or a few records when these are larger.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        group: str,
        topics: Sequence[str],
        client_id: str,
        on_assigned: StartsCallback = _ignore,
        on_revoked: PartitionsCallback = _ignore,
        rebalance_timeout_seconds: float = 70.0,
        max_poll_interval_seconds: float = 300.0,
    ) -> None:
        """Describe the member; nothing is connected before the first `poll`.

        Args:
            settings: `[kafka]`.
            group: The consumer group.
            topics: What to read.
            client_id: The name in the broker's logs.
            on_assigned: Awaited with partitions that will be handed out from now on, and where
                each of them starts.
            on_revoked: Awaited with partitions that are taken away; commits are still accepted
                inside, unless the partition's log is gone. Raising is logged and changes nothing.
            rebalance_timeout_seconds: How long `on_revoked` may take at most.
            max_poll_interval_seconds: A consumer that does not `poll` for longer leaves the group.
        """
        self._settings = settings
        self._group = group
        self._topics = tuple(topics)
        self._client_id = client_id
        self._on_assigned = on_assigned
        self._on_revoked = on_revoked
        self._rebalance_seconds = rebalance_timeout_seconds
        self._max_poll_seconds = max_poll_interval_seconds
        self._consumer: AIOKafkaConsumer | None = None
        self._connecting: asyncio.Task[AIOKafkaConsumer] | None = None
        self._positions = Positions()
        self._member: Membership | None = None
        self._keeps_notes: bool | None = None
        self._ask_ids_at = 0.0
        self._changes = 0
        self._trusted: tuple[int, frozenset[Any]] | None = None

    @property
    def assignment(self) -> Partitions:
        """The partitions that are handed out now."""
        return self._positions.held

    @property
    def is_member(self) -> bool:
        """Whether this consumer has its place in its group, with partitions or without."""
        return self._consumer is not None and membership(self._consumer) is not None

    @property
    def keeps_notes(self) -> bool | None:
        """Whether the broker gives notes back; known before `on_assigned` is first awaited."""
        return self._keeps_notes

    async def poll(self, timeout_ms: int) -> dict[TopicPartition, list[Record]]:
        """Wait up to `timeout_ms` for records; also what keeps this consumer in its group.

        While a broker is away this returns nothing and connects again in the background.

        Returns:
            Records by partition, each list contiguous with what was returned before; paused
            partitions are left out. About 16 MiB of values at most, or a few larger records.

        Raises:
            PermanentKafkaError: not authorised, or the broker does not know what we ask.
            TransientKafkaError: a record batch cannot be read (its checksum is wrong).
        """
        deadline = asyncio.get_running_loop().time() + timeout_ms / 1000
        consumer = await self._connected(timeout_ms / 1000)
        if consumer is None:
            return {}
        try:
            if not await self._is_trusted(consumer, deadline):
                return {}
            fetched = await fetch_bounded(consumer, deadline)
        except kafka.KafkaError as error:
            await self._begin_again(consumer, error)
            return {}
        if not self._still_trusted(consumer):
            self._put_back(consumer)
            return {}
        return self._handed_out(fetched)

    def pause(self, *partitions: TopicPartition) -> None:
        """Hand out nothing of these partitions until `resume`; a rebalance ends a pause.

        Keep polling: a consumer that does not leaves its group after `max_poll_interval_seconds`.
        """
        if self._consumer is not None:
            self._consumer.pause(*(self._consumer.assignment() & set(partitions)))

    def resume(self, *partitions: TopicPartition) -> None:
        """Hand out records of these partitions again."""
        if self._consumer is not None:
            self._consumer.resume(*(self._consumer.assignment() & set(partitions)))

    async def commit(
        self,
        offsets: Mapping[TopicPartition, int],
        notes: Mapping[TopicPartition, str] = _NO_NOTES,
        deadline_seconds: float = 10.0,
    ) -> None:
        """Commit the offsets of the next records to read, trying again until the deadline.

        Args:
            offsets: None beyond what was handed out; going back is fine.
            notes: What to keep with the offset of a partition; an empty note where none is given,
                whatever was there before.
            deadline_seconds: How long to try.

        Raises:
            PartitionLost: a partition was revoked, or its log is another one, since the records
                were handed out. Nothing is committed.
            PermanentKafkaError: a note is longer than the broker allows (4,096 characters by
                default).
            TransientKafkaError: no coordinator accepted it in time; it may still be committed.
        """
        lost = [tp for tp, offset in offsets.items() if not self._positions.may_commit(tp, offset)]
        consumer, member = self._consumer, self._member
        if lost or consumer is None or member is None:
            raise PartitionLost(f"committing {dict(offsets)}: {lost or 'all'} not held any more")
        try:
            async with asyncio.timeout(deadline_seconds):
                to_commit = self._positions.to_commit
                commits = {tp: to_commit(tp, at, notes.get(tp, "")) for tp, at in offsets.items()}
                await commit_until_accepted(consumer, member, commits)
        except _UNREACHABLE as error:
            raise translate(error, f"committing {dict(offsets)}") from error
        self._positions.note_commit(offsets)

    async def read_anew(self, partition: TopicPartition) -> None:
        """Give back a partition whose log turned out to be another one than the note speaks of.

        Commits of what was handed out are refused from now on. The next `poll` revokes it, commits
        its earliest record as its start, without a note, and assigns it again.
        """
        self._positions.begin_anew(partition)
        self._trusted = None

    def lag(self) -> dict[TopicPartition, int]:
        """Records after the committed offset, by partition, as of the last fetch of each."""
        return {
            tp: max(0, reached.latest - reached.committed) for tp, reached in self.reached().items()
        }

    def reached(self) -> dict[TopicPartition, Reached]:
        """Where the group is and where the partition ends, as of the last fetch of each."""
        consumer, committed = self._consumer, self._positions.committed
        return {
            tp: Reached(committed.get(tp, 0), latest, consumer.last_poll_timestamp(tp))
            for tp, latest in self._latest().items()
            if latest is not None and consumer is not None
        }

    async def check(self) -> None:
        """Return when a broker answers.

        Raises:
            TransientKafkaError: none does.
        """
        consumer = self._consumer
        if consumer is None:
            raise TransientKafkaError(f"no broker at {self._settings.bootstrap_servers}")
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                await consumer.topics()
        except _UNREACHABLE as error:
            raise translate(error, f"asking {self._settings.bootstrap_servers}") from error

    async def stop(self) -> None:
        """Leave the group and close; commits nothing."""
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        if self._consumer is not None:
            await close_consumer(self._consumer)
            self._consumer = None
        self._forget()

    async def _connected(self, seconds: float) -> AIOKafkaConsumer | None:
        if self._consumer is not None:
            return self._consumer
        if self._connecting is None:
            listener = RebalanceListener(self._rebalanced)
            subscribing = subscribed(self._new_consumer, self._topics, listener)
            self._connecting = asyncio.create_task(subscribing, name="kafka consumer")
        await asyncio.wait([self._connecting], timeout=seconds)
        if self._connecting.done():
            self._consumer = self._connecting.result()
            self._connecting = None
        return self._consumer

    async def _rebalanced(self, _partitions: Partitions) -> None:
        held = self._positions.held
        if held:
            await self._on_revoked(held)
        self._forget()

    def _forget(self) -> None:
        self._changes += 1
        self._member = None
        self._trusted = None
        self._positions.forget()

    def _latest(self) -> dict[TopicPartition, int | None]:
        if self._consumer is None:
            return {}
        partitions = self._consumer.assignment() & self._positions.held
        return {tp: self._consumer.highwater(tp) for tp in partitions}

    def _still_trusted(self, consumer: AIOKafkaConsumer) -> bool:
        return self._trusted == (self._changes, connections(consumer))

    async def _is_trusted(self, consumer: AIOKafkaConsumer, deadline: float) -> bool:
        if self._still_trusted(consumer) and await self._is_same_log(consumer):
            return True
        self._trusted = None
        note_poll(consumer)
        # Without a connection there is nobody to ask; aiokafka connects again by itself.
        if connections(consumer) and consumer.assignment() and membership(consumer) is not None:
            try:
                async with asyncio.timeout(_VERIFY_SECONDS):
                    await self._verify(consumer)
            except _UNREACHABLE as error:
                log.warning("kafka.positions_unverified", error=str(error) or "no answer in time")
        if self._trusted is None:
            left = deadline - asyncio.get_running_loop().time()
            await asyncio.sleep(max(0.0, min(_VERIFY_AGAIN_SECONDS, left)))
        return self._trusted is not None

    async def _is_same_log(self, consumer: AIOKafkaConsumer) -> bool:
        """Tell as far as one can without asking for bounds; ask for topic ids now and then."""
        if self._positions.beyond(self._latest()):
            return False
        now = asyncio.get_running_loop().time()
        if now < self._ask_ids_at:
            return True
        self._ask_ids_at = now + _TOPIC_IDS_SECONDS
        with contextlib.suppress(*_UNREACHABLE):
            async with asyncio.timeout(_TOPIC_IDS_WAIT_SECONDS):
                self._positions.note_topics(await topic_ids(consumer, self._topics))
        return not self._positions.anew

    async def _verify(self, consumer: AIOKafkaConsumer) -> None:
        changes, links, member = self._changes, connections(consumer), membership(consumer)
        if member is None:
            return
        committed = self._positions.committed
        bounds = await log_bounds(consumer, consumer.assignment())
        self._positions.note_topics({tp.topic: found.topic_id for tp, found in bounds.items()})
        await self._give_back(self._positions.in_another_log(bounds, committed))
        if changes != self._changes:
            return
        fresh = {
            tp: found.beginning if tp in self._positions.anew else without_probe(found.start)
            for tp, found in bounds.items()
            if tp not in self._positions.held
        }
        unlike = {tp: start for tp, start in fresh.items() if start != bounds[tp].committed}
        await commit_as(consumer, member, unlike)
        if fresh and self._keeps_notes is None:
            self._keeps_notes = await gives_notes_back(consumer, member, fresh)
        if changes != self._changes:
            return
        for tp, start in fresh.items():
            self._positions.hold(tp, start)
            consumer.seek(tp, start.offset)
        self._member, self._trusted = member, (changes, links)
        if fresh:
            await self._on_assigned({tp: start.start for tp, start in fresh.items()})

    async def _give_back(self, lost: Mapping[TopicPartition, LogBounds]) -> None:
        if not lost:
            return
        positions = {str(tp): self._positions.next_offset(tp) for tp in lost}
        found = {str(tp): bounds._asdict() for tp, bounds in lost.items()}
        log.error("kafka.log_started_anew", positions=positions, found=found)
        self._positions.drop(lost)
        await self._on_revoked(frozenset(lost))

    def _put_back(self, consumer: AIOKafkaConsumer) -> None:
        """Have what was fetched but not handed out fetched again."""
        for partition in consumer.assignment() & self._positions.held:
            offset = self._positions.next_offset(partition)
            if offset is not None:
                consumer.seek(partition, offset)

    def _handed_out(
        self, fetched: dict[TopicPartition, list[Any]]
    ) -> dict[TopicPartition, list[Record]]:
        for partition, records in fetched.items():
            self._positions.advance(partition, records[-1].offset + 1)
        return to_records(fetched)

    async def _begin_again(self, consumer: AIOKafkaConsumer, error: kafka.KafkaError) -> None:
        """Replace a consumer that reported an error: its group membership may be dead."""
        translated = translate(error, f"reading {', '.join(self._topics)}")
        log.error("kafka.consumer_replaced", error=str(translated))
        self._consumer = None
        await self._rebalanced(self._positions.held)
        await close_consumer(consumer)
        if isinstance(translated, PermanentKafkaError):
            raise translated from error

    def _new_consumer(self) -> AIOKafkaConsumer:
        return new_member(
            self._settings,
            self._group,
            self._client_id,
            self._rebalance_seconds,
            self._max_poll_seconds,
        )
