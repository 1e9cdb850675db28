"""`GET /api/v1/metrics/exemplars`: single measurements beside the points, with their spans."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, TypeVar

from msgspec import Meta, Struct

from rak_libs.clickhouse.parameters import Parameters
from rak_libs.clickhouse.select import Row
from rak_libs.model.time_text import format_time
from rak_libs.otlp.typed_json import text_to_plain
from rak_services.query.cursors import decode_cursor
from rak_services.query.endpoint import Question, Store
from rak_services.query.metrics.answers import Exemplar, ExemplarList
from rak_services.query.metrics.groups import regexps_checked
from rak_services.query.metrics.numbers import stored_number
from rak_services.query.metrics.requests import ListExemplars
from rak_services.query.metrics.selector import Selector, matchers_of, series_conditions
from rak_services.query.span_conditions import Conditions, add_time_range
from rak_services.query.time_ranges import StoredTime, resolve_range

Shown = TypeVar("Shown", bound=Exemplar)

_ORDER: Final = "timestamp DESC, fingerprint DESC, position DESC"


class ExemplarPosition(Struct, frozen=True, array_like=True):
    """Where a page of exemplars ended, and the range that its relative times meant."""

    since_ns: StoredTime
    until_ns: StoredTime
    timestamp_ns: StoredTime
    fingerprint: Annotated[str, Meta(pattern="^[0-9]{1,20}$")]
    position: Annotated[int, Meta(ge=0, le=2**32 - 1)]


async def list_exemplars(store: Store, question: Question, request: ListExemplars) -> ExemplarList:
    """Answer one page of the exemplars of a metric, those of the newest points first."""
    now_ns = store.now()
    period = resolve_range(request, now_ns)
    since_ns = period.since_ns or 0
    until_ns = now_ns if period.until_ns is None else period.until_ns
    after = None
    if request.cursor is not None:
        after = decode_cursor(request.cursor, question.digest, ExemplarPosition)
        since_ns, until_ns = after.since_ns, after.until_ns
    selector = Selector(request.name, matchers_of(request))
    rows = store.page_rows(request.limit)
    statement = exemplars_sql(selector, since_ns, until_ns, after, rows + 1)
    with regexps_checked():
        found = await store.pool.select(*statement)
    shown, cursor = found[:rows], None
    if len(found) > rows:
        at, fingerprint, position = shown[-1][:3]
        place = ExemplarPosition(since_ns, until_ns, at, str(fingerprint), position)
        cursor = question.cursor_after(place)
    series = await _series(store, request.name, shown)
    return ExemplarList(
        items=[exemplar_of(Exemplar, row, series[row[1]]) for row in shown if row[1] in series],
        next_cursor=cursor,
        complete=True,
    )


async def _series(store: Store, name: str, shown: Sequence[Row]) -> dict[int, Row]:
    fingerprints = sorted({row[1] for row in shown})
    if not fingerprints:
        return {}
    found = await store.pool.select(*series_of_sql(name, fingerprints))
    return {row[0]: row[1:] for row in found}


def exemplars_sql(
    selector: Selector,
    since_ns: int,
    until_ns: int,
    after: ExemplarPosition | None,
    rows: int,
) -> tuple[str, Parameters]:
    """Return the statement for a page of exemplars.

    Columns: time of the point, fingerprint, position, time of the measurement, value, remainder,
    type of the value, trace id, span id, attributes. What is stored twice is shown once.
    """
    conditions = Conditions()
    conditions.add("metric_name = %(metric_name)s", metric_name=selector.metric_name)
    newest_ns = until_ns if after is None else min(until_ns, after.timestamp_ns + 1)
    add_time_range(conditions, since_ns, newest_ns)
    parameters: Parameters = {}
    if not selector.is_whole_metric:
        series = series_conditions(selector, since_ns, until_ns)
        conditions.add(
            "fingerprint IN (SELECT fingerprint FROM metric_series"  # noqa: S608 - constants
            f" WHERE {series.where('    ')})"
        )
        parameters = {
            name: value for name, value in series.parameters.items() if name != "metric_name"
        }
    if after is not None:
        conditions.add(
            "(timestamp, fingerprint, position) < (fromUnixTimestamp64Nano(%(after_time)s, 'UTC'),"
            " toUInt64(%(after_fingerprint)s), %(after_position)s)",
            after_time=after.timestamp_ns,
            after_fingerprint=after.fingerprint,
            after_position=after.position,
        )
    sql = f"""\
SELECT
    toUnixTimestamp64Nano(timestamp),
    fingerprint,
    position,
    toUnixTimestamp64Nano(exemplar_timestamp),
    value,
    value_remainder,
    toString(value_type),
    trace_id,
    span_id,
    attributes
FROM metric_exemplars
WHERE {conditions.where()}
ORDER BY {_ORDER}
LIMIT 1 BY timestamp, fingerprint, position
LIMIT %(rows)s
"""  # noqa: S608 - built from constants; values are bound
    return sql, {**conditions.parameters, **parameters, "rows": rows}


def series_of_sql(metric_name: str, fingerprints: Sequence[int]) -> tuple[str, Parameters]:
    """Return the statement: fingerprint, type, unit, service and labels of series."""
    sql = """\
SELECT fingerprint, toString(any(metric_type)), any(unit), any(service_name), any(labels)
FROM metric_series
WHERE metric_name = %(metric_name)s
    AND fingerprint IN %(fingerprints)s
GROUP BY fingerprint
"""
    return sql, {"metric_name": metric_name, "fingerprints": fingerprints}


def exemplar_of(kind: type[Shown], row: Row, series: Row, **more: Any) -> Shown:
    """Return an exemplar as it is answered.

    Args:
        kind: What is answered of it.
        row: A row of `exemplars_sql`.
        series: The row of `series_of_sql` about its series, without the fingerprint.
        more: Fields that `kind` has beside those of `Exemplar`.
    """
    at, fingerprint, _, measured_at, value, remainder, value_type, trace_id, span_id, text = row
    metric_type, unit, service_name, labels = series
    return kind(
        timestamp=format_time(measured_at),
        point_timestamp=format_time(at),
        value=stored_number(value, remainder, value_type),
        trace_id=trace_id,
        span_id=span_id,
        attributes=text_to_plain(text),
        metric_type=metric_type,
        unit=unit,
        service_name=service_name,
        labels=labels,
        fingerprint=f"{fingerprint:016x}",
        **more,
    )
