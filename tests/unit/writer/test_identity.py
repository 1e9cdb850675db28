"""Names of batches, and what one writer tells the next."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rak_libs.kafka.consumer import Record
from rak_services.writer.identity import Intent, IntentOfAnotherVersion, identify
from unit.writer.span_messages import record

FIRST = record(7, b"value", 1_000)


@pytest.mark.parametrize(
    ("other", "last"),
    [
        (FIRST._replace(topic="otlp_logs"), 9),
        (FIRST._replace(partition=4), 9),
        (FIRST._replace(offset=8), 9),
        (FIRST, 10),
        (FIRST._replace(timestamp_ms=1_001), 9),
        (FIRST._replace(value=b"valuf"), 9),
    ],
)
def test_whatever_differs_gives_another_name(other: Record, last: int) -> None:
    """A topic made anew has the old offsets, but neither the times nor the messages."""
    assert identify(FIRST, 9).token != identify(other, last).token


def test_the_same_messages_have_the_same_name_for_ever() -> None:
    """Writers of different versions meet in the engine: the name is part of the wire format."""
    assert identify(FIRST, 9).token == "fc7b6db0071d3110ea66dca77b7f386e"
    assert identify(FIRST, 9).number == 0xFC7B6DB0071D3110


@given(end=st.integers(0, 2**63 - 1), token=st.text("0123456789abcdef", min_size=32, max_size=32))
def test_an_intent_reads_back_from_its_note(end: int, token: str) -> None:
    intent = Intent(end_offset=end, token=token)
    assert Intent.from_note(intent.to_note()) == intent


def test_no_note_is_no_intent() -> None:
    assert Intent.from_note("") is None


@pytest.mark.parametrize("note", ["{", "[]", '{"v":1}', '{"v":1,"e":"x","b":""}', "reset by hand"])
def test_a_note_of_somebody_else_is_told_apart(note: str) -> None:
    with pytest.raises(ValueError, match="no intent of a writer"):
        Intent.from_note(note)


def test_an_intent_of_another_version_is_not_guessed_at() -> None:
    with pytest.raises(IntentOfAnotherVersion, match="version 2"):
        Intent.from_note('{"v":2,"e":5,"b":"00"}')
