"""Headers survive the wire, and no header can cost a payload."""

from hypothesis import given
from hypothesis import strategies as st

from rak_libs.kafka.topics import (
    RECEIVED_NS,
    TOPICS,
    DeadLetter,
    Envelope,
    dead_letter_topic,
)

NUMBERS = st.integers(min_value=0, max_value=2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
ENVELOPES = st.builds(
    Envelope,
    received_ns=NUMBERS,
    principal=TEXT,
    accepted=NUMBERS,
    rejected=NUMBERS,
    version=NUMBERS,
)
DEAD_LETTERS = st.builds(
    DeadLetter,
    reason=TEXT,
    error_class=TEXT,
    topic=TEXT,
    partition=NUMBERS,
    offset=NUMBERS,
    time_ns=NUMBERS,
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from([name for name, _ in Envelope(0).to_headers()]) | st.text(), st.binary()
    )
)


@given(ENVELOPES)
def test_an_envelope_is_read_back_as_it_was_written(envelope: Envelope) -> None:
    assert Envelope.from_headers(envelope.to_headers()) == envelope


@given(DEAD_LETTERS)
def test_a_dead_letter_is_read_back_as_it_was_written(letter: DeadLetter) -> None:
    assert DeadLetter.from_headers(letter.to_headers()) == letter


@given(HEADERS)
def test_headers_of_others_are_read_without_an_error(headers: list[tuple[str, bytes]]) -> None:
    found = Envelope.from_headers(headers)
    assert found is None or found.received_ns >= 0
    assert DeadLetter.from_headers(headers) is None


def test_a_message_of_a_collector_has_no_envelope() -> None:
    assert Envelope.from_headers([]) is None
    assert Envelope.from_headers([(RECEIVED_NS, b"yesterday")]) is None


def test_numbers_are_decimal_ascii_and_text_is_utf8() -> None:
    headers = dict(Envelope(12, "é", accepted=3, rejected=4).to_headers())
    assert headers == {
        "rak-received-ns": b"12",
        "rak-principal": "é".encode(),
        "rak-accepted": b"3",
        "rak-rejected": b"4",
        "rak-version": b"1",
    }


def test_every_data_topic_has_a_dead_letter_topic() -> None:
    assert set(TOPICS) == {"otlp_spans", "otlp_spans.dlq", "rak_pipeline"}
    assert dead_letter_topic("otlp_spans") == "otlp_spans.dlq"
