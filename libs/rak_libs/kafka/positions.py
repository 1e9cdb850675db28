from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from aiokafka import TopicPartition


class LogBounds(NamedTuple):
    """What the broker says about one partition.

    Attributes:
        earliest: Offset of the first record that is still there.
        latest: Offset that the next record will get.
        committed: The group's committed offset, None when there is none.
    """

    earliest: int
    latest: int
    committed: int | None

    @property
    def start(self) -> int:
        """Where to begin: the committed offset, or the earliest record.

        A committed offset outside the log belongs to an older log, or to records that expired.
        """
        if self.committed is None or not self.earliest <= self.committed <= self.latest:
            return self.earliest
        return self.committed


class Positions:
    """Where a consumer stands in each of its partitions, and whether that can still be true.

    A partition is *held* from the moment its start is known until it is dropped.
    """

    def __init__(self) -> None:
        self._next: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}

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

    def hold(self, partition: TopicPartition, start: int) -> None:
        """Take a partition, of which `start` is the next record and the committed offset."""
        self._next[partition] = self._committed[partition] = start

    def drop(self, partitions: Iterable[TopicPartition]) -> None:
        """Forget partitions."""
        for partition in partitions:
            self._next.pop(partition, None)
            self._committed.pop(partition, None)

    def advance(self, partition: TopicPartition, next_offset: int) -> None:
        """Note that records up to, not including, `next_offset` were handed out."""
        if partition in self._next:
            self._next[partition] = next_offset

    def note_commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Note that the broker accepted these offsets."""
        for partition, offset in offsets.items():
            if partition in self._committed:
                self._committed[partition] = offset

    def may_commit(self, partition: TopicPartition, offset: int) -> bool:
        """Whether `offset` can stem from records handed out since the partition was taken."""
        return offset <= self._next.get(partition, -1)

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
        if bounds.committed is None or bounds.committed < committed:
            return True
        return bounds.latest < max(self._next[partition], bounds.committed)
