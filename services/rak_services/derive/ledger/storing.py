"""Stores what has changed of the ledger and of totals, many traces with one INSERT."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from rak_libs.clickhouse.insert import Inserter
from rak_libs.model.ledger import LEDGER, TRACE_TOTALS
from rak_libs.model.table import Table
from rak_libs.model.time_window import DAY_NS, HOUR_NS
from rak_services.derive.crash_points import CrashPoints
from rak_services.derive.ledger.accounting import Account
from rak_services.derive.ledger.columns import batch_of
from rak_services.derive.ledger.reading import StoredTrace
from rak_services.derive.ledger.rows import Entry, TraceTotal

ROWS_AT_ONCE: Final = 100_000
"""Rows that one INSERT stores, about."""
MOST_DAYS: Final = 90
"""Days, which are partitions, that one INSERT touches: the engine refuses more than a hundred."""

_NEVER_DEDUPLICATED: Final = {"insert_deduplicate": 0}

Key = Callable[[Any], Hashable]


@dataclass(slots=True)
class Changes:
    """Rows of one table that are to be stored.

    Attributes:
        table: `LEDGER` or `TRACE_TOTALS`.
        key: The key of a row.
        written: Rows that are new or others than those stored.
        deleted: Stored rows that are no more.
    """

    table: Table
    key: Key
    written: list[Any] = field(default_factory=list)
    deleted: list[Any] = field(default_factory=list)

    def add(self, computed: Iterable[Any], stored: Iterable[Any]) -> None:
        """Note what makes the stored rows of a trace into the computed ones."""
        before = {self.key(row): row for row in stored}
        self.written += [row for row in computed if before.pop(self.key(row), None) != row]
        self.deleted += before.values()

    def taken(self) -> Iterator[tuple[list[Any], int]]:
        """Take the rows out, in parts that one INSERT may store, each with its `is_deleted`."""
        for rows, deleted in ((self.written, 0), (self.deleted, 1)):
            for part in _by_days(rows):
                yield part, deleted
        self.written, self.deleted = [], []


class Storing:
    """Collects what traces change, and stores it."""

    def __init__(self, inserter: Inserter, crash_points: CrashPoints, edge_ns: int) -> None:
        """Store through `inserter` what is not older than `edge_ns`, unix nanoseconds.

        Of what is older, part may have expired: it is left as it is.
        """
        self._inserter = inserter
        self._crash_points = crash_points
        self._edge_ns = edge_ns
        self._entries = Changes(LEDGER, _entry_key)
        self._totals = Changes(TRACE_TOTALS, _total_key)

    def add(self, trace: StoredTrace, account: Account) -> None:
        """Note what a trace's account changes of what is stored."""
        self._entries.add(self._kept(account.entries), self._kept(trace.entries))
        self._totals.add(self._kept(account.totals), self._kept(trace.totals))

    @property
    def rows(self) -> int:
        """How many rows wait to be stored."""
        return sum(
            len(changes.written) + len(changes.deleted) for changes in (self._entries, self._totals)
        )

    def store(self, seen_until_ms: int) -> None:
        """Store everything that was noted.

        Args:
            seen_until_ms: The version of the rows: every span that the engine took before was
                among those that they were computed from.

        Raises:
            ClickHouseError: Some of it may be stored.
        """
        for changes in (self._entries, self._totals):
            for rows, deleted in changes.taken():
                self._crash_points.reach("ledger-before-insert")
                batch = batch_of(changes.table, rows, seen_until_ms, deleted)
                self._inserter.insert(changes.table, batch, _NEVER_DEDUPLICATED)
                self._crash_points.reach("ledger-after-insert")

    def _kept(self, rows: Iterable[Any]) -> list[Any]:
        return [row for row in rows if row.timestamp >= self._edge_ns]


def _entry_key(entry: Entry) -> Hashable:
    return entry.slot, entry.span_id


def _total_key(total: TraceTotal) -> Hashable:
    return total.timestamp // HOUR_NS, total.session_id, total.user_id


def _by_days(rows: list[Any]) -> Iterator[list[Any]]:
    """Divide rows so that no part touches more than `MOST_DAYS` days."""
    days = sorted({row.timestamp // DAY_NS for row in rows})
    if len(days) <= MOST_DAYS:
        yield from [rows] if rows else []
        return
    for begin in range(0, len(days), MOST_DAYS):
        some = set(days[begin : begin + MOST_DAYS])
        yield [row for row in rows if row.timestamp // DAY_NS in some]
