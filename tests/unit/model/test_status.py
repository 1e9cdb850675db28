"""The wire format of status records."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rak_libs.model.status import (
    BadStatus,
    Count,
    Position,
    ReceiverStatus,
    WriterStatus,
    decode_status,
    encode_status,
)

NUMBERS = st.integers(min_value=0, max_value=2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
COUNTS = st.builds(
    Count,
    signal=WORDS,
    hour_ms=NUMBERS,
    principal=TEXT,
    outcome=st.sampled_from(["accepted", "rejected", "failed"]),
    reason=TEXT,
    items=NUMBERS,
)
POSITIONS = st.builds(
    Position,
    signal=WORDS,
    topic=WORDS,
    partition=st.integers(min_value=0, max_value=2**31 - 1),
    next_offset=NUMBERS,
    end_offset=NUMBERS,
    written_until_ms=NUMBERS,
    oldest_unwritten_ms=NUMBERS,
)
COMMON = {
    "boot": WORDS,
    "sequence": NUMBERS,
    "started_ms": NUMBERS,
    "at_ms": NUMBERS,
    "release": TEXT,
}
STATUSES = st.one_of(
    st.builds(
        ReceiverStatus,
        v=st.just(1),
        final=st.booleans(),
        signals=st.lists(WORDS, max_size=3),
        counts=st.lists(COUNTS, max_size=5),
        **COMMON,
    ),
    st.builds(WriterStatus, v=st.just(1), positions=st.lists(POSITIONS, max_size=5), **COMMON),
)


@given(STATUSES)
def test_a_status_is_read_back_as_it_was_written(status: ReceiverStatus | WriterStatus) -> None:
    assert decode_status(encode_status(status)) == status


@given(st.binary())
def test_other_bytes_are_refused(value: bytes) -> None:
    with pytest.raises(BadStatus):
        decode_status(value)


RECEIVER = ReceiverStatus(
    boot="b1",
    sequence=3,
    started_ms=1,
    at_ms=2,
    release="1.0",
    final=True,
    signals=["spans"],
    counts=[Count(signal="spans", hour_ms=0, principal="p", outcome="accepted", items=5)],
)


def test_the_format() -> None:
    """What other programs may rely on."""
    assert json.loads(encode_status(RECEIVER)) == {
        "service": "receiver",
        "v": 1,
        "boot": "b1",
        "sequence": 3,
        "started_ms": 1,
        "at_ms": 2,
        "release": "1.0",
        "final": True,
        "signals": ["spans"],
        "counts": [
            {
                "signal": "spans",
                "hour_ms": 0,
                "principal": "p",
                "outcome": "accepted",
                "reason": "",
                "items": 5,
            }
        ],
    }


@pytest.mark.parametrize(
    ("key", "value"),
    [("v", 2), ("service", "query"), ("sequence", -1), ("boot", ""), ("counts", [{}])],
)
def test_what_is_not_of_the_format_is_refused(key: str, value: object) -> None:
    record = json.loads(encode_status(RECEIVER)) | {key: value}
    with pytest.raises(BadStatus):
        decode_status(json.dumps(record).encode())


def test_deeply_nested_bytes_are_refused() -> None:
    with pytest.raises(BadStatus):
        decode_status(b'{"service": "receiver", "x": ' + b"[" * 100_000)


def test_a_field_of_a_later_release_is_left_alone() -> None:
    record = json.loads(encode_status(RECEIVER)) | {"later": [1]}
    assert decode_status(json.dumps(record).encode()) == RECEIVER


@pytest.mark.parametrize(("next_offset", "end_offset", "lag"), [(5, 9, 4), (9, 9, 0), (9, 5, 0)])
def test_lag_is_what_is_not_written(next_offset: int, end_offset: int, lag: int) -> None:
    position = Position(
        signal="spans", topic="t", partition=0, next_offset=next_offset, end_offset=end_offset
    )
    assert position.lag == lag
