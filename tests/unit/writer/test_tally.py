"""The writer's account of a batch: what arrived is stored or set aside, to the item."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rak_libs.kafka.consumer import Record
from rak_libs.kafka.topics import Envelope
from rak_libs.model.pipeline import PIPELINE, hour_of
from rak_libs.model.time_window import DAY_NS
from rak_services.writer.batch import Refused
from rak_services.writer.tally import Tally
from span_rows import rows_of

NOON_MS = 1_800_000_000_000 // 86_400_000 * 86_400_000 + 12 * 3_600_000
HOUR_MS = 3_600_000
VALUE = b"v" * 1000


def message(
    offset: int, accepted: int, timestamp_ms: int = NOON_MS, *, rejected: int = 0, boot: str = "b1"
) -> Record:
    envelope = Envelope((timestamp_ms - 40) * 1_000_000, "agents", accepted, rejected, boot)
    headers = tuple(envelope.to_headers())
    return Record("otlp_spans", 3, offset, timestamp_ms, VALUE, headers)


def times(count: int, day_ms: int = NOON_MS) -> list[int]:
    return [day_ms * 1_000_000 + number for number in range(count)]


def expired(record: Record, count: int) -> Refused:
    return Refused(record, "time_expired", "", count, b"those alone")


def undecodable(record: Record) -> Refused:
    return Refused(record, "undecodable", "UndecodableMessage", 1, record.value)


def rows(tally: Tally, at_ms: int = NOON_MS + 100) -> list[dict[str, Any]]:
    return rows_of(tally.account_rows(7, at_ms))


def items(tally: Tally, *names: str) -> dict[Any, int]:
    """Items by outcome and the named columns."""
    return {(row["outcome"], *(row[name] for name in names)): row["items"] for row in rows(tally)}


def test_what_arrived_is_what_the_receiver_said() -> None:
    tally = Tally("spans")
    tally.add(message(5, 3), times(3), [])
    tally.add(message(6, 4, rejected=2), times(4), [])
    assert items(tally) == {("arrived",): 7, ("rejected",): 2, ("stored",): 7}
    (arrived, *_) = rows(tally)
    assert (arrived["messages"], arrived["principal"], arrived["boot"]) == (2, "agents", "b1")


def test_every_row_says_which_batch_it_is_of() -> None:
    tally = Tally("spans")
    tally.add(message(5, 1), times(1), [])
    tally.add(message(8, 1), times(1), [])
    for row in rows(tally):
        assert (row["service"], row["signal"], row["batch"]) == ("writer", "spans", 7)
        assert (row["topic"], row["partition"]) == ("otlp_spans", 3)
        assert (row["first_offset"], row["last_offset"]) == (5, 8)
        assert set(row) == set(PIPELINE.column_names)


def test_items_belong_to_the_hour_in_which_the_broker_took_their_message() -> None:
    """A batch that reaches over the full hour is counted in both."""
    tally = Tally("spans")
    tally.add(message(5, 2, NOON_MS - 1), times(2), [])
    tally.add(message(6, 3, NOON_MS), times(3), [])
    assert items(tally, "hour") == {
        ("arrived", hour_of(NOON_MS - 1)): 2,
        ("stored", hour_of(NOON_MS - 1)): 2,
        ("arrived", hour_of(NOON_MS)): 3,
        ("stored", hour_of(NOON_MS)): 3,
    }
    assert hour_of(NOON_MS) - hour_of(NOON_MS - 1) == HOUR_MS * 1_000_000


def test_stored_items_are_counted_by_the_day_of_their_own_time() -> None:
    tally = Tally("spans")
    yesterday = times(2, NOON_MS - 86_400_000)
    tally.add(message(5, 5), times(3) + yesterday, [])
    today = NOON_MS * 1_000_000 // DAY_NS
    assert items(tally, "day")["stored", today] == 3
    assert items(tally, "day")["stored", today - 1] == 2


def test_items_that_a_check_refuses_are_dead_letters() -> None:
    tally = Tally("spans")
    record = message(5, 5)
    tally.add(record, times(3), [expired(record, 2)])
    assert items(tally, "reason") == {
        ("arrived", ""): 5,
        ("stored", ""): 3,
        ("dead_lettered", "time_expired"): 2,
    }


@pytest.mark.parametrize(("accepted", "counted"), [(9, 9), (0, 1)])
def test_an_undecodable_message_counts_as_what_its_receiver_said(
    accepted: int, counted: int
) -> None:
    """Nobody else can say how many items were in it."""
    tally = Tally("spans")
    record = message(5, accepted)
    tally.add(record, [], [undecodable(record)])
    assert items(tally, "reason") == {
        ("arrived", ""): counted,
        ("dead_lettered", "undecodable"): counted,
    }


def test_a_message_of_another_producer_counts_as_what_was_found_in_it() -> None:
    tally = Tally("spans")
    plain = Record("otlp_spans", 3, 5, NOON_MS, VALUE, ())
    tally.add(plain, times(2), [expired(plain, 1)])
    tally.add(plain._replace(offset=6), [], [undecodable(plain._replace(offset=6))])
    assert items(tally, "reason", "boot") == {
        ("arrived", "", ""): 4,
        ("stored", "", ""): 2,
        ("dead_lettered", "time_expired", ""): 1,
        ("dead_lettered", "undecodable", ""): 1,
    }


def test_a_message_that_the_insert_refused_becomes_a_dead_letter() -> None:
    tally = Tally("spans")
    record = message(5, 5)
    tally.add(record, times(3), [expired(record, 2)])
    tally.refuse(record)
    assert items(tally, "reason") == {
        ("arrived", ""): 5,
        ("dead_lettered", "time_expired"): 2,
        ("dead_lettered", "insert_refused"): 3,
    }


def test_only_a_message_that_is_alone_can_be_refused() -> None:
    tally = Tally("spans")
    tally.add(message(5, 1), times(1), [])
    with pytest.raises(ValueError, match="1 messages"):
        tally.refuse(message(6, 1))
    tally.add(message(6, 1), times(1), [])
    with pytest.raises(ValueError, match="2 messages"):
        tally.refuse(message(6, 1))


def test_freshness_is_from_the_oldest_receipt_until_the_batch_is_queryable() -> None:
    tally = Tally("spans")
    tally.add(message(5, 1), times(1), [])
    tally.add(message(6, 1, NOON_MS + 60), times(1), [])
    assert rows(tally, NOON_MS + 100)[0]["freshness_ms"] == 140
    assert rows(tally, NOON_MS - 100)[0]["freshness_ms"] == 0


def test_a_header_cannot_claim_more_items_than_a_message_can_hold() -> None:
    tally = Tally("spans")
    tally.add(message(5, 10**18, rejected=10**18), times(1), [])
    counted = items(tally)
    assert (counted["arrived",], counted["rejected",]) == (len(VALUE), 2**31)


PARTS = st.tuples(
    st.integers(0, 3),  # stored
    st.integers(0, 3),  # refused
    st.sampled_from([NOON_MS - 1, NOON_MS, NOON_MS + 1]),
    st.sampled_from(["", "b1", "b2"]),
)


@given(st.lists(PARTS, max_size=20))
def test_what_arrived_is_stored_or_set_aside(parts: Sequence[tuple[int, int, int, str]]) -> None:
    """Of every source alike, when receivers counted right."""
    tally = Tally("spans")
    for offset, (stored, refused, timestamp_ms, boot) in enumerate(parts):
        record = message(offset, stored + refused, timestamp_ms, boot=boot)
        tally.add(record, times(stored), [expired(record, refused)] if refused else [])
    arrived: Counter[Any] = Counter()
    accounted: Counter[Any] = Counter()
    for row in rows(tally):
        side = arrived if row["outcome"] == "arrived" else accounted
        side[row["hour"], row["boot"]] += row["items"]
    assert +arrived == +accounted
    assert arrived.total() == sum(stored + refused for stored, refused, *_ in parts)
