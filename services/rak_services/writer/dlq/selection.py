from collections.abc import Sequence
from dataclasses import dataclass

from rak_services.writer.dlq.letters import Letter, LetterBook, LetterId, State


class NoSuchLetter(Exception):
    """An id that was asked for is no letter's."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters of a topic are meant.

    Attributes:
        ids: These alone; empty for all that the other attributes let through.
        reason: Of this reason; None for any.
        from_ns: Given up at this time or later, unix nanoseconds; None for any.
        to_ns: Given up before this time; None for any.
        states: In one of these states; does not concern letters that are named by `ids`.
    """

    ids: Sequence[LetterId] = ()
    reason: str | None = None
    from_ns: int | None = None
    to_ns: int | None = None
    states: frozenset[State] = frozenset(State)

    def of(self, book: LetterBook, topic: str) -> list[Letter]:
        """Return the letters that are meant, oldest first.

        Raises:
            NoSuchLetter: An id is not there.
        """
        if not self.ids:
            return book.letters(self._wants)
        named = [_named(book, topic, each) for each in dict.fromkeys(self.ids)]
        return list({letter.key: letter for letter in named}.values())

    def _wants(self, letter: Letter) -> bool:
        what = letter.what
        return (
            (self.reason is None or what.reason == self.reason)
            and (self.from_ns is None or what.time_ns >= self.from_ns)
            and (self.to_ns is None or what.time_ns < self.to_ns)
            and letter.state in self.states
        )


def _named(book: LetterBook, topic: str, letter_id: LetterId) -> Letter:
    letter = book.get(letter_id)
    if letter is None:
        raise NoSuchLetter(f"{topic} has no letter {letter_id}; `rak-writer dlq list` shows them")
    return letter
