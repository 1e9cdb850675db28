import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from aiokafka import TopicPartition

_TOPIC_ID: Final = re.compile("[0-9a-f]{32}")


class Start(NamedTuple):
    """Where a partition is read on.

    Attributes:
        offset: The next record to be handed out.
        note: What was committed together with that offset, Kafka's offset metadata; empty when
            nothing was, or when the offset is not the committed one.
    """

    offset: int
    note: str


class Committed(NamedTuple):
    """What a group has committed in a partition.

    Attributes:
        offset: The next record to read.
        note: What was to be kept with it.
        topic_id: The id of the topic that was read, 32 hex digits; empty when it is not known.
    """

    offset: int
    note: str
    topic_id: str

    @classmethod
    def from_metadata(cls, offset: int, metadata: str) -> "Committed":
        """Take apart what `metadata` has put together; others' metadata is a note."""
        note, at, topic_id = metadata.rpartition("@")
        if at and _TOPIC_ID.fullmatch(topic_id):
            return cls(offset, note, topic_id)
        return cls(offset, metadata, "")

    @property
    def metadata(self) -> str:
        """The metadata of the offset: the note, and after an `@` the id of the topic."""
        return f"{self.note}@{self.topic_id}" if self.topic_id else self.note

    @property
    def start(self) -> Start:
        """What a consumer is told of it."""
        return Start(self.offset, self.note)


class Reached(NamedTuple):
    """How far a group has come in a partition.

    Attributes:
        committed: The offset after the last record that is committed.
        latest: The offset that the next record will get.
        as_of_ms: When the broker last said so, unix milliseconds by this machine's clock.
    """

    committed: int
    latest: int
    as_of_ms: int


class LogBounds(NamedTuple):
    """What the broker says about one partition.

    Attributes:
        earliest: Offset of the first record that is still there.
        latest: Offset that the next record will get.
        committed: What the group has committed, None when there is nothing.
        topic_id: The topic's id; empty when the broker gives none.
    """

    earliest: int
    latest: int
    committed: Committed | None
    topic_id: str = ""

    @property
    def beginning(self) -> Committed:
        """The earliest record, without a note."""
        return Committed(self.earliest, "", self.topic_id)

    @property
    def start(self) -> Committed:
        """Where to begin: at what is committed, or at the earliest record.

        A committed offset outside the log belongs to an older log, or to records that expired; one
        that was committed for a topic of another id belongs to a topic that was deleted.
        """
        found = self.committed
        if found is None or not self.earliest <= found.offset <= self.latest:
            return self.beginning
        if _differ(found.topic_id, self.topic_id):
            return self.beginning
        return found._replace(topic_id=self.topic_id)


def _differ(topic_id: str, other: str) -> bool:
    return bool(topic_id and other) and topic_id != other


class Positions:
    """Where a consumer stands in each of its partitions, and whether that can still be true.

    A partition is *held* from the moment its start is known until it is dropped. One that is to be
    read *anew* is held again from its beginning next, whatever is committed.
    """

    def __init__(self) -> None:
        self._next: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._topic_ids: dict[TopicPartition, str] = {}
        self._anew: set[TopicPartition] = set()

    @property
    def held(self) -> frozenset[TopicPartition]:
        """Partitions whose position is known."""
        return frozenset(self._next)

    @property
    def committed(self) -> dict[TopicPartition, int]:
        """The offsets committed last, by held partition."""
        return dict(self._committed)

    def next_offset(self, partition: TopicPartition) -> int | None:
        """Offset of the next record to hand out, None for a partition that is not held."""
        return self._next.get(partition)

    def hold(self, partition: TopicPartition, start: Committed) -> None:
        """Take a partition, of which `start` is the next record and what is committed."""
        self._next[partition] = self._committed[partition] = start.offset
        self._topic_ids[partition] = start.topic_id
        self._anew.discard(partition)

    def drop(self, partitions: Iterable[TopicPartition]) -> None:
        """Forget partitions."""
        for partition in partitions:
            self._next.pop(partition, None)
            self._committed.pop(partition, None)
            self._topic_ids.pop(partition, None)

    def forget(self) -> None:
        """Forget every partition, and which were to be read anew."""
        self.drop(self.held)
        self._anew.clear()

    @property
    def anew(self) -> frozenset[TopicPartition]:
        """Partitions to be read anew."""
        return frozenset(self._anew)

    def begin_anew(self, partition: TopicPartition) -> None:
        """Have a held partition read anew; nothing of it may be committed any more."""
        if partition in self._next:
            self._anew.add(partition)

    def note_topics(self, topic_ids: Mapping[str, str]) -> None:
        """Have held partitions read anew whose topic was made anew since they were taken.

        What was committed since then may have been committed in ignorance of it.

        Args:
            topic_ids: Ids of topics now, by name, as far as they are known.
        """
        for partition, taken in self._topic_ids.items():
            if _differ(taken, topic_ids.get(partition.topic, "")):
                self._anew.add(partition)

    def advance(self, partition: TopicPartition, next_offset: int) -> None:
        """Note that records up to, not including, `next_offset` were handed out."""
        if partition in self._next:
            self._next[partition] = next_offset

    def note_commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Note that the broker accepted these offsets."""
        for partition, offset in offsets.items():
            if partition in self._committed:
                self._committed[partition] = offset

    def to_commit(self, partition: TopicPartition, offset: int, note: str) -> Committed:
        """A commit for the topic that the partition was taken in."""
        return Committed(offset, note, self._topic_ids.get(partition, ""))

    def may_commit(self, partition: TopicPartition, offset: int) -> bool:
        """Whether `offset` can stem from records handed out, in this log, since it was taken."""
        return partition not in self._anew and offset <= self._next.get(partition, -1)

    def in_another_log(
        self,
        bounds: Mapping[TopicPartition, LogBounds],
        committed: Mapping[TopicPartition, int],
    ) -> dict[TopicPartition, LogBounds]:
        """Held partitions whose log cannot be the one their position was taken in.

        Args:
            bounds: What the broker said.
            committed: `committed` as it was before the broker was asked. A commit that is
                accepted meanwhile is newer than the answer.
        """
        known = bounds.keys() & self._next.keys() & committed.keys()
        return {tp: bounds[tp] for tp in known if self._is_another(tp, bounds[tp], committed[tp])}

    def beyond(self, latest: Mapping[TopicPartition, int | None]) -> Collection[TopicPartition]:
        """Held partitions that stand beyond the end of their log, as far as that is known."""
        ends = ((tp, latest.get(tp), offset) for tp, offset in self._next.items())
        return [tp for tp, end, offset in ends if end is not None and end < offset]

    def _is_another(self, partition: TopicPartition, bounds: LogBounds, committed: int) -> bool:
        if partition in self._anew:
            return True
        if bounds.committed is None or bounds.committed.offset < committed:
            return True
        return bounds.latest < max(self._next[partition], bounds.committed.offset)
