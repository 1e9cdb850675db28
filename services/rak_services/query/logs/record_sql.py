"""The statements that read a page of records: their keys, their sizes, and the records.

Only the first looks at every record that meets the filters, and reads no more of it than that and
the key. Sizes come before the records, so that a page can end before it grows too large. No result
column is given the name of a stored one: the engine would take it for that column inside WHERE.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from rak_libs.clickhouse.parameters import Parameters
from rak_libs.model.logs import LOGS
from rak_services.query.column_reading import read_column
from rak_services.query.logs.conditions import add_record_filters
from rak_services.query.logs.places import Key, Order, Place
from rak_services.query.logs.requests import RecordFilters
from rak_services.query.span_conditions import Conditions, add_time_range
from rak_services.query.time_ranges import Range

_LARGE_COLUMNS: Final = (
    "body",
    "body_json",
    "attributes_string",
    "attributes_json",
    "resource_attributes",
)
"""The columns whose values can be large; the size of the others is not worth reading them."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The records that a question is about.

    Attributes:
        filters: What each of them meets.
        period: The time range of their `timestamp`.
        snapshot: They were stored before this moment, in milliseconds since 1970.
    """

    filters: RecordFilters
    period: Range
    snapshot: int

    def conditions(self) -> Conditions:
        """Return the conditions that hold for these records and no others."""
        conditions = Conditions()
        add_time_range(conditions, self.period.since_ns, self.period.until_ns)
        add_record_filters(conditions, self.filters)
        conditions.add(
            "inserted_at < fromUnixTimestamp64Milli(%(snapshot)s, 'UTC')", snapshot=self.snapshot
        )
        return conditions


def keys_sql(
    selection: Selection, order: Order, after: Place | None, rows: int
) -> tuple[str, Parameters]:
    """Return the statement for the keys of the first records after a place."""
    conditions = selection.conditions()
    if after is not None:
        order.add_begin(conditions, after.key)
    sql = f"""\
SELECT
    {order.read}
FROM logs
WHERE {conditions.where()}
ORDER BY {order.by}
LIMIT %(rows)s OFFSET %(passed)s
"""  # noqa: S608 - built from constants; values are bound
    return sql, {**conditions.parameters, "rows": rows, "passed": after.passed if after else 0}


def sizes_sql(
    selection: Selection, order: Order, after: Place | None, keys: Sequence[Key]
) -> tuple[str, Parameters]:
    """Return the statement for the sizes (about, in bytes) of the records that `page_sql` reads."""
    return _page(selection, order, after, keys, f"byteSize({', '.join(_LARGE_COLUMNS)})")


def page_sql(
    selection: Selection, order: Order, after: Place | None, keys: Sequence[Key]
) -> tuple[str, Parameters]:
    """Return the statement for the records after a place that have these keys.

    Columns are those of the logs table, then those of the key; times are integers: nanoseconds,
    `ingested_at` milliseconds.
    """
    columns = [read_column(column) for column in LOGS.columns]
    return _page(selection, order, after, keys, ",\n    ".join([*columns, order.read]))


def _page(
    selection: Selection, order: Order, after: Place | None, keys: Sequence[Key], columns: str
) -> tuple[str, Parameters]:
    conditions = selection.conditions()
    order.add_begin(conditions, keys[0] if after is None else after.key)
    order.add_end(conditions, keys[-1])
    sql = f"""\
SELECT
    {columns}
FROM logs
WHERE {conditions.where()}
ORDER BY {order.by_all}
LIMIT %(rows)s OFFSET %(passed)s
"""  # noqa: S608 - built from constants; values are bound
    return sql, {**conditions.parameters, "rows": len(keys), "passed": after.passed if after else 0}


def row_mapping(row: Sequence[Any]) -> dict[str, Any]:
    """Return a row of `page_sql` by the names of the table's columns."""
    return dict(zip(LOGS.column_names, row, strict=False))


def row_key(row: Sequence[Any]) -> Any:
    """Return the key of a row of `page_sql`."""
    return row[len(LOGS.columns) :]
