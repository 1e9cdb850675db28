"""What a message that is sent again says of itself: the account counts it by that."""

from rak_libs.kafka.topics import REPLAY_OF, Envelope
from rak_services.writer.dlq.sending import replay_headers
from unit.writer.dlq.letter_records import book_of, letter_record

ENVELOPE = Envelope(12, "agent-7", accepted=10, rejected=2, boot="b")


def test_a_part_of_a_message_counts_its_own_items_and_nothing_that_was_counted_before() -> None:
    part = letter_record((0, 0), reason="time_expired", items=3)
    record = part._replace(headers=(*part.headers, *ENVELOPE.to_headers()))
    items = book_of(record).letters()[0].items
    headers = replay_headers(record.headers, items, "otlp_spans.dlq/0/0")
    assert Envelope.from_headers(headers) == Envelope(12, "agent-7", accepted=3)
    assert dict(headers)[REPLAY_OF] == b"otlp_spans.dlq/0/0"
    assert "rak-reason" not in dict(headers)


def test_a_message_of_another_producer_keeps_what_it_said() -> None:
    record = letter_record((0, 0))
    record = record._replace(headers=(*record.headers, ("traceparent", b"00-1"), (REPLAY_OF, b"x")))
    headers = replay_headers(record.headers, None, "otlp_spans.dlq/0/0#2")
    assert headers == [("traceparent", b"00-1"), (REPLAY_OF, b"otlp_spans.dlq/0/0#2")]
