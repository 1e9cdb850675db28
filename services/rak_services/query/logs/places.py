"""Where a record is in an order of all records, and how to go on from there.

A record has no id, and several may agree in all that orders them: clocks of milliseconds give many
records one time. A place is therefore a key and how many of the records with that key have been
passed. Which ones those are follows from a hash of all that a record says. Only the records of one
page are sorted by that: it costs more than all else. Records that agree in it, too, are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from msgspec import Meta, Struct

from rak_libs.model.logs import LOGS
from rak_services.query.snapshots import Snapshot
from rak_services.query.span_conditions import Conditions
from rak_services.query.time_ranges import StoredTime


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """A part of what orders records.

    Attributes:
        expression: Its value in a row.
        read: The same as an integer.
        bound: What turns that integer, bound for `{}`, into a value to compare with.
    """

    expression: str
    read: str
    bound: str


_TIMESTAMP: Final = KeyColumn(
    "timestamp", "toUnixTimestamp64Nano(timestamp)", "fromUnixTimestamp64Nano({}, 'UTC')"
)
_INGESTED_AT: Final = KeyColumn(
    "ingested_at", "toUnixTimestamp64Milli(ingested_at)", "fromUnixTimestamp64Milli({}, 'UTC')"
)
_INSERTED_AT: Final = KeyColumn(
    "inserted_at", "toUnixTimestamp64Milli(inserted_at)", "fromUnixTimestamp64Milli({}, 'UTC')"
)
_POSITION: Final = KeyColumn("position", "position", "{}")
_IN_KEY: Final = frozenset({"timestamp", "ingested_at", "position"})
_OTHERS: Final = ", ".join(
    column.name for column in LOGS.stored_columns if column.name not in _IN_KEY
)

_Milliseconds = Annotated[int, Meta(ge=0, le=2**53)]
_Position = Annotated[int, Meta(ge=0, le=2**32 - 1)]

RecordKey = tuple[StoredTime, _Milliseconds, _Position]
"""When it happened, when the queue took it, which of its message it was."""
TailKey = tuple[Snapshot, StoredTime, _Milliseconds, _Position]
"""When the engine took it, then as `RecordKey`."""
Passed = Annotated[int, Meta(ge=0, le=1_000_000)]


class RecordPlace(Struct, frozen=True, array_like=True):
    """A place in time: behind the first `passed` records with this key."""

    key: RecordKey
    passed: Passed


class TailPlace(Struct, frozen=True, array_like=True, order=True):
    """A place in the order of storing: behind the first `passed` records with this key."""

    key: TailKey
    passed: Passed

    def next(self, key: TailKey) -> "TailPlace":
        """Return the place behind the record that comes next and has this key."""
        return TailPlace(key, self.passed + 1 if key == self.key else 1)


Place = RecordPlace | TailPlace
Key = RecordKey | TailKey


@dataclass(frozen=True, slots=True)
class Order:
    """An order of records by a key."""

    columns: tuple[KeyColumn, ...]
    descending: bool = False

    @property
    def by(self) -> str:
        """The text after ORDER BY."""
        return ", ".join(f"{column.expression} {self._direction}" for column in self.columns)

    @property
    def by_all(self) -> str:
        """The same, and those with one key in an order, too."""
        return f"{self.by}, cityHash64({_OTHERS}) {self._direction}"

    @property
    def _direction(self) -> str:
        return "DESC" if self.descending else "ASC"

    @property
    def read(self) -> str:
        """The columns of a SELECT that reads a key."""
        return ",\n    ".join(column.read for column in self.columns)

    def add_begin(self, conditions: Conditions, key: Key) -> None:
        """Leave out the records that come before those with this key."""
        self._bound(conditions, "begin", key, "<=" if self.descending else ">=")

    def add_end(self, conditions: Conditions, key: Key) -> None:
        """Leave out the records that come after those with this key."""
        self._bound(conditions, "end", key, ">=" if self.descending else "<=")

    def _bound(self, conditions: Conditions, name: str, key: Key, comparison: str) -> None:
        names = [f"{name}_{number}" for number in range(len(key))]
        bounds = [
            column.bound.format(f"%({name})s")
            for column, name in zip(self.columns, names, strict=True)
        ]
        row = ", ".join(column.expression for column in self.columns)
        # The first column also by itself: the engine prunes by that.
        conditions.add(
            f"{self.columns[0].expression} {comparison} {bounds[0]}"
            f"\n    AND ({row}) {comparison} ({', '.join(bounds)})",
            **dict(zip(names, key, strict=True)),
        )


_IN_TIME: Final = (_TIMESTAMP, _INGESTED_AT, _POSITION)

NEWEST_FIRST: Final = Order(_IN_TIME, descending=True)
OLDEST_FIRST: Final = Order(_IN_TIME)
AS_STORED: Final = Order((_INSERTED_AT, *_IN_TIME))


def passed_at(keys: Sequence[Key], after: Place | None) -> int:
    """Return how many records with the last of some keys have been passed.

    Args:
        keys: The keys of a page, in order; at least one.
        after: Where the page began; None at the very beginning.
    """
    last = keys[-1]
    passed = next((number for number, key in enumerate(reversed(keys)) if key != last), len(keys))
    before = after.passed if after is not None and after.key == last else 0
    return passed + before
