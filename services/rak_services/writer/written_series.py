"""Which series of metrics were written lately, so that each is not written with every point."""

import time
from collections.abc import Callable, Iterable
from typing import Final

Series = tuple[int, int]
"""A series on a day: its fingerprint and the days since 1970."""

_WRITTEN_SECONDS: Final = 300.0
_MOST_SERIES: Final = 500_000


class WrittenSeries:
    """Remembers series whose rows were stored within the last five minutes.

    A row that is written again replaces itself, so forgetting costs an INSERT's row and no more:
    when the memory is full it begins anew. Rows are written again after a while all the same, so
    that a table that lost some (a restored backup) has them again.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, most: int = _MOST_SERIES
    ) -> None:
        """Begin with nothing.

        Args:
            clock: Seconds.
            most: How many series are remembered at most; each takes some 200 bytes.
        """
        self._clock = clock
        self._most = most
        self._written: dict[Series, float] = {}

    def is_known(self, series: Series) -> bool:
        """Tell whether a series' row need not be written now."""
        written = self._written.get(series)
        return written is not None and self._clock() - written < _WRITTEN_SECONDS

    def note(self, series: Iterable[Series]) -> None:
        """Remember series whose rows were stored just now."""
        now = self._clock()
        self._written.update((each, now) for each in series)
        if len(self._written) > self._most:
            self._written.clear()


class NewSeries:
    """Tells, of each series of one batch, whether its row is to be written with that batch."""

    __slots__ = ("_known", "_written", "series")

    def __init__(self, written: WrittenSeries | None = None) -> None:
        """Begin a batch; without a memory of what was written, every series is to be."""
        self._written = written
        self._known: set[Series] = set()
        self.series: list[Series] = []

    def __call__(self, fingerprint: int, day: int) -> bool:
        """Tell whether to write the row of a series: once a batch, and not if it was lately.

        Args:
            fingerprint: The series.
            day: Days since 1970.
        """
        each = (fingerprint, day)
        if each in self._known:
            return False
        self._known.add(each)
        if self._written is not None and self._written.is_known(each):
            return False
        self.series.append(each)
        return True
