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

    def next_offset(self, partition: TopicPartition) -> int | None:
        """Offset of the next record to hand out, None for a partition that is not held."""
        return self._next.get(partition)

    def committed_offset(self, partition: TopicPartition) -> int | None:
        """The offset committed last, None for a partition that is not held."""
        return self._committed.get(partition)

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

    def in_another_log(self, bounds: Mapping[TopicPartition, LogBounds]) -> set[TopicPartition]:
        """Held partitions whose log cannot be the one their position was taken in."""
        return {tp for tp in bounds if tp in self._next and self._is_another(tp, bounds[tp])}

    def beyond(self, latest: Mapping[TopicPartition, int | None]) -> Collection[TopicPartition]:
        """Held partitions that stand beyond the end of their log, as far as that is known."""
        ends = ((tp, latest.get(tp), offset) for tp, offset in self._next.items())
        return [tp for tp, end, offset in ends if end is not None and end < offset]

    def _is_another(self, partition: TopicPartition, bounds: LogBounds) -> bool:
        if bounds.committed is None or bounds.committed < self._committed[partition]:
            return True
        return bounds.latest < max(self._next[partition], bounds.committed)
