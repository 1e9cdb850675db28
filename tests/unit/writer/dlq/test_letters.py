"""What a dead-letter topic says about its letters."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rak_libs.kafka.records import Record
from rak_libs.kafka.topics import Envelope
from rak_services.writer.dlq.letters import Letter, LetterId, State
from rak_services.writer.dlq.markers import Marker, Step
from unit.writer.dlq.letter_records import TOPIC, book_of, letter_record, marker_record

KEY = book_of(letter_record((0, 0))).letters()[0].key
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
MARKERS = st.builds(
    Marker,
    step=st.sampled_from(Step),
    letter=TEXT,
    round=st.integers(0, 10**9),
    run=TEXT,
    operator=TEXT,
    sent_as=TEXT,
    stored_at=TEXT,
)


def letter_with(*steps: tuple[Step, str, int]) -> Letter:
    """The one letter of a topic, with markers of (step, run, round)."""
    markers = [
        marker_record((0, 1 + place), step, KEY, run, number)
        for place, (step, run, number) in enumerate(steps)
    ]
    (letter,) = book_of(letter_record((0, 0)), *markers).letters()
    return letter


@given(MARKERS)
def test_a_marker_is_read_back_as_it_was_written(marker: Marker) -> None:
    assert Marker.from_headers(marker.to_headers()) == marker


def test_a_marker_of_another_release_is_none() -> None:
    assert Marker.from_headers([("rak-marker", b"shredded")]) is None
    assert Marker.from_headers([]) is None


@pytest.mark.parametrize(
    ("steps", "state", "rounds"),
    [
        ([], State.OPEN, 0),
        ([(Step.CLAIMED, "a", 1)], State.CLAIMED, 0),
        ([(Step.CLAIMED, "a", 1), (Step.RELEASED, "a", 1)], State.OPEN, 0),
        ([(Step.CLAIMED, "a", 1), (Step.RELEASED, "b", 1)], State.CLAIMED, 0),
        ([(Step.CLAIMED, "a", 1), (Step.REPLAYED, "a", 1)], State.REPLAYED, 1),
        ([(Step.CLAIMED, "a", 1), (Step.CLAIMED, "b", 1), (Step.REPLAYED, "b", 1)],
         State.REPLAYED, 1),
        ([(Step.REPLAYED, "a", 1), (Step.CLAIMED, "b", 2)], State.CLAIMED, 1),
        ([(Step.REPLAYED, "a", 1), (Step.CLAIMED, "b", 2), (Step.REPLAYED, "b", 2)],
         State.REPLAYED, 2),
        ([(Step.DROPPED, "a", 0)], State.DROPPED, 0),
        ([(Step.DROPPED, "a", 0), (Step.CLAIMED, "b", 1)], State.DROPPED, 0),
        ([(Step.DROPPED, "a", 0), (Step.REPLAYED, "b", 1)], State.REPLAYED, 1),
    ],
)  # fmt: skip
def test_markers_say_what_became_of_a_letter(
    steps: list[tuple[Step, str, int]], state: State, rounds: int
) -> None:
    """Whatever order they are read in: those of several partitions have none."""
    for order in itertools.permutations(steps):
        letter = letter_with(*order)
        assert (letter.state, letter.rounds) == (state, rounds)


def test_copies_of_a_letter_are_one_letter_at_its_first_place() -> None:
    """A writer that dies before its commit publishes what it refused once more."""
    copies = [letter_record((2, 5)), letter_record((1, 7), time_ns=2 * 10**9)]
    for order in itertools.permutations(copies):
        book = book_of(*order, letter_record((0, 3), b"another payload"))
        found = {letter.id: letter.copies for letter in book.letters()}
        assert found == {LetterId(1, 7): 2, LetterId(0, 3): 1}
        assert book.get(LetterId(2, 5)) is book.get(LetterId(1, 7))


@pytest.mark.parametrize(
    "other",
    [
        letter_record((0, 1), b"w"),
        letter_record((0, 1), reason="time_expired"),
        letter_record((0, 1), offset=10),
        letter_record((0, 1), partition=2),
    ],
)
def test_letters_differ_in_source_reason_or_payload(other: Record) -> None:
    assert len(book_of(letter_record((0, 0)), other).letters()) == 2


def test_markers_reach_their_letter_whatever_is_read_first() -> None:
    marker = marker_record((0, 8), Step.REPLAYED, KEY)
    for order in itertools.permutations([marker, letter_record((3, 0))]):
        (letter,) = book_of(*order).letters()
        assert letter.state is State.REPLAYED


def test_records_of_somebody_else_are_counted_and_left_alone() -> None:
    book = book_of(Record(TOPIC, 0, 0, 5_000, b"?", (("x", b"y"),)), letter_record((0, 1)))
    assert (book.others, len(book.letters())) == (1, 1)


def test_a_letter_without_a_time_has_its_records() -> None:
    (letter,) = book_of(letter_record((0, 0), time_ns=0)).letters()
    assert letter.what.time_ns == 5_000_000_000


def test_letters_are_listed_oldest_first() -> None:
    times = [3, 1, 2]
    records = [letter_record((0, t), b"%d" % t, time_ns=t * 10**9) for t in times]
    assert [letter.id.offset for letter in book_of(*records).letters()] == [1, 2, 3]


def test_items_are_told_where_somebody_counted_them() -> None:
    """The check that refused them, or else the receiver that took the message."""
    uncounted = letter_record((0, 0))
    envelope = tuple(Envelope(1, accepted=7).to_headers())
    counted = letter_record((0, 0), reason="time_expired", items=3)
    for record, items in [
        (uncounted, None),
        (uncounted._replace(headers=uncounted.headers + envelope), 7),
        (counted._replace(headers=counted.headers + envelope), 3),
    ]:
        assert book_of(record).letters()[0].items == items


def test_a_message_that_is_sent_again_says_of_which_letter_it_is() -> None:
    assert letter_with().sent_as() == "otlp_spans.dlq/0/0"
    assert letter_with((Step.REPLAYED, "a", 1)).sent_as() == "otlp_spans.dlq/0/0#2"


def test_an_id_is_partition_and_offset() -> None:
    assert LetterId.parse("2:17") == LetterId(2, 17)
    assert str(LetterId(2, 17)) == "2:17"
    for text in ("", "2", "2:", ":17", "2:17:1", "-1:2", "a:b"):
        with pytest.raises(ValueError, match="partition:offset"):
            LetterId.parse(text)
