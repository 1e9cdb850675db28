"""`GET /api/v1/semconv/coverage`: which attributes of agents no rule knows."""

from typing import Final

from msgspec import Struct

from rak_libs.clickhouse.parameters import Parameters
from rak_libs.model.known_keys import KNOWN_KEYS, LEFT_ALONE_PREFIXES, known_key
from rak_libs.model.promotion import PROMOTION_VERSION
from rak_libs.model.time_text import SECOND_NS, format_time
from rak_services.query.cursors import decode_cursor
from rak_services.query.endpoint import Question, Store
from rak_services.query.semconv.answers import CoverageList, CoverageRow
from rak_services.query.semconv.requests import CoverageOrder, GetCoverage
from rak_services.query.span_conditions import Conditions
from rak_services.query.time_ranges import Range, StoredTime, resolve_range

_HOUR: Final = 3_600
_LAST_HOUR: Final = (2**32 - 1) // _HOUR * _HOUR
"""The last hour, in unix seconds, that a DateTime holds."""

_IDENTITY: Final = ("key", "service_name", "scope_name", "scope_version")
_FIRST_BY: Final[dict[CoverageOrder, str]] = {"key": "", "-spans": "total", "-last_seen": "last"}
"""What goes before the identity, descending: a name of the statement's."""


class CoveragePosition(Struct, frozen=True, array_like=True):
    """Where a page ended: the range that its relative times meant, and its last row.

    `first_by` is the count or the nanoseconds that the row is ordered by before its identity.
    """

    since_ns: StoredTime | None
    until_ns: StoredTime | None
    first_by: StoredTime
    key: str
    service_name: str
    scope_name: str
    scope_version: str


async def get_coverage(store: Store, question: Question, request: GetCoverage) -> CoverageList:
    """Answer one page of the keys under `gen_ai.` that spans had in the hours of a time range."""
    period = resolve_range(request, store.now())
    after = None
    if request.cursor is not None:
        after = decode_cursor(request.cursor, question.digest, CoveragePosition)
        period = Range(after.since_ns, after.until_ns)
    rows = store.page_rows(request.limit)
    found = await store.pool.select(*coverage_sql(request, period, after, rows + 1))
    cursor = None
    if len(found) > rows:
        *identity, spans, _, last = found[rows - 1]
        first_by = {"total": spans, "last": last}.get(_FIRST_BY[request.order], 0)
        position = CoveragePosition(period.since_ns, period.until_ns, first_by, *identity)
        cursor = question.cursor_after(position)
    return CoverageList(
        promotion_version=PROMOTION_VERSION,
        items=[_row(*row) for row in found[:rows]],
        next_cursor=cursor,
        complete=True,
    )


def coverage_sql(
    request: GetCoverage, period: Range, after: CoveragePosition | None, rows: int
) -> tuple[str, Parameters]:
    """Return the statement: key, service, scope, its version, spans, first and last time in ns."""
    conditions = _conditions(request, period)
    first_by = _FIRST_BY[request.order]
    pages = _after(first_by, after)
    order = ", ".join([f"{first_by} DESC", *_IDENTITY] if first_by else _IDENTITY)
    sql = f"""\
SELECT
    {", ".join(_IDENTITY)},
    sum(k.spans) AS total,
    toUnixTimestamp64Nano(min(k.first_seen)) AS first,
    toUnixTimestamp64Nano(max(k.last_seen)) AS last
FROM attribute_keys AS k
WHERE {conditions.where()}
GROUP BY {", ".join(_IDENTITY)}
HAVING {pages.where()}
ORDER BY {order}
LIMIT %(rows)s
"""  # noqa: S608 - built from constants; values are bound
    return sql, {**conditions.parameters, **pages.parameters, "rows": rows}


def _conditions(request: GetCoverage, period: Range) -> Conditions:
    conditions = Conditions()
    if period.since_ns is not None:
        hour = min(period.since_ns // SECOND_NS // _HOUR * _HOUR, _LAST_HOUR)
        conditions.add("hour >= toDateTime(%(since)s, 'UTC')", since=hour)
    if period.until_ns is not None:
        last = min((period.until_ns - 1) // SECOND_NS // _HOUR * _HOUR, _LAST_HOUR)
        conditions.add("hour <= toDateTime(%(until)s, 'UTC')", until=last)
    if request.service is not None:
        conditions.add("service_name = %(service)s", service=request.service)
    if request.known == "none":
        conditions.add("key NOT IN %(known)s", known=sorted(KNOWN_KEYS))
        for number, prefix in enumerate(LEFT_ALONE_PREFIXES):
            name = f"prefix_{number}"
            conditions.add(f"NOT startsWith(key, %({name})s)", **{name: prefix})
    return conditions


def _after(first_by: str, after: CoveragePosition | None) -> Conditions:
    conditions = Conditions()
    if after is not None:
        later = f"({', '.join(_IDENTITY)}) > ({', '.join(f'%(after_{n})s' for n in _IDENTITY)})"
        values = {f"after_{name}": getattr(after, name) for name in _IDENTITY}
        if first_by:
            later = f"({first_by} < %(first_by)s OR ({first_by} = %(first_by)s AND {later}))"
            conditions.add(later, first_by=after.first_by, **values)
        else:
            conditions.add(later, **values)
    return conditions


def _row(
    key: str, service: str, scope: str, version: str, spans: int, first_ns: int, last_ns: int
) -> CoverageRow:
    known = known_key(key)
    return CoverageRow(
        key=key,
        service_name=service,
        scope_name=scope,
        scope_version=version,
        spans=spans,
        first_seen=format_time(first_ns),
        last_seen=format_time(last_ns),
        known=known is not None,
        generation=known.generation if known else "",
        column=known.column if known else "",
    )
