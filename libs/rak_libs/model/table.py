from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """One stored column.

    Attributes:
        name: The column's name in the table; nested columns carry a dot (`events.name`).
        type: The type as ClickHouse's DESCRIBE prints it.
    """

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table as writers fill it: the stored columns, in the order of the INSERT.

    Aliases, codecs and indexes belong to the SQL under `schema/clickhouse`; a test compares
    these columns with the live table's DESCRIBE.
    """

    name: str
    columns: tuple[Column, ...]

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of all columns, in order."""
        return tuple(column.name for column in self.columns)


def columns(pairs: Iterable[tuple[str, str]]) -> tuple[Column, ...]:
    """Build columns from (name, type) pairs."""
    return tuple(Column(name, type_) for name, type_ in pairs)
