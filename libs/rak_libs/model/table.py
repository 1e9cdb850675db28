from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final


@dataclass(frozen=True, slots=True)
class Column:
    """One stored column.

    Attributes:
        name: The column's name in the table; nested columns carry a dot (`events.name`).
        type: The type as ClickHouse's DESCRIBE prints it.
    """

    name: str
    type: str


BATCH_COLUMN: Final = Column("_batch", "UInt64")
"""The batch that a row was written with: what tells, after a crash, whether its INSERT happened."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table as writers fill it: the stored columns, in the order of the INSERT.

    Aliases, codecs and indexes belong to the SQL under `schema/clickhouse`; a test compares
    these columns with the live table's DESCRIBE.

    Attributes:
        name: The table's name.
        columns: What a row says.
        by_batch: Whether every row carries `BATCH_COLUMN` beside, as its last stored column.
        packed: Whether a batch holds its arrays of numbers as `array`s and those of words as
            `WordValues`: for decoders that have columns of machine numbers themselves.
    """

    name: str
    columns: tuple[Column, ...]
    by_batch: bool = False
    packed: bool = False

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns of a row, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def stored_columns(self) -> tuple[Column, ...]:
        """Every column that an INSERT fills, in order."""
        return (*self.columns, BATCH_COLUMN) if self.by_batch else self.columns


def columns(pairs: Iterable[tuple[str, str]]) -> tuple[Column, ...]:
    """Build columns from (name, type) pairs."""
    return tuple(Column(name, type_) for name, type_ in pairs)


def enum8(names: type[IntEnum]) -> str:
    """Return the type of a column that stores an enum under its members' names."""
    return "Enum8(" + ", ".join(f"'{member.name}' = {member.value}" for member in names) + ")"
