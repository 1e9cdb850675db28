"""Which letters a command means."""

import pytest

from rak_services.writer.dlq.letters import LetterId, State
from rak_services.writer.dlq.markers import Step
from rak_services.writer.dlq.selection import NoSuchLetter, Selection
from unit.writer.dlq.letter_records import TOPIC, book_of, letter_record, marker_record

SECOND = 10**9
EXPIRED = letter_record((0, 0), b"a", "time_expired", time_ns=1 * SECOND)
UNDECODABLE = letter_record((0, 1), b"b", "undecodable", time_ns=2 * SECOND)
REPLAYED = letter_record((1, 0), b"c", "undecodable", time_ns=3 * SECOND)
COPY = letter_record((1, 5), b"c", "undecodable", time_ns=3 * SECOND)
_KEY = book_of(REPLAYED).letters()[0].key
BOOK = book_of(EXPIRED, UNDECODABLE, REPLAYED, COPY, marker_record((1, 1), Step.REPLAYED, _KEY))


@pytest.mark.parametrize(
    ("selection", "ids"),
    [
        (Selection(), ["0:0", "0:1", "1:0"]),
        (Selection(reason="undecodable"), ["0:1", "1:0"]),
        (Selection(reason="insert_refused"), []),
        (Selection(from_ns=2 * SECOND), ["0:1", "1:0"]),
        (Selection(to_ns=2 * SECOND), ["0:0"]),
        (Selection(from_ns=2 * SECOND, to_ns=3 * SECOND), ["0:1"]),
        (Selection(states=frozenset({State.OPEN})), ["0:0", "0:1"]),
        (Selection(states=frozenset({State.REPLAYED})), ["1:0"]),
        (Selection(ids=[LetterId(1, 0), LetterId(0, 0)]), ["1:0", "0:0"]),
        (Selection(ids=[LetterId(1, 0), LetterId(1, 5), LetterId(1, 0)]), ["1:0"]),
    ],
)
def test_letters_are_chosen_by_id_or_by_reason_time_and_state(
    selection: Selection, ids: list[str]
) -> None:
    assert [str(letter.id) for letter in selection.of(BOOK, TOPIC)] == ids


@pytest.mark.parametrize("letter_id", [LetterId(0, 2), LetterId(1, 1), LetterId(9, 0)])
def test_an_id_that_is_no_letters_is_named(letter_id: LetterId) -> None:
    with pytest.raises(NoSuchLetter, match=f"{TOPIC} has no letter {letter_id}"):
        Selection(ids=[letter_id]).of(BOOK, TOPIC)
