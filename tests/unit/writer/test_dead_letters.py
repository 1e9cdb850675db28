"""What cannot be stored is set aside whole, with what its message said of itself."""

import asyncio

import pytest

from rak_libs.kafka.consumer import Record
from rak_libs.kafka.errors import MessageTooLarge, TransientKafkaError
from rak_libs.kafka.topics import DeadLetter, Envelope, Headers
from rak_services.writer.batch import Refused
from rak_services.writer.dead_letters import DeadLetters

ENVELOPE = Envelope(12, "agent-7", accepted=3).to_headers()


class LimitedTopic:
    """A publisher to a topic that takes values of 10 bytes at most."""

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes, dict[str, bytes]]] = []
        self.refusals: list[Exception] = []

    async def publish(self, topic: str, value: bytes, headers: Headers) -> None:
        if self.refusals:
            raise self.refusals.pop()
        if len(value) > 10:
            raise MessageTooLarge("10 bytes allowed")
        self.published.append((topic, value, dict(headers)))


def refused(value: bytes, reason: str = "time_expired") -> Refused:
    record = Record("otlp_spans", 2, 7, 1_800_000_000_000, value, tuple(ENVELOPE))
    return Refused(record, reason, "", 3, value)


def published(topic: LimitedTopic, letter: Refused) -> tuple[bytes, dict[str, bytes]]:
    asyncio.run(DeadLetters(topic, 1000).publish([letter], asyncio.Event()))
    ((name, value, headers),) = topic.published
    assert name == "otlp_spans.dlq"
    return value, headers


def test_a_letter_carries_the_payload_and_the_headers_of_its_message() -> None:
    value, headers = published(LimitedTopic(), refused(b"payload"))
    letter = DeadLetter.from_headers(list(headers.items()))
    assert value == b"payload"
    assert letter is not None
    assert (letter.topic, letter.partition, letter.offset) == ("otlp_spans", 2, 7)
    assert (letter.reason, letter.items) == ("time_expired", 3)
    assert dict(ENVELOPE).items() <= headers.items()


def test_nobody_can_count_the_items_of_bytes_that_are_no_message() -> None:
    _, headers = published(LimitedTopic(), refused(b"\xff", "undecodable"))
    assert headers["rak-items"] == b"0"


def test_a_payload_that_the_topic_cannot_take_stays_at_its_source_and_holds_nothing_up() -> None:
    value, headers = published(LimitedTopic(), refused(b"x" * 11))
    assert value == b""
    assert headers["rak-left-bytes"] == b"11"
    assert headers["rak-source-offset"] == b"7"


def test_a_broker_that_is_away_is_tried_again() -> None:
    topic = LimitedTopic()
    topic.refusals = [TransientKafkaError("away")]
    assert published(topic, refused(b"payload"))[0] == b"payload"


def test_every_failed_attempt_is_told() -> None:
    """A writer that waits for the broker's dead-letter topic is not stuck."""
    topic = LimitedTopic()
    topic.refusals = [TransientKafkaError("away")] * 2
    told: list[str] = []
    letters = DeadLetters(topic, 1000, on_failure=lambda: told.append("failed"))
    asyncio.run(letters.publish([refused(b"p")], asyncio.Event()))
    assert told == ["failed"] * 2


def test_an_abandoned_letter_ends_with_its_error() -> None:
    topic, abandoned = LimitedTopic(), asyncio.Event()
    topic.refusals = [TransientKafkaError("away")]
    abandoned.set()
    with pytest.raises(TransientKafkaError):
        asyncio.run(DeadLetters(topic, 1000).publish([refused(b"p")], abandoned))
