"""What a dead-letter topic holds: its letters, and what became of each. No broker in here."""

import hashlib
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple, Self

from rak_libs.kafka.records import Record
from rak_libs.kafka.topics import LEFT_BYTES, DeadLetter, Envelope, Headers
from rak_services.writer.dlq.markers import Marker, Step

_NS_PER_MS = 1_000_000


class LetterId(NamedTuple):
    """Where a letter lies in its dead-letter topic; written `partition:offset`."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `partition:offset`.

        Raises:
            ValueError: The text is none.
        """
        partition, _, offset = text.partition(":")
        if not (partition.isdecimal() and offset.isdecimal()):
            raise ValueError(f"expected a letter's id, partition:offset such as 2:17, got {text!r}")
        return cls(int(partition), int(offset))


class State(StrEnum):
    """What became of a letter; a CLAIMED one is being sent, or whoever sent it did not end."""

    OPEN = "open"
    CLAIMED = "claimed"
    REPLAYED = "replayed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class SeenMarker:
    """A marker where it stands in the log, with the record's time in unix milliseconds."""

    partition: int
    offset: int
    timestamp_ms: int
    marker: Marker


@dataclass(slots=True)
class Letter:
    """One thing that could not be stored. A writer that crashed may have published it twice.

    Attributes:
        topic: The dead-letter topic.
        key: What tells it from others: source, reason and payload, as 32 hexadecimal digits.
        id: Where it lies; the first place of several.
        what: What its headers say of it.
        items: Spans, points or records in it; None when nobody could count them.
        size: Bytes of its payload.
        is_left_at_source: Whether its payload was too large to come along.
        copies: How many times it was published.
        markers: What was done with it, in the order of reading.
    """

    topic: str
    key: str
    id: LetterId
    what: DeadLetter
    items: int | None
    size: int
    is_left_at_source: bool
    copies: int = 1
    markers: list[SeenMarker] = field(default_factory=list)

    @property
    def rounds(self) -> int:
        """How many times it was sent again, to the end."""
        return max((m.marker.round for m in self._of(Step.REPLAYED)), default=0)

    @property
    def state(self) -> State:
        """What became of it."""
        if not self.rounds and any(self._of(Step.DROPPED)):
            return State.DROPPED
        if self.open_claims():
            return State.CLAIMED
        return State.REPLAYED if self.rounds else State.OPEN

    def open_claims(self) -> list[SeenMarker]:
        """Claims of the round that is not ended, without those that were released."""
        number = self.rounds + 1
        released = {m.marker.run for m in self._of(Step.RELEASED) if m.marker.round == number}
        return [
            m
            for m in self._of(Step.CLAIMED)
            if m.marker.round == number and m.marker.run not in released
        ]

    def sent_as(self) -> str:
        """What the message of the next round says it is: `rak-replay-of`."""
        number = self.rounds + 1
        again = f"#{number}" if number > 1 else ""
        return f"{self.topic}/{self.id.partition}/{self.id.offset}{again}"

    def _of(self, step: Step) -> Iterable[SeenMarker]:
        return (seen for seen in self.markers if seen.marker.step is step)


class LetterBook:
    """Every letter of one dead-letter topic, put together record by record.

    Payloads and headers are not kept: a letter takes about a kilobyte. Records of a partition come
    in order; of several, in any.
    """

    def __init__(self) -> None:
        self._letters: dict[str, Letter] = {}
        self._markers: dict[str, list[SeenMarker]] = {}
        self._by_id: dict[LetterId, Letter] = {}
        self.others = 0
        """Records that are neither letters nor markers: somebody else wrote them."""

    def add(self, record: Record) -> None:
        """Take in one record."""
        marker = Marker.from_headers(record.headers)
        what = DeadLetter.from_headers(record.headers)
        if marker is not None:
            seen = SeenMarker(record.partition, record.offset, record.timestamp_ms, marker)
            self._markers_of(marker.letter).append(seen)
        elif what is not None:
            self._add_letter(record, what)
        else:
            self.others += 1

    def letters(self, wanted: Callable[[Letter], bool] = lambda _: True) -> list[Letter]:
        """Return the letters that are wanted, oldest first."""
        found = filter(wanted, self._letters.values())
        return sorted(found, key=lambda letter: (letter.what.time_ns, letter.id))

    def get(self, letter_id: LetterId) -> Letter | None:
        """Return the letter that has a copy at this place."""
        return self._by_id.get(letter_id)

    def _markers_of(self, key: str) -> list[SeenMarker]:
        return self._markers.setdefault(key, [])

    def _add_letter(self, record: Record, what: DeadLetter) -> None:
        place = LetterId(record.partition, record.offset)
        if not what.time_ns:
            what = replace(what, time_ns=record.timestamp_ms * _NS_PER_MS)
        key = letter_key(what, record.value)
        letter = self._letters.get(key)
        if letter is None:
            markers = self._markers_of(key)
            letter = self._letters[key] = Letter(
                topic=sys.intern(record.topic),
                key=key,
                id=place,
                what=what,
                items=_items(what, record.headers),
                size=len(record.value),
                is_left_at_source=any(name == LEFT_BYTES for name, _ in record.headers),
                markers=markers,
            )
        else:
            letter.copies += 1
            letter.id = min(letter.id, place)
        self._by_id[place] = letter


def letter_key(what: DeadLetter, value: bytes) -> str:
    """Name a letter by where it came from, why, and its payload: copies have the same name."""
    source = "\0".join(map(str, (what.topic, what.partition, what.offset, what.reason)))
    digest = hashlib.blake2b(source.encode(), digest_size=16)
    digest.update(b"\0" + value)
    return digest.hexdigest()


def _items(what: DeadLetter, headers: Headers) -> int | None:
    """Return what the check that refused them counted, or else the receiver."""
    envelope = Envelope.from_headers(headers)
    return what.items or (envelope.accepted if envelope else 0) or None
