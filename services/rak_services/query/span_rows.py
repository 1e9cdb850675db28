"""The statements that read one trace: when it was, which spans a page holds, and those spans."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from rak_libs.clickhouse.parameters import Parameters
from rak_libs.model.spans import SPANS
from rak_services.query.column_reading import read_column
from rak_services.query.span_conditions import Conditions
from rak_services.query.span_identity import SPAN_HASH
from rak_services.query.time_ranges import StoredTime

SPAN_COLUMNS: Final = SPANS.column_names
"""The columns of a row that `page_sql` reads, in order."""

_KEY: Final = f"timestamp, span_id, {SPAN_HASH}"
_LARGE_COLUMNS: Final = (
    "status_message",
    "attributes_string",
    "attributes_json",
    "resource_attributes",
    "events.attributes",
    "links.attributes",
)
"""The columns whose values can be large; the size of the others is not worth reading them."""


class SpanPosition(Struct, frozen=True, array_like=True, order=True):
    """A span's place in its trace: time, id, and a hash of what else tells it apart."""

    timestamp_ns: StoredTime
    span_id: str
    span_hash: Annotated[int, Meta(ge=0)]


def times_sql(trace_id: str) -> tuple[str, Parameters]:
    """Return the statement for a trace's first start and last end, in nanoseconds; no row: none."""
    sql = """\
SELECT
    toUnixTimestamp64Nano(min(start)),
    toUnixTimestamp64Nano(max(`end`))
FROM trace_times
WHERE trace_id = %(trace_id)s
GROUP BY trace_id
"""
    return sql, {"trace_id": trace_id}


def keys_sql(
    trace_id: str, times: tuple[int, int], after: SpanPosition | None, rows: int
) -> tuple[str, Parameters]:
    """Return the statement for the places of a page's spans, each with its size in bytes (about).

    A span that is stored twice has one place.
    """
    conditions = _in_trace(trace_id, times, after)
    sizes = ", ".join(f"`{name}`" for name in _LARGE_COLUMNS)
    sql = f"""\
SELECT
    toUnixTimestamp64Nano(timestamp),
    span_id,
    {SPAN_HASH},
    byteSize({sizes})
FROM spans
WHERE {conditions.where()}
ORDER BY {_KEY}
LIMIT 1 BY {_KEY}
LIMIT %(rows)s
"""  # noqa: S608 - built from constants; values are bound
    return sql, {**conditions.parameters, "rows": rows}


def page_sql(
    trace_id: str, after: SpanPosition | None, places: Sequence[SpanPosition]
) -> tuple[str, Parameters]:
    """Return the statement for the spans after a position up to the last of some places.

    Columns are those of `SPAN_COLUMNS` and the hash of a `SpanPosition`; times are integers:
    nanoseconds, `ingested_at` milliseconds. As many spans as places at most: more may have been
    stored since the places were read.
    """
    last = places[-1]
    conditions = _in_trace(trace_id, (places[0].timestamp_ns, last.timestamp_ns), after)
    conditions.add(
        "(timestamp < fromUnixTimestamp64Nano(%(last_time)s, 'UTC')"
        " OR (timestamp = fromUnixTimestamp64Nano(%(last_time)s, 'UTC')"
        f" AND (span_id, {SPAN_HASH}) <= (%(last_span)s, %(last_hash)s)))",
        last_time=last.timestamp_ns,
        last_span=last.span_id,
        last_hash=last.span_hash,
    )
    columns = ",\n    ".join(read_column(column) for column in SPANS.columns)
    sql = f"""\
SELECT
    {columns},
    {SPAN_HASH}
FROM spans
WHERE {conditions.where()}
ORDER BY {_KEY}
LIMIT 1 BY {_KEY}
LIMIT %(rows)s
"""  # noqa: S608 - built from constants; values are bound
    return sql, {**conditions.parameters, "rows": len(places)}


def row_mapping(row: Sequence[Any]) -> dict[str, Any]:
    """Return a row of `page_sql` by column name."""
    return dict(zip(SPAN_COLUMNS, row[:-1], strict=True))


def row_position(row: Sequence[Any]) -> SpanPosition:
    """Return the place of a row of `page_sql`."""
    columns = row_mapping(row)
    return SpanPosition(columns["timestamp"], columns["span_id"], row[-1])


def _in_trace(trace_id: str, times: tuple[int, int], after: SpanPosition | None) -> Conditions:
    first_ns, last_ns = times
    conditions = Conditions()
    conditions.add("trace_id = %(trace_id)s", trace_id=trace_id)
    conditions.add("timestamp >= fromUnixTimestamp64Nano(%(first)s, 'UTC')", first=first_ns)
    conditions.add("timestamp <= fromUnixTimestamp64Nano(%(end)s, 'UTC')", end=last_ns)
    if after is not None:
        conditions.add(
            "(timestamp > fromUnixTimestamp64Nano(%(after_time)s, 'UTC')"
            " OR (timestamp = fromUnixTimestamp64Nano(%(after_time)s, 'UTC')"
            f" AND (span_id, {SPAN_HASH}) > (%(after_span)s, %(after_hash)s)))",
            after_time=after.timestamp_ns,
            after_span=after.span_id,
            after_hash=after.span_hash,
        )
    return conditions
