"""Sending letters to their topic again: once each, whoever dies or tries at the same time.

A claim goes into the dead-letter topic before a message is sent, a marker that it was replayed
after the broker has it. Whoever finds a claim without its marker does not know whether the message
was sent, and looks for it in the topic, where it says of which letter it is, before sending it. Of
several who claim a letter at once the first in the log goes on. A claim counts for
`CLAIM_SECONDS`; nothing is sent on a claim older than `FRESH_SECONDS`. So two would have to meet a
process that stands still for minutes between its last look at the clock and the sending.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, NamedTuple

from rak_libs.kafka.errors import KafkaError, PermanentKafkaError, TransientKafkaError
from rak_libs.kafka.publisher import Publisher, Stored
from rak_libs.kafka.records import Record
from rak_libs.kafka.topic_reader import TopicReader
from rak_libs.kafka.topics import REPLAY_OF, Envelope, Headers, source_headers
from rak_services.writer.dlq.letter_log import LetterLog
from rak_services.writer.dlq.letters import Letter, SeenMarker, State
from rak_services.writer.dlq.markers import Marker, Step
from rak_services.writer.dlq.sent_messages import SentMessages

CLAIM_SECONDS: Final = 300.0
FRESH_SECONDS: Final = 60.0
_EXPIRED: Final = (
    "an earlier attempt did not end, and the topic no longer holds what it may have sent; --again "
    "sends it whether or not it was"
)
_TOGETHER: Final = 100
_TOGETHER_BYTES: Final = 16 * 1024 * 1024


class Outcome(StrEnum):
    """What became of a letter that was to be sent or dropped."""

    REPLAYED = "replayed"
    FOUND = "found"
    ALREADY = "already replayed"
    DROPPED = "dropped"
    BUSY = "claimed"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    LEFT = "left at source"
    GONE = "gone"


DONE: Final = frozenset({Outcome.REPLAYED, Outcome.FOUND, Outcome.ALREADY, Outcome.DROPPED})
"""Outcomes that leave nothing to be done for a letter."""


class Result(NamedTuple):
    """The outcome of one letter; `detail` is for people."""

    letter: Letter
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Operator:
    """Who runs the tool: `run` is different each time, `name` is `user@host`."""

    run: str
    name: str


@dataclass(slots=True)
class _Attempt:
    """One letter on its way; `claimed_at` on this process's clock, in seconds."""

    letter: Letter
    record: Record
    round: int
    sent_as: str
    claim: Stored
    claimed_at: float


