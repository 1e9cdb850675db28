"""Records of a dead-letter topic."""

from rak_libs.kafka.records import Record
from rak_libs.kafka.topics import DeadLetter
from rak_services.writer.dlq.letters import LetterBook
from rak_services.writer.dlq.markers import Marker, Step

TOPIC = "otlp_spans.dlq"


def letter_record(
    place: tuple[int, int], value: bytes = b"v", reason: str = "undecodable", **what: object
) -> Record:
    """A letter from otlp_spans/1/9, given up a second after 1970 began."""
    given = {"error_class": "", "partition": 1, "offset": 9, "time_ns": 10**9, **what}
    letter = DeadLetter(reason=reason, topic="otlp_spans", **given)
    return Record(TOPIC, *place, 5_000, value, tuple(letter.to_headers()))


def marker_record(
    place: tuple[int, int], step: Step, letter: str, run: str = "a", number: int = 1
) -> Record:
    marker = Marker(step, letter, number, run, f"{run}@host")
    return Record(TOPIC, *place, 6_000, b"", tuple(marker.to_headers()))


def book_of(*records: Record) -> LetterBook:
    book = LetterBook()
    for record in records:
        book.add(record)
    return book
