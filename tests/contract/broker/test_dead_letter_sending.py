"""Letters are sent to their topic again once each, whoever dies or tries at the same time."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from contract.broker.brokers import Broker, publishing, run
from rak_libs.kafka.admin import connect
from rak_libs.kafka.errors import MessageTooLarge, TransientKafkaError
from rak_libs.kafka.publisher import Publisher, Stored
from rak_libs.kafka.records import Record
from rak_libs.kafka.topic_reader import TopicReader, open_reader
from rak_libs.kafka.topics import (
    REPLAY_OF,
    DeadLetter,
    Envelope,
    Headers,
    dead_letter_topic,
)
from rak_services.writer.dlq.letter_log import LetterLog
from rak_services.writer.dlq.letters import Letter, State
from rak_services.writer.dlq.sending import Operator, Outcome, Result, Sender

ENVELOPE = Envelope(1_700_000_000_000_000_000, "agent-7", accepted=7, rejected=2, boot="b")
STEPS = 3
"""What is published for one letter: the claim, the message, the marker that it was sent."""


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


class MortalPublisher:
    """Publishes until a chosen moment, then is dead."""

    def __init__(self, publisher: Publisher, dies_at: int, *, after: bool) -> None:
        self._publisher = publisher
        self._left = dies_at
        self._after = after

    async def publish(
        self, topic: str, value: bytes, headers: Headers, partition: int | None = None
    ) -> Stored:
        self._left -= 1
        if self._left == 0 and not self._after:
            raise Killed
        stored = await self._publisher.publish(topic, value, headers, partition)
        if self._left == 0:
            raise Killed
        return stored


class FailingPublisher:
    """Fails to publish messages of one topic, after or instead of storing them."""

    def __init__(self, publisher: Publisher, topic: str, error: Exception, *, stores: bool) -> None:
        self._publisher = publisher
        self._topic = topic
        self._error = error
        self._stores = stores

    async def publish(
        self, topic: str, value: bytes, headers: Headers, partition: int | None = None
    ) -> Stored:
        if topic != self._topic or self._stores:
            stored = await self._publisher.publish(topic, value, headers, partition)
        if topic == self._topic:
            raise self._error
        return stored


@dataclass
class Post:
    """A topic with its dead-letter topic, and operators to work on them."""

    topic: str
    publisher: Publisher
    reader: TopicReader
    broker: Broker

    async def refuse(self, value: bytes, offset: int = 0, copies: int = 1) -> None:
        """Dead-letter a message, as writers do."""
        letter = DeadLetter.now("undecodable", "UndecodableMessage", self.topic, 0, offset)
        headers = [*letter.to_headers(), *ENVELOPE.to_headers(), ("of-a-proxy", b"1")]
        for partition in range(copies):
            name = dead_letter_topic(self.topic)
            await self.publisher.publish(name, value, headers, partition)

    async def log(self) -> LetterLog:
        log = LetterLog(self.reader, dead_letter_topic(self.topic))
        await log.catch_up()
        return log

    async def letters(self) -> list[Letter]:
        return (await self.log()).book.letters()

    async def states(self) -> list[State]:
        return [letter.state for letter in await self.letters()]

    async def send(
        self,
        run_: str,
        publisher: Any = None,
        together: asyncio.Barrier | None = None,
        **options: Any,
    ) -> list[Result]:
        """Have an operator send every letter, when all who do it `together` know the letters."""
        async with open_reader(self.broker.settings, run_) as reader:
            log = LetterLog(reader, dead_letter_topic(self.topic))
            await log.catch_up()
            if together:
                await together.wait()
            operator = Operator(run_, f"{run_}@test")
            sender = Sender(log, reader, publisher or self.publisher, operator, **options)
            return [result async for result in sender.send(log.book.letters())]

    async def sent(self) -> list[Record]:
        """The messages in the topic."""
        return [
            record
            for partition, stretch in (await self.reader.stretches(self.topic)).items()
            async for record in self.reader.read(self.topic, partition, stretch)
        ]


@contextlib.asynccontextmanager
async def post(broker: Broker, topic: str) -> AsyncIterator[Post]:
    names = [topic, dead_letter_topic(topic)]
    async with (
        connect(broker.settings) as admin,
        publishing(broker.settings) as publisher,
        open_reader(broker.settings, "test") as reader,
    ):
        await admin.delete(names)
        await admin.ensure(names)
        yield Post(topic, publisher, reader, broker)
        await admin.delete(names)


def outcomes(results: Sequence[Result]) -> list[Outcome]:
    return [result.outcome for result in results]


def test_a_letter_is_sent_with_what_its_message_said_and_which_letter_it_is(
    broker: Broker, name: str
) -> None:
    async def scenario() -> None:
        async with post(broker, name) as at:
            await at.refuse(b"payload")
            ((letter, outcome, detail),) = await at.send("ann")
            (record,) = await at.sent()
            assert outcome is Outcome.REPLAYED
            assert detail == f"as {name}/{record.partition}/{record.offset}"
            assert record.value == b"payload"
            said = replace(ENVELOPE, rejected=0, boot="")
            assert Envelope.from_headers(record.headers) == said
            others = {("of-a-proxy", b"1"), (REPLAY_OF, f"{name}.dlq/0/0".encode())}
            assert set(record.headers) == {*said.to_headers(), *others}
            assert await at.states() == [State.REPLAYED]
            assert letter.markers[-1].marker.operator == "ann@test"

    run(scenario())


def test_a_letter_is_sent_again_only_on_purpose(broker: Broker, name: str) -> None:
    """Each time as another message, so that what is left open of the second is found out."""

    async def scenario() -> None:
        async with post(broker, name) as at:
            await at.refuse(b"payload")
            await at.send("ann")
            await at.send("bob")
            sent = sorted(dict(record.headers)[REPLAY_OF].decode() for record in await at.sent())
            assert sent == [f"{name}.dlq/0/0", f"{name}.dlq/0/0#2"]

    run(scenario())


def test_copies_of_a_letter_are_sent_once(broker: Broker, name: str) -> None:
    async def scenario() -> None:
        async with post(broker, name) as at:
            await at.refuse(b"payload", copies=3)
            (letter,) = await at.letters()
            assert letter.copies == 3
            assert outcomes(await at.send("ann")) == [Outcome.REPLAYED]
            assert len(await at.sent()) == 1

    run(scenario())


def test_whenever_an_operator_dies_the_next_one_sends_once(broker: Broker, name: str) -> None:
    """Killed before and after each thing that is published, and while the next one is at it."""
    moments = [(step, after) for step in range(1, STEPS + 1) for after in (False, True)]

    async def scenario() -> None:
        async with post(broker, name) as at:
            for number, (step, after) in enumerate(moments):
                await at.refuse(b"%d" % number, offset=number)
                first = MortalPublisher(at.publisher, step, after=after)
                with pytest.raises(Killed):
                    await only_open(at, "first", first)
                second = MortalPublisher(at.publisher, step, after=after)
                with contextlib.suppress(Killed):
                    await only_open(at, "second", second)
                await only_open(at, "third", at.publisher)
                assert set(await at.states()) == {State.REPLAYED}
            values = Counter(record.value for record in await at.sent())
            assert values == {b"%d" % number: 1 for number in range(len(moments))}

    async def only_open(at: Post, run_: str, publisher: Any) -> None:
        log = await at.log()
        letters = log.book.letters(lambda letter: letter.state is not State.REPLAYED)
        sender = Sender(log, at.reader, publisher, Operator(run_, run_), takes_over=True)
        async for _ in sender.send(letters):
            pass

    run(scenario())


def test_a_young_claim_of_another_operator_is_respected(broker: Broker, name: str) -> None:
    """Until it is old, or its operator is known to be dead."""

    async def scenario() -> None:
        async with post(broker, name) as at:
            await at.refuse(b"payload")
            with pytest.raises(Killed):
                await at.send("ann", MortalPublisher(at.publisher, 2, after=True))
            ((_, outcome, detail),) = await at.send("bob")
            assert outcome is Outcome.BUSY
            assert detail.startswith("ann@test claimed it")
            assert await at.states() == [State.CLAIMED]
            ((_, outcome, detail),) = await at.send("bob", takes_over=True)
            assert (outcome, len(await at.sent())) == (Outcome.FOUND, 1)
            assert await at.states() == [State.REPLAYED]

    run(scenario())


@pytest.mark.parametrize("takes_over", [False, True])
def test_operators_at_once_send_each_letter_once(
    broker: Broker, name: str, takes_over: bool
) -> None:
    """Also when each of them takes over what it found claimed: none takes over from the others."""
    letters = 40

    async def scenario() -> None:
        async with post(broker, name) as at:
            await asyncio.gather(*(at.refuse(b"%d" % n, offset=n) for n in range(letters)))
            together = asyncio.Barrier(3)
            sending = [
                at.send(run_, together=together, takes_over=takes_over)
                for run_ in ("ann", "bob", "cid")
            ]
            results = await asyncio.gather(*sending)
            assert len(await at.sent()) == letters
            assert set(await at.states()) == {State.REPLAYED}
            counts = Counter(outcome for each in results for outcome in outcomes(each))
            assert counts[Outcome.REPLAYED] == letters
            assert counts[Outcome.BUSY] + counts[Outcome.ALREADY] == 2 * letters

    run(scenario())


def test_an_answer_that_is_lost_leaves_open_what_the_next_run_finds_out(
    broker: Broker, name: str
) -> None:
    lost = TransientKafkaError("no acknowledgement")

    async def scenario() -> None:
        async with post(broker, name) as at:
            await at.refuse(b"stored")
            failing = FailingPublisher(at.publisher, name, lost, stores=True)
            assert outcomes(await at.send("ann", failing)) == [Outcome.UNKNOWN]
            assert await at.states() == [State.CLAIMED]
            assert outcomes(await at.send("bob", takes_over=True)) == [Outcome.FOUND]
            assert len(await at.sent()) == 1

    run(scenario())


def test_a_refusal_for_good_frees_the_letter(broker: Broker, name: str) -> None:
    refusal = MessageTooLarge("too large")

    async def scenario() -> None:
        async with post(broker, name) as at:
            await at.refuse(b"payload")
            failing = FailingPublisher(at.publisher, name, refusal, stores=False)
            assert outcomes(await at.send("ann", failing)) == [Outcome.REFUSED]
            assert await at.states() == [State.OPEN]
            assert outcomes(await at.send("bob")) == [Outcome.REPLAYED]

    run(scenario())


def test_nothing_is_sent_on_an_old_claim(broker: Broker, name: str) -> None:
    """An operator that stood still claims the letter anew, and sees who was faster."""

    def clock_that_jumps() -> Callable[[], float]:
        times = iter([0.0, 1_000.0])
        return lambda: next(times, 2_000.0)

    async def scenario() -> None:
        async with post(broker, name) as at:
            await at.refuse(b"payload")
            assert outcomes(await at.send("ann", clock=clock_that_jumps())) == [Outcome.REPLAYED]
            (letter,) = await at.letters()
            steps = [seen.marker.step for seen in letter.markers]
            assert steps == ["claimed", "claimed", "replayed"]
            assert len(await at.sent()) == 1

    run(scenario())