class Sender:
    """Sends letters of one dead-letter topic to the topic that they came from."""

    def __init__(
        self,
        log: LetterLog,
        reader: TopicReader,
        publisher: Publisher,
        operator: Operator,
        *,
        takes_over: bool = False,
        sends_again: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Describe the sender.

        Args:
            log: The dead-letter topic, read to its end.
            reader: Looks through the topic that messages are sent to.
            publisher: Publishes messages and markers.
            operator: Who sends.
            takes_over: Whether the claims that the letters come with are known to be dead.
            sends_again: Whether a message is sent although it may have been sent before.
            clock: Seconds that go on while the process stands still.
        """
        self._log = log
        self._reader = reader
        self._publisher = publisher
        self._operator = operator
        self._takes_over = takes_over
        self._sends_again = sends_again
        self._dead: set[SeenMarker] = set()
        self._clock = clock

    async def send(self, letters: Sequence[Letter]) -> AsyncIterator[Result]:
        """Send letters, and tell of each what became of it.

        Raises:
            KafkaError: Nothing can be read, or no claim be written. Running it again goes on.
        """
        if self._takes_over:
            self._dead = {seen for letter in letters for seen in letter.open_claims()}
        for together in _portions(letters):
            for result in await self._send_together(together):
                yield result

    async def _send_together(self, letters: Sequence[Letter]) -> list[Result]:
        results = [_left(letter) for letter in letters if letter.is_left_at_source]
        present = [letter for letter in letters if not letter.is_left_at_source]
        records = await self._log.records(present)
        results += [
            Result(letter, Outcome.GONE, "its record has expired")
            for letter in present
            if letter.key not in records
        ]
        claimed = await asyncio.gather(
            *(self._claim(each, records[each.key]) for each in present if each.key in records)
        )
        return results + await self._settle(claimed)

    async def _settle(self, attempts: Sequence[_Attempt]) -> list[Result]:
        """See which attempts go on, and what earlier ones left open; then send."""
        results: list[Result] = []
        sent = SentMessages(self._reader)
        while attempts:
            attempts, ended = await self._judge(attempts)
            results += ended
            for topic, since_ms in self._left_open(attempts):
                await sent.look(topic, since_ms)
            stale = [each for each in attempts if not self._is_fresh(each)]
            if not stale:
                break
            # Looking through a long topic took its time; the next look only goes on from here.
            await asyncio.gather(*(self._claim_again(each) for each in stale))
        return results + await asyncio.gather(*(self._finish(each, sent) for each in attempts))

    async def _judge(self, attempts: Sequence[_Attempt]) -> tuple[list[_Attempt], list[Result]]:
        await self._log.catch_up()
        if not all(self._log.has_read(*each.claim[:2]) for each in attempts):
            raise TransientKafkaError("the dead-letter topic does not show what was just written")
        going: list[_Attempt] = []
        results: list[Result] = []
        for attempt in attempts:
            ended = self._ended(attempt)
            if ended is None:
                going.append(attempt)
            else:
                results.append(ended)
                await self._mark(attempt, Step.RELEASED)
        return going, results

    def _ended(self, attempt: _Attempt) -> Result | None:
        """Why an attempt does not go on, as the log now has it; None when it does."""
        letter = attempt.letter
        if letter.rounds >= attempt.round:
            return Result(letter, Outcome.ALREADY, "by another operator just now")
        if letter.state is State.DROPPED:
            return Result(letter, Outcome.DROPPED, "by another operator just now")
        for other in self._claims_of_others(letter):
            age = (attempt.claim.timestamp_ms - other.timestamp_ms) / 1000
            if other in self._dead or not _is_earlier(other, attempt):
                continue
            if age < CLAIM_SECONDS:
                return Result(letter, Outcome.BUSY, _claimed_by(other, age))
        return None

    def _left_open(self, attempts: Iterable[_Attempt]) -> list[tuple[str, int]]:
        """From when on each topic may hold what earlier claims were for."""
        since: dict[str, int] = {}
        for attempt in attempts:
            topic = attempt.letter.what.topic
            for seen in self._claims_of_others(attempt.letter):
                since[topic] = min(seen.timestamp_ms, since.get(topic, seen.timestamp_ms))
        return list(since.items())

    async def _finish(self, attempt: _Attempt, sent: SentMessages) -> Result:
        letter = attempt.letter
        earlier = {seen.marker.sent_as for seen in self._claims_of_others(letter)}
        if stored_at := sent.place_of(earlier):
            await self._mark(attempt, Step.REPLAYED, stored_at)
            return Result(letter, Outcome.FOUND, f"an earlier attempt sent it to {stored_at}")
        topic = letter.what.topic
        if earlier and sent.may_have_expired(topic) and not self._sends_again:
            await self._mark(attempt, Step.RELEASED)
            return Result(letter, Outcome.UNKNOWN, _EXPIRED)
        headers = replay_headers(attempt.record.headers, letter.items, attempt.sent_as)
        try:
            stored = await self._publisher.publish(topic, attempt.record.value, headers)
        except PermanentKafkaError as error:
            await self._mark(attempt, Step.RELEASED)
            return Result(letter, Outcome.REFUSED, str(error))
        except KafkaError as error:
            return Result(letter, Outcome.UNKNOWN, f"{error}; the same command again finds out")
        stored_at = f"{topic}/{stored.partition}/{stored.offset}"
        await self._mark(attempt, Step.REPLAYED, stored_at)
        return Result(letter, Outcome.REPLAYED, f"as {stored_at}")

    def _claims_of_others(self, letter: Letter) -> list[SeenMarker]:
        return [seen for seen in letter.open_claims() if seen.marker.run != self._operator.run]

    def _is_fresh(self, attempt: _Attempt) -> bool:
        return self._clock() - attempt.claimed_at < FRESH_SECONDS

    async def _claim(self, letter: Letter, record: Record) -> _Attempt:
        number, sent_as = letter.rounds + 1, letter.sent_as()
        attempt = _Attempt(letter, record, number, sent_as, Stored(-1, -1, -1), 0.0)
        await self._claim_again(attempt)
        return attempt

    async def _claim_again(self, attempt: _Attempt) -> None:
        attempt.claimed_at = self._clock()
        attempt.claim = await self._mark(attempt, Step.CLAIMED)

    async def _mark(self, attempt: _Attempt, step: Step, stored_at: str = "") -> Stored:
        marker = Marker(
            step,
            attempt.letter.key,
            attempt.round,
            self._operator.run,
            self._operator.name,
            attempt.sent_as,
            stored_at,
        )
        return await publish_marker(self._publisher, attempt.letter, marker)


async def publish_marker(publisher: Publisher, letter: Letter, marker: Marker) -> Stored:
    """Write a marker beside its letter, so that the markers of a letter have one order."""
    return await publisher.publish(letter.topic, b"", marker.to_headers(), letter.id.partition)


def replay_headers(headers: Headers, items: int | None, sent_as: str) -> list[tuple[str, bytes]]:
    """The headers of a message that is sent again: what it said of itself, and which letter it is.

    The account counts it anew, so of the receiver's envelope only when and from whom it came is
    kept: the receiver's run, and what of the request was rejected, were counted the first time, and
    a letter may hold a part of its message.

    Args:
        headers: The letter's.
        items: How many are in it, None when nobody could count them.
        sent_as: What it is sent as.
    """
    envelope = Envelope.from_headers(headers)
    left_out = {REPLAY_OF} if envelope is None else {REPLAY_OF, *dict(envelope.to_headers())}
    kept = [each for each in source_headers(headers) if each[0] not in left_out]
    if envelope is not None:
        own = replace(envelope, accepted=items or 0, rejected=0, boot="")
        kept = [*own.to_headers(), *kept]
    return [*kept, (REPLAY_OF, sent_as.encode())]


def _is_earlier(other: SeenMarker, attempt: _Attempt) -> bool:
    """Whether a claim goes before ours; one in another partition does, as there is no order."""
    return other.partition != attempt.claim.partition or other.offset < attempt.claim.offset


def _claimed_by(other: SeenMarker, age: float) -> str:
    left = CLAIM_SECONDS - age
    return (
        f"{other.marker.operator} claimed it {age:.0f} s ago; it is free in {left:.0f} s, or with "
        "--take-over at once if that operator's command is dead"
    )


def _left(letter: Letter) -> Result:
    what = letter.what
    where = f"{what.topic}/{what.partition}/{what.offset}"
    return Result(letter, Outcome.LEFT, f"too large for a dead letter, still in {where}")


def _portions(letters: Sequence[Letter]) -> Iterable[list[Letter]]:
    """Divide letters, in the order of the log, into what is read and sent together."""
    portion: list[Letter] = []
    size = 0
    for letter in sorted(letters, key=lambda each: each.id):
        if portion and (len(portion) == _TOGETHER or size + letter.size > _TOGETHER_BYTES):
            yield portion
            portion, size = [], 0
        portion.append(letter)
        size += letter.size
    if portion:
        yield portion
