"""Status records become rows that replace each other."""

from typing import Any

import pytest

from rak_libs.model.batch import new_batch
from rak_libs.model.pipeline import HOUR_MS, PIPELINE
from rak_libs.model.status import Count, Position, ReceiverStatus, WriterStatus, encode_status
from rak_libs.model.time_window import time_window
from rak_services.writer.status_rows import UndecodableStatus, decode_statuses
from span_rows import rows_of

HOUR = 500_000 * HOUR_MS
AT = HOUR + 1_234
ACCEPTED = Count(signal="spans", hour_ms=HOUR - HOUR_MS, principal="p", outcome="accepted", items=5)
REJECTED = Count(
    signal="spans", hour_ms=HOUR, principal="p", outcome="rejected", reason="trace_id", items=2
)


def receiver(*counts: Count, final: bool = False) -> ReceiverStatus:
    return ReceiverStatus(
        boot="b1",
        sequence=3,
        started_ms=HOUR - 5,
        at_ms=1,
        release="1.0",
        final=final,
        signals=["spans"],
        counts=list(counts),
    )


def rows(status: ReceiverStatus | WriterStatus) -> list[dict[str, Any]]:
    batch = new_batch(PIPELINE)
    window = time_window(90, AT * 1_000_000)
    assert decode_statuses(encode_status(status), AT, window, batch) == []
    return rows_of(batch)


@pytest.mark.parametrize(("final", "outcome"), [(False, "running"), (True, "ended")])
def test_a_receiver_is_known_to_run_until_it_has_ended(final: bool, outcome: str) -> None:
    """Dated by the broker, whose hours the items have; the receiver's own clock may be wrong."""
    (row,) = rows(receiver(final=final))
    assert (row["service"], row["outcome"], row["boot"]) == ("receiver", outcome, "b1")
    assert (row["signal"], row["hour"], row["at"]) == ("spans", HOUR * 1_000_000, AT)
    assert (row["sequence"], row["started_at"], row["release"]) == (3, HOUR - 5, "1.0")


def test_counts_keep_their_hour() -> None:
    _, accepted, rejected = rows(receiver(ACCEPTED, REJECTED))
    assert (accepted["outcome"], accepted["items"], accepted["reason"]) == ("accepted", 5, "")
    assert (rejected["outcome"], rejected["items"], rejected["reason"]) == (
        "rejected",
        2,
        "trace_id",
    )
    assert accepted["hour"] == (HOUR - HOUR_MS) * 1_000_000
    assert {row["boot"] for row in (accepted, rejected)} == {"b1"}
    assert {row["sequence"] for row in (accepted, rejected)} == {3}


def test_a_writer_has_a_position_in_each_partition() -> None:
    position = Position(
        signal="spans",
        topic="otlp_spans",
        partition=3,
        next_offset=10,
        end_offset=15,
        written_until_ms=7,
        oldest_unwritten_ms=8,
    )
    status = WriterStatus(
        boot="w", sequence=1, started_ms=1, at_ms=2, release="1.0", positions=[position]
    )
    (row,) = rows(status)
    assert (row["service"], row["outcome"], row["boot"]) == ("writer", "position", "w")
    assert (row["topic"], row["partition"], row["lag"]) == ("otlp_spans", 3, 5)
    assert (row["first_offset"], row["last_offset"]) == (10, 14)
    assert (row["written_until"], row["oldest_unwritten"]) == (7, 8)


def test_other_bytes_are_dead_letters() -> None:
    batch = new_batch(PIPELINE)
    with pytest.raises(UndecodableStatus):
        decode_statuses(b"{", AT, time_window(90, AT * 1_000_000), batch)
    assert batch.rows == 0


def test_a_record_of_an_hour_that_the_table_does_not_take_is_a_dead_letter() -> None:
    """It would fail the INSERT of others' records, or vanish."""
    batch = new_batch(PIPELINE)
    value = encode_status(receiver(ACCEPTED, Count(**_at(2**62))))
    (rejected,) = decode_statuses(value, AT, time_window(90, AT * 1_000_000), batch)
    assert (rejected.reason, rejected.count, rejected.value) == ("time_overflow", 1, value)
    assert batch.rows == 0


def _at(hour_ms: int) -> dict[str, Any]:
    return {"signal": "spans", "hour_ms": hour_ms, "principal": "", "outcome": "failed", "items": 1}
