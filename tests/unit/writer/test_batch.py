"""What a batch holds and when it is written; the clock is a number."""

import pytest

from rak_libs.kafka.consumer import TopicPartition
from rak_services.writer.batch import Batch, FlushPolicy
from rak_services.writer.identity import identify
from rak_services.writer.signals import SIGNALS
from unit.writer.span_messages import NOW_MS, record, value_of

SPANS = SIGNALS["spans"]
POLICY = FlushPolicy(rows=100, size=10_000, timeout=1.0, stretch=2.5, stretch_rows=10)
DAY_MS = 24 * 3600 * 1000


def batch_of(rows: int, formed_at: float = 100.0) -> Batch:
    batch = Batch.begin(TopicPartition("otlp_spans", 3), SPANS, 30, formed_at)
    batch.add(record(5, value_of(["x"] * rows)))
    return batch


def test_a_batch_knows_where_it_comes_from() -> None:
    """Its name is made of where it begins and ends, and of its first message."""
    batch = batch_of(1)
    batch.add(record(6, value_of(["y"]), NOW_MS + 1))
    assert (batch.first_offset, batch.last_offset, batch.end_offset) == (5, 6, 7)
    assert batch.identity == identify(batch.records[0], 6)
    assert batch.rows == 2
    assert batch.size == sum(len(each.value) for each in batch.records)


def test_an_undecodable_message_is_set_aside_and_counts_as_read() -> None:
    """Its offset is covered by the batch, which goes on."""
    batch = batch_of(1)
    batch.add(record(6, b"\xff"))
    batch.add(record(7, value_of(["z"])))
    assert (batch.rows, batch.last_offset) == (2, 7)
    (refused,) = batch.refused
    assert (refused.reason, refused.error_class) == ("undecodable", "UndecodableMessage")
    assert (refused.record.offset, refused.value, refused.count) == (6, b"\xff", 1)


def test_the_time_window_is_the_messages_own() -> None:
    """Whether a span is too old depends on when the broker took it, not on when it is read."""
    batch = batch_of(1)
    batch.add(record(6, value_of(["old"], NOW_MS - 40 * DAY_MS), NOW_MS - 20 * DAY_MS))
    batch.add(record(7, value_of(["old"], NOW_MS - 40 * DAY_MS)))
    assert batch.rows == 2
    assert [(each.record.offset, each.reason) for each in batch.refused] == [(7, "time_expired")]


@pytest.mark.parametrize(
    ("rows", "last_flush", "due"),
    [
        # A partition that was quiet: the timeout alone.
        (1, None, 101.0),
        (1, 90.0, 101.0),
        (1, 98.5, 101.0),
        # A trickle: 2.5 s after the batch before, at the age of 2.5 s at most.
        (1, 99.5, 102.0),
        (9, 100.0, 102.5),
        (9, 100.5, 102.5),
        # Enough rows to be worth an INSERT.
        (10, 100.0, 101.0),
        # Full.
        (100, 100.0, 100.0),
    ],
)
def test_when_a_batch_is_due(rows: int, last_flush: float | None, due: float) -> None:
    assert POLICY.due_at(batch_of(rows), last_flush) == pytest.approx(due)


def test_a_batch_is_full_by_rows_or_bytes() -> None:
    assert not POLICY.is_full(batch_of(99))
    assert POLICY.is_full(batch_of(100))
    long_names = batch_of(1)
    long_names.add(record(6, value_of(["x" * 10_000])))
    assert POLICY.is_full(long_names)


def test_a_short_stretch_never_shortens_the_timeout() -> None:
    policy = FlushPolicy(rows=100, size=10_000, timeout=1.0, stretch=0.1, stretch_rows=10)
    assert policy.due_at(batch_of(1), 100.0) == pytest.approx(101.0)
