"""From rows of `rows_sql` and `series_sql` to what is answered."""

from collections.abc import Sequence
from typing import Any, Final

from rak_libs.clickhouse.select import Row
from rak_libs.model.time_text import format_time
from rak_services.query.sessions.answers import ActivityPoint, SessionRow, UserRow
from rak_services.query.sessions.listing_sql import POINT_COUNTS
from rak_services.query.spending import spending_fields

_COUNTED: Final = (
    *POINT_COUNTS,
    "services",
    "agents",
    "models",
    "tools",
)
"""What a row of `rows_sql` tells after its id and times, in order."""

_BESIDE: Final = 3 + len(_COUNTED)
"""Where a row has what the subject counts beside; what was spent follows."""


def session_row(row: Row, series: list[ActivityPoint]) -> SessionRow:
    """Return a session as it is answered."""
    return SessionRow(
        session_id=row[0],
        duration_ns=max(row[2] - row[1], 0),
        users=row[_BESIDE],
        series=series,
        **_activity_fields(row),
    )


def user_row(row: Row, series: list[ActivityPoint]) -> UserRow:
    """Return a user as it is answered."""
    return UserRow(user_id=row[0], sessions=row[_BESIDE], series=series, **_activity_fields(row))


def series_of(rows: Sequence[Row]) -> dict[str, list[ActivityPoint]]:
    """Return the windows of each subject, from rows of `series_sql`."""
    return {
        id_: sorted(map(_point, zip(*columns, strict=True)), key=lambda point: point.timestamp)
        for id_, *columns in rows
    }


def _point(row: Row) -> ActivityPoint:
    begin_ns, *values = row
    counts = len(POINT_COUNTS)
    counted = dict(zip(POINT_COUNTS, values[:counts], strict=True))
    return ActivityPoint(
        timestamp=format_time(begin_ns), **counted, **spending_fields(values[counts:])
    )


def _activity_fields(row: Row) -> dict[str, Any]:
    return {
        "first_seen": format_time(row[1]),
        "last_seen": format_time(row[2]),
        **dict(zip(_COUNTED, row[3:_BESIDE], strict=True)),
        **spending_fields(row[_BESIDE + 1 :]),
    }
