"""Up to when a partition is written: never later than it is."""

import pytest

from rak_libs.kafka.consumer import Reached, TopicPartition
from rak_services.writer.positions import position_of

SOURCE = TopicPartition("otlp_spans", 3)


@pytest.mark.parametrize(
    ("reached", "oldest_held_ms", "last_written_ms", "written_until_ms"),
    [
        # Something is held: all before it is written.
        (Reached(5, 9, 90_000), 70_000, 60_000, 70_000),
        (Reached(9, 9, 90_000), 70_000, 60_000, 70_000),
        # Nothing is left: all is written that the broker had when it said so.
        (Reached(9, 9, 90_000), 0, 60_000, 89_000),
        (Reached(0, 0, 90_000), 0, 0, 89_000),
        # More is at the broker: what was written last is all that is known.
        (Reached(5, 9, 90_000), 0, 60_000, 60_000),
        (Reached(5, 9, 90_000), 0, 0, 0),
    ],
)
def test_up_to_when_everything_is_written(
    reached: Reached, oldest_held_ms: int, last_written_ms: int, written_until_ms: int
) -> None:
    position = position_of("spans", SOURCE, reached, oldest_held_ms, last_written_ms)
    assert position.written_until_ms == written_until_ms
    assert position.oldest_unwritten_ms == oldest_held_ms
    assert (position.signal, position.topic, position.partition) == ("spans", "otlp_spans", 3)
    assert (position.next_offset, position.end_offset) == (reached.committed, reached.latest)
