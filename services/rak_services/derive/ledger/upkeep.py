"""One cycle of the ledger: which traces are dirty, in which order they are computed, what is noted.

Correct whatever is cut off, repeated or done by two instances at once, as rollups are: traces are
computed whole, from all of their spans, what stays is what saw most, and progress is noted after
what it says is stored.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from rak_libs.model.ledger import LEDGER_PROGRESS
from rak_services.derive.ledger.accounts import Accounts
from rak_services.derive.ledger.traces import (
    Arrived,
    count_traces,
    first_arrival,
    touched_traces,
)
from rak_services.derive.progress import Progress, note_progress, read_progress
from rak_services.derive.times import MS_NS

OVERLAP_MS: Final = 10_000
"""Rows of as long before the last look are looked for again: a clock may have been set back, or an
INSERT of another user not have been seen."""

ROUND_SECONDS: Final = 20.0
"""How long traces are computed, while there is a backlog, before their slots are and progress is
noted: a slot of whose traces only some were computed has to be computed again."""

_BEFORE_ALL: Final = -1
_NO_TIME: Final = 0
"""When rows of `trace_times` count as taken that are older than its column `inserted_at`."""


@dataclass(slots=True)
class LedgerUpkeep:
    """Keeps the ledger up to date.

    Attributes:
        accounts: Computes traces.
    """

    accounts: Accounts
    _step_ms: int | None = field(default=None, init=False)

    def cycle(self) -> Progress:
        """Compute every trace of which the engine took spans since the last cycle.

        Returns:
            How far the ledger has come.

        Raises:
            Stopped: Told to stop; what is done is done.
            ClickHouseError: Likewise; the next cycle goes on.
        """
        seen = self.accounts.settled_moment()
        progress = read_progress(self.accounts.engine, LEDGER_PROGRESS)
        begin = progress.seen_until_ms if progress else _BEFORE_ALL
        again = max(begin - OVERLAP_MS, _BEFORE_ALL)
        while begin < seen:
            begin = again = self._round(again, begin, seen)
            progress = Progress(begin, begin * MS_NS)
            self._note(progress)
        return progress or Progress(seen, seen * MS_NS)

    def _round(self, again: int, begin: int, seen: int) -> int:
        """Compute traces for a while, then their slots.

        Args:
            again: Rows taken since are looked at again; not after `begin`.
            begin: How far the ledger has come.
            seen: The moment that rows are computed up to.

        Returns:
            How far it has come now.
        """
        slots: set[int] = set()
        finish = time.monotonic() + ROUND_SECONDS
        while begin < seen and time.monotonic() < finish:
            until = self._until(begin, seen)
            for arrived in self._portions(Arrived(again, until)):
                traces = touched_traces(self.accounts.engine, arrived)
                slots |= self.accounts.compute(traces, seen)
            begin = again = until
        self.accounts.sum_up(slots, seen)
        return begin

    def _until(self, begin: int, seen: int) -> int:
        """Return up to where rows are of no more traces than are computed at once."""
        if begin < _NO_TIME:
            return _NO_TIME
        limit, engine = self.accounts.limits.traces, self.accounts.engine
        if begin == _NO_TIME:
            first = first_arrival(engine, Arrived(begin, seen))
            if first is None:
                return seen
            begin = first - 1
        step = min(self._step_ms or seen - begin, seen - begin)
        while step > 1 and count_traces(engine, Arrived(begin, begin + step)) > limit:
            step //= 2
        self._step_ms = 2 * step
        return begin + step

    def _portions(self, arrived: Arrived) -> Iterator[Arrived]:
        """Divide rows by their traces when there are more of these than are computed at once."""
        count = count_traces(self.accounts.engine, arrived)
        shares = max(-(-count // self.accounts.limits.traces), 1)
        for share in range(shares):
            yield Arrived(arrived.after_ms, arrived.until_ms, share, shares)

    def _note(self, progress: Progress) -> None:
        self.accounts.crash_points.reach("ledger-before-note")
        note_progress(self.accounts.engine, LEDGER_PROGRESS, progress)
        self.accounts.crash_points.reach("ledger-after-note")
