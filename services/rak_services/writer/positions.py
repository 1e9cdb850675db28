"""How far a writer has come in a partition, as it tells the account."""

from typing import Final

from rak_libs.kafka.consumer import Reached, TopicPartition
from rak_libs.model.status import Position

_ON_THE_WAY_MS: Final = 1_000
"""How old the broker's answer may be when it arrives."""


def position_of(
    signal: str, source: TopicPartition, reached: Reached, oldest_held_ms: int, last_written_ms: int
) -> Position:
    """Say up to when everything in a partition is written, as far as the writer can know.

    Args:
        signal: The signal.
        source: The partition.
        reached: Where the group is in the partition and where the partition ends.
        oldest_held_ms: The timestamp of the oldest message that was read and is not written, unix
            milliseconds; 0 when there is none.
        last_written_ms: The timestamp of the newest message that this writer has written; 0: none.
    """
    if oldest_held_ms:
        written_until_ms = oldest_held_ms
    elif reached.committed >= reached.latest:
        written_until_ms = reached.as_of_ms - _ON_THE_WAY_MS
    else:
        # What comes next has not been read, so that its timestamp is not known.
        written_until_ms = last_written_ms
    return Position(
        signal=signal,
        topic=source.topic,
        partition=source.partition,
        next_offset=reached.committed,
        end_offset=reached.latest,
        written_until_ms=max(written_until_ms, 0),
        oldest_unwritten_ms=max(oldest_held_ms, 0),
    )
