"""Headers survive the wire, and no header can cost a payload."""

from hypothesis import given
from hypothesis import strategies as st

from rak_libs.kafka.topics import (
    RECEIVED_NS,
    TOPICS,
    DeadLetter,
    Envelope,
    dead_letter_topic,
    source_headers,
)

NUMBERS = st.integers(min_value=0, max_value=2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
ENVELOPES = st.builds(
    Envelope,
    received_ns=NUMBERS,
    principal=TEXT,
    accepted=NUMBERS,
    rejected=NUMBERS,
    boot=TEXT,
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
    items=NUMBERS,
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


@given(DEAD_LETTERS, ENVELOPES)
def test_a_dead_letter_says_what_its_message_said(letter: DeadLetter, envelope: Envelope) -> None:
    headers = [*letter.to_headers(), *envelope.to_headers(), ("of-a-collector", b"1")]
    assert DeadLetter.from_headers(headers) == letter
    assert source_headers(headers) == [*envelope.to_headers(), ("of-a-collector", b"1")]


@given(HEADERS)
def test_headers_of_others_are_read_without_an_error(headers: list[tuple[str, bytes]]) -> None:
    found = Envelope.from_headers(headers)
    assert found is None or found.received_ns >= 0
    assert DeadLetter.from_headers(headers) is None


def test_a_message_of_a_collector_has_no_envelope() -> None:
    assert Envelope.from_headers([]) is None
    assert Envelope.from_headers([(RECEIVED_NS, b"yesterday")]) is None


def test_numbers_are_decimal_ascii_and_text_is_utf8() -> None:
    headers = dict(Envelope(12, "é", accepted=3, rejected=4, boot="b1").to_headers())
    assert headers == {
        "rak-received-ns": b"12",
        "rak-principal": "é".encode(),
        "rak-accepted": b"3",
        "rak-rejected": b"4",
        "rak-boot": b"b1",
        "rak-version": b"1",
    }


def test_a_number_too_long_to_be_one_is_not_believed() -> None:
    headers = [(RECEIVED_NS, b"12"), ("rak-accepted", b"9" * 5000), ("rak-rejected", b"1" * 20)]
    assert Envelope.from_headers(headers) == Envelope(12)


def test_every_data_topic_has_a_dead_letter_topic() -> None:
    assert set(TOPICS) == {
        "otlp_spans",
        "otlp_spans.dlq",
        "otlp_metrics",
        "otlp_metrics.dlq",
        "otlp_logs",
        "otlp_logs.dlq",
        "pprof_profiles",
        "pprof_profiles.dlq",
        "rak_pipeline",
        "rak_pipeline.dlq",
    }
    assert dead_letter_topic("otlp_spans") == "otlp_spans.dlq"
