"""Looking for a message that an earlier attempt may have sent."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from rak_libs.kafka.records import Record
from rak_libs.kafka.topic_reader import Stretch
from rak_libs.kafka.topics import REPLAY_OF
from rak_services.writer.dlq.sent_messages import SentMessages

TOPIC = "otlp_spans"
SINCE_MS = 5_000


class Log:
    """A partition whose record at offset n is of n seconds; what is before `start` expired."""

    def __init__(self, start: int, end: int, **sent: int) -> None:
        self.start = start
        self.end = end
        self.sent = {offset: name.encode() for name, offset in sent.items()}
        self.read_from: list[int] = []

    async def stretches(self, _topic: str, from_ms: int = 0) -> dict[int, Stretch]:
        return {0: Stretch(min(max(self.start, from_ms // 1000), self.end), self.end)}

    async def read(self, topic: str, partition: int, stretch: Stretch) -> AsyncIterator[Record]:
        self.read_from.append(stretch.start)
        for offset in range(*stretch):
            headers = ((REPLAY_OF, self.sent[offset]),) if offset in self.sent else ()
            yield Record(topic, partition, offset, offset * 1000, b"", headers)


def looked(log: Log) -> SentMessages:
    messages = SentMessages(log)
    asyncio.run(messages.look(TOPIC, SINCE_MS))
    return messages


def test_a_message_is_found_by_what_it_says_it_is() -> None:
    messages = looked(Log(0, 9, mine=7))
    assert messages.place_of(["other", "mine"]) == "otlp_spans/0/7"
    assert messages.place_of(["other"]) == ""


def test_a_second_look_goes_on_where_the_first_ended() -> None:
    log = Log(0, 9)
    messages = looked(log)
    log.end, log.sent = 12, {10: b"mine"}
    asyncio.run(messages.look(TOPIC, SINCE_MS))
    assert messages.place_of(["mine"]) == "otlp_spans/0/10"
    assert log.read_from == [5, 9]


@pytest.mark.parametrize(
    ("log", "may_have_expired"),
    [
        (Log(0, 9), False),
        (Log(0, 0), False),
        (Log(3, 9), False),
        (Log(5, 9), False),
        (Log(6, 9), True),
        (Log(9, 9), True),
    ],
)
def test_a_log_that_begins_after_the_attempt_proves_nothing(
    log: Log, may_have_expired: bool
) -> None:
    assert looked(log).may_have_expired(TOPIC) is may_have_expired
