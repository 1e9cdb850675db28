"""Which descriptions were written lately, so that each is not written with every item.

A row that describes many items (a series of metrics, a stack of profiles) says the same whenever it
is written, and is kept once a day.
"""

import time
from collections.abc import Callable, Iterable
from typing import Final

Description = tuple[int, int]
"""What is described, by its hash, on a day: days since 1970."""

_WRITTEN_SECONDS: Final = 300.0
_MOST_DESCRIPTIONS: Final = 500_000


class WrittenRows:
    """Remembers descriptions whose rows were stored within the last five minutes.

    A row that is written again replaces itself, so forgetting costs an INSERT's row and no more:
    when the memory is full it begins anew. Rows are written again after a while all the same, so
    that a table that lost some (a restored backup) has them again.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, most: int = _MOST_DESCRIPTIONS
    ) -> None:
        """Begin with nothing.

        Args:
            clock: Seconds.
            most: How many descriptions are remembered at most; each takes some 200 bytes.
        """
        self._clock = clock
        self._most = most
        self._written: dict[Description, float] = {}

    def is_known(self, description: Description) -> bool:
        """Tell whether a description need not be written now."""
        written = self._written.get(description)
        return written is not None and self._clock() - written < _WRITTEN_SECONDS

    def note(self, descriptions: Iterable[Description]) -> None:
        """Remember descriptions whose rows were stored just now."""
        now = self._clock()
        self._written.update((each, now) for each in descriptions)
        if len(self._written) > self._most:
            self._written.clear()


class NewRows:
    """Tells, of each description that a batch needs, whether its row is to be written with it."""

    __slots__ = ("_known", "_remembered", "described")

    def __init__(self, written: WrittenRows | None = None) -> None:
        """Begin a batch; without a memory of what was written, every row is to be."""
        self._remembered = written
        self._known: set[Description] = set()
        self.described: list[Description] = []

    def __call__(self, described: int, day: int) -> bool:
        """Tell whether to write a row: once a batch, and not if it was lately.

        Args:
            described: The hash of what is described.
            day: Days since 1970.
        """
        each = (described, day)
        if each in self._known:
            return False
        self._known.add(each)
        if self._remembered is not None and self._remembered.is_known(each):
            return False
        self.described.append(each)
        return True
