"""`GET /api/v1/services` and `/api/v1/services/operations`: who sends spans, and which."""

from msgspec import Struct

from rak_libs.clickhouse.parameters import Parameters
from rak_libs.model.time_text import format_time
from rak_services.query.answers import OperationList, OperationRow, ServiceList, ServiceRow
from rak_services.query.cursors import decode_cursor
from rak_services.query.endpoint import Question, Store
from rak_services.query.requests import Kind, ListOperations, ListServices
from rak_services.query.span_conditions import Conditions, add_time_range
from rak_services.query.time_ranges import Range, StoredTime, resolve_range


class ServicePosition(Struct, frozen=True, array_like=True):
    """Where a page of services ended, and the range that its relative times meant."""

    since_ns: StoredTime | None
    until_ns: StoredTime | None
    service_name: str


class OperationPosition(Struct, frozen=True, array_like=True):
    """Where a page of operations ended, and the range that its relative times meant."""

    since_ns: StoredTime | None
    until_ns: StoredTime | None
    span_name: str
    span_kind: Kind


async def list_services(store: Store, question: Question, request: ListServices) -> ServiceList:
    """Answer one page of the services with spans in a time range, by name."""
    period = resolve_range(request, store.now())
    after = None
    if request.cursor is not None:
        position = decode_cursor(request.cursor, question.digest, ServicePosition)
        period = Range(position.since_ns, position.until_ns)
        after = position.service_name
    rows = store.page_rows(request.limit)
    found = await store.pool.select(*services_sql(period, after, rows + 1))
    cursor = None
    if len(found) > rows:
        name = found[rows - 1][0]
        cursor = question.cursor_after(ServicePosition(period.since_ns, period.until_ns, name))
    return ServiceList(
        items=[
            ServiceRow(
                service_name=name, spans=spans, errors=errors, last_seen=format_time(last_seen)
            )
            for name, spans, errors, last_seen in found[:rows]
        ],
        next_cursor=cursor,
        complete=True,
    )


def services_sql(period: Range, after: str | None, rows: int) -> tuple[str, Parameters]:
    """Return the statement: name, spans, errors, last time in nanoseconds."""
    conditions = Conditions()
    add_time_range(conditions, period.since_ns, period.until_ns)
    if after is not None:
        conditions.add("service_name > %(after_service)s", after_service=after)
    sql = f"""\
SELECT
    service_name,
    count(),
    countIf(status_code = 'ERROR'),
    toUnixTimestamp64Nano(max(timestamp))
FROM spans
WHERE {conditions.where()}
GROUP BY service_name
ORDER BY service_name
LIMIT %(rows)s
"""  # noqa: S608 - built from constants; values are bound
    return sql, {**conditions.parameters, "rows": rows}


async def list_operations(
    store: Store, question: Question, request: ListOperations
) -> OperationList:
    """Answer one page of a service's span names and kinds, with how long they take."""
    period = resolve_range(request, store.now())
    after = None
    if request.cursor is not None:
        after = decode_cursor(request.cursor, question.digest, OperationPosition)
        period = Range(after.since_ns, after.until_ns)
    rows = store.page_rows(request.limit)
    sql, parameters = operations_sql(request.service, period, after, rows + 1)
    found = await store.pool.select(sql, parameters)
    cursor = None
    if len(found) > rows:
        name, kind = found[rows - 1][:2]
        position = OperationPosition(period.since_ns, period.until_ns, name, kind)
        cursor = question.cursor_after(position)
    return OperationList(
        items=[_operation(*row) for row in found[:rows]], next_cursor=cursor, complete=True
    )


def operations_sql(
    service: str, period: Range, after: OperationPosition | None, rows: int
) -> tuple[str, Parameters]:
    """Return the statement: name, kind, spans, errors, last time, quantiles of the duration."""
    conditions = Conditions()
    conditions.add("service_name = %(service)s", service=service)
    add_time_range(conditions, period.since_ns, period.until_ns)
    if after is not None:
        conditions.add(
            "(span_name > %(after_name)s"
            " OR (span_name = %(after_name)s AND toString(span_kind) > %(after_kind)s))",
            after_name=after.span_name,
            after_kind=after.span_kind,
        )
    sql = f"""\
SELECT
    span_name,
    toString(span_kind) AS kind_name,
    count(),
    countIf(status_code = 'ERROR'),
    toUnixTimestamp64Nano(max(timestamp)),
    quantilesTDigest(0.5, 0.95)(duration_ns)
FROM spans
WHERE {conditions.where()}
GROUP BY span_name, kind_name
ORDER BY span_name, kind_name
LIMIT %(rows)s
"""  # noqa: S608 - built from constants; values are bound
    return sql, {**conditions.parameters, "rows": rows}


def _operation(
    name: str, kind: str, spans: int, errors: int, last_seen: int, quantiles: list[float]
) -> OperationRow:
    median, high = quantiles
    return OperationRow(
        span_name=name,
        span_kind=kind,
        spans=spans,
        errors=errors,
        last_seen=format_time(last_seen),
        duration_p50_ns=round(median),
        duration_p95_ns=round(high),
    )
