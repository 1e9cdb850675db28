"""The statements that read profiles themselves: a page of them, one, and its bytes."""

from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import Meta, Struct

from rak_libs.clickhouse.parameters import Parameters
from rak_libs.model.profiles import CPU_PROFILES
from rak_services.query.column_reading import read_column
from rak_services.query.profiles.selection import Selection
from rak_services.query.span_conditions import Conditions
from rak_services.query.time_ranges import StoredTime

MOST_TRACES: Final = 100
"""How many of the traces that samples name are read of one profile."""

_READ_OTHERWISE: Final = frozenset({"raw_pprof", "profile_type"})
_COLUMNS: Final = tuple(
    column
    for column in CPU_PROFILES.columns
    if "." not in column.name and column.name not in _READ_OTHERWISE
)
ROW_NAMES: Final = (*(column.name for column in _COLUMNS), "profile_type", "samples", "functions")
"""The columns of a profile in a list, in the order of the statement."""

_ROW: Final = ",\n    ".join(
    [
        *(read_column(column) for column in _COLUMNS),
        "toString(profile_type)",
        "length(`samples.stack`)",
        "length(`functions.id`)",
    ]
)

_FUNCTIONS: Final = (
    "arraySlice(arraySort(arrayZip(`functions.name`, `functions.filename`,"
    " `functions.start_line`)), 1, %(functions)s)"
)


class ProfilePlace(Struct, frozen=True, array_like=True):
    """Where a page of profiles ended: behind this one."""

    timestamp: StoredTime
    profile_id: Annotated[str, Meta(max_length=64)]


def places_sql(
    selection: Selection, snapshot: int, after: ProfilePlace | None, rows: int
) -> tuple[str, Parameters]:
    """Return the statement for the next profiles, newest first: time in nanoseconds, and id.

    One that was stored twice is where its newest row is, which may be on another page than the
    others: they have another time where that is when it was received.

    Args:
        selection: The profiles.
        snapshot: They were stored before this moment, in milliseconds since 1970.
        after: What the page before ended with.
        rows: How many at most.
    """
    conditions = selection.profile_conditions()
    conditions.add("inserted_at < fromUnixTimestamp64Milli(%(snapshot)s, 'UTC')", snapshot=snapshot)
    having = Conditions()
    if after is not None:
        having.add(
            "(newest, profile_id) < (%(after_time)s, %(after_id)s)",
            after_time=after.timestamp,
            after_id=after.profile_id,
        )
    sql = f"""\
SELECT
    toUnixTimestamp64Nano(max(timestamp)) AS newest,
    profile_id
FROM cpu_profiles
WHERE {conditions.where()}
GROUP BY profile_id
HAVING {having.where()}
ORDER BY newest DESC, profile_id DESC
LIMIT %(rows)s
"""  # noqa: S608 - built from constants; values are bound
    return sql, {**conditions.parameters, **having.parameters, "rows": rows}


def rows_sql(places: Sequence[ProfilePlace]) -> tuple[str, Parameters]:
    """Return the statement for the rows of profiles, columns as in `ROW_NAMES`, in any order."""
    times = [place.timestamp for place in places]
    sql = f"""\
SELECT
    {_ROW}
FROM cpu_profiles
WHERE timestamp >= fromUnixTimestamp64Nano(%(first)s, 'UTC')
    AND timestamp <= fromUnixTimestamp64Nano(%(last)s, 'UTC')
    AND profile_id IN %(profile_ids)s
ORDER BY timestamp DESC
LIMIT 1 BY profile_id
"""  # noqa: S608 - built from constants; values are bound
    return sql, {
        "first": min(times),
        "last": max(times),
        "profile_ids": [place.profile_id for place in places],
    }


def profile_sql(profile_id: str, functions: int) -> tuple[str, Parameters]:
    """Return the statement for one profile.

    Columns: those of `ROW_NAMES`, how many stacks it has, its size in bytes, traces that its
    samples name, and its first functions by name: names, files and lines.
    """
    sql = f"""\
SELECT
    {_ROW},
    length(arrayDistinct(`samples.stack`)),
    length(raw_pprof),
    arraySlice(
        arraySort(arrayFilter(id -> id != '', arrayDistinct(`samples.trace_id`))), 1, %(traces)s),
    arrayMap(known -> toString(known.1), {_FUNCTIONS} AS sorted_functions),
    arrayMap(known -> toString(known.2), sorted_functions),
    arrayMap(known -> known.3, sorted_functions)
FROM cpu_profiles
WHERE profile_id = %(profile_id)s
ORDER BY timestamp DESC
LIMIT 1
"""  # noqa: S608 - built from constants; values are bound
    return sql, {"profile_id": profile_id, "functions": functions, "traces": MOST_TRACES}


def raw_sql(profile_id: str) -> tuple[str, Parameters]:
    """Return the statement for the bytes of one profile, in base64: the driver reads text."""
    sql = """\
SELECT base64Encode(raw_pprof)
FROM cpu_profiles
WHERE profile_id = %(profile_id)s
LIMIT 1
"""
    return sql, {"profile_id": profile_id}
