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
    Trace,
    count_traces,
    first_arrival,
    touched_traces,
    with_times,
)
from rak_services.derive.progress import Progress, note_progress, read_progress
from rak_services.derive.times import MS_NS

OVERLAP_MS: Final = 10_000
"""Rows of as long before the last look are looked for again: a clock may have been set back, or an
INSERT of another user not have been seen."""

ROUND_SECONDS: Final = 20.0
"""How long traces are computed, while there is a backlog, before their slots are and progress is
noted: a slot of whose traces only some were computed has to be computed again."""

LONGEST_ROUND_MS: Final = 60_000
"""How much older than the last ones summed up the version of entries may be that an instance stored
since: the slots of what another one stored before it died are computed by those that live."""

_BEFORE_ALL: Final = -1
_NO_TIME: Final = 0
"""When rows of `trace_times` count as taken that are older than its column `inserted_at`."""


@dataclass(slots=True)
class LedgerUpkeep:
    """Keeps the ledger up to date.

    Attributes:
        accounts: Computes traces.
        pause_seconds: How long after the slots of summaries were computed they are not again.
            Progress is noted when they are.
    """

    accounts: Accounts
    pause_seconds: float = 0.0
    # Up to where traces are computed, in unix milliseconds; slots and the note may wait. An
    # instance goes on from there even when another one is further: what it stored of a trace of
    # which that one had seen more is computed again with what came later.
    _computed: int | None = field(default=None, init=False)
    # The version of entries whose slots are computed.
    _summed_up: int = field(default=_BEFORE_ALL, init=False)
    _summed_up_at: float = field(default=float("-inf"), init=False)
    # When the rows that were computed within the overlap were taken, by trace.
    _known: dict[str, frozenset[int]] = field(default_factory=dict, init=False)
    # How much time at once to try next, while there is a backlog.
    _step_ms: int | None = field(default=None, init=False)

    def cycle(self) -> Progress:
        """Compute every trace of which the engine took spans since the last cycle.

        Returns:
            How far the ledger and its summaries have come.

        Raises:
            Stopped: Told to stop; what is done is done.
            ClickHouseError: Likewise; the next cycle goes on.
        """
        seen = self.accounts.settled_moment()
        if self._computed is None:
            self._computed = self._summed_up = self._noted()
        while self._computed < seen:
            self._computed = self._round(self._computed, seen)
            if self._computed < seen:
                self._sum_up(self._computed, seen)
                seen = self.accounts.settled_moment()
        if time.monotonic() >= self._summed_up_at + self.pause_seconds:
            self._sum_up(self._computed, seen)
        return _progress(self._noted())

    def _round(self, begin: int, seen: int) -> int:
        """Compute traces for a while.

        Args:
            begin: From where on, in unix milliseconds.
            seen: The moment that rows are computed up to.

        Returns:
            How far it came.
        """
        finish = time.monotonic() + ROUND_SECONDS
        while begin < seen and time.monotonic() < finish:
            until = self._until(begin, seen)
            again = max(begin - OVERLAP_MS, _BEFORE_ALL)
            known: dict[str, frozenset[int]] = {}
            for arrived in self._portions(Arrived(again, until)):
                self.accounts.compute(self._dirty(arrived, known), seen)
            begin, self._known = until, known
        return begin

    def _dirty(self, arrived: Arrived, known: dict[str, frozenset[int]]) -> list[Trace]:
        """Return the traces of rows that were not computed yet; note the last rows in `known`."""
        dirty = []
        for trace, moments in touched_traces(self.accounts.engine, arrived):
            if max(moments) > arrived.until_ms - OVERLAP_MS:
                known[trace.trace_id] = moments
            if not moments <= self._known.get(trace.trace_id, frozenset()):
                dirty.append(trace)
        return with_times(self.accounts.engine, dirty)

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
        self._step_ms = 2 * step if begin + step < seen else None
        return begin + step

    def _portions(self, arrived: Arrived) -> Iterator[Arrived]:
        """Divide rows by their traces when there are more of these than are computed at once."""
        count = count_traces(self.accounts.engine, arrived)
        shares = max(-(-count // self.accounts.limits.traces), 1)
        for share in range(shares):
            yield Arrived(arrived.after_ms, arrived.until_ms, share, shares)

    def _sum_up(self, computed: int, seen: int) -> None:
        """Compute the slots of entries that were stored lately, and note how far traces are.

        Whoever stored them: another instance may have died before it computed their slots.
        """
        since = self._summed_up - LONGEST_ROUND_MS
        self.accounts.sum_up(self.accounts.touched_slots(since))
        self._summed_up, self._summed_up_at = seen, time.monotonic()
        if computed > self._noted():
            crash_points = self.accounts.crash_points
            crash_points.reach("ledger-before-note")
            note_progress(self.accounts.engine, LEDGER_PROGRESS, _progress(computed))
            crash_points.reach("ledger-after-note")

    def _noted(self) -> int:
        progress = read_progress(self.accounts.engine, LEDGER_PROGRESS)
        return progress.seen_until_ms if progress else _BEFORE_ALL


def _progress(moment: int) -> Progress:
    return Progress(max(moment, _NO_TIME), max(moment, _NO_TIME) * MS_NS)
