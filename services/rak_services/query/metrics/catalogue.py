"""`GET /api/v1/metrics`, `/metrics/labels`, `/metrics/label-values`: what can be asked for."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from rak_libs.clickhouse.select import Row
from rak_libs.model.time_text import format_time
from rak_libs.model.time_window import HOUR_NS
from rak_services.query.cursors import decode_cursor
from rak_services.query.endpoint import Question, Store
from rak_services.query.metrics.answers import (
    LabelList,
    LabelRow,
    LabelValueList,
    LabelValueRow,
    MetricList,
    MetricRow,
)
from rak_services.query.metrics.catalogue_sql import (
    MetricKey,
    label_values_sql,
    labels_sql,
    last_seen_sql,
    metrics_sql,
)
from rak_services.query.metrics.requests import ListLabels, ListLabelValues, ListMetrics
from rak_services.query.time_ranges import Range, StoredTime, resolve_range

_FIRST_LOOK_NS: Final = 2 * HOUR_NS


class MetricPosition(Struct, frozen=True, array_like=True):
    """Where a page of metrics ended, and the range that its relative times meant."""

    since_ns: StoredTime | None
    until_ns: StoredTime | None
    key: MetricKey


class LabelPosition(Struct, frozen=True, array_like=True):
    """Where a page of labels or their texts ended, and the range that its relative times meant."""

    since_ns: StoredTime | None
    until_ns: StoredTime | None
    text: str


async def list_metrics(store: Store, question: Question, request: ListMetrics) -> MetricList:
    """Answer one page of the metrics with points on a day of a time range, by name."""
    period = resolve_range(request, store.now())
    after = None
    if request.cursor is not None:
        position = decode_cursor(request.cursor, question.digest, MetricPosition)
        period = Range(position.since_ns, position.until_ns)
        after = position.key
    rows = store.page_rows(request.limit)
    found = await store.pool.select(*metrics_sql(request, period, after, rows + 1))
    shown, cursor = found[:rows], None
    if len(found) > rows:
        key = MetricKey(*shown[-1][:4])
        cursor = question.cursor_after(MetricPosition(period.since_ns, period.until_ns, key))
    last_seen = await _last_seen(store, period, shown)
    return MetricList(
        items=[_metric(row, last_seen.get(MetricKey(*row[:4]))) for row in shown],
        next_cursor=cursor,
        complete=True,
    )


async def _last_seen(store: Store, period: Range, shown: Sequence[Row]) -> dict[MetricKey, int]:
    """Return the time of the newest point of each metric.

    Points of the last hours are looked at first: most metrics are still being sent. For others the
    last day with a series is.
    """
    until_ns = store.now() + HOUR_NS if period.until_ns is None else period.until_ns
    days = {MetricKey(*row[:4]): row[7] for row in shown}
    seen: dict[MetricKey, int] = {}
    for first in (until_ns - _FIRST_LOOK_NS, None):
        missing = {key: day for key, day in days.items() if key not in seen}
        if not missing:
            break
        since_ns = min(missing.values()) if first is None else max(first, 0)
        names = sorted({key.metric_name for key in missing})
        found = await store.pool.select(*last_seen_sql(names, since_ns, until_ns))
        seen |= {MetricKey(*row[:4]): row[4] for row in found}
    return seen


def _metric(row: Row, last_seen_ns: int | None) -> MetricRow:
    name, type_, temporality, unit, description, services, series, _ = row
    return MetricRow(
        metric_name=name,
        metric_type=type_,
        unit=unit,
        temporality=temporality,
        description=description,
        services=services,
        series=series,
        last_seen=None if last_seen_ns is None else format_time(last_seen_ns),
    )


async def list_labels(store: Store, question: Question, request: ListLabels) -> LabelList:
    """Answer one page of the labels that series of a metric have, by name."""
    period, after = _place(store, question, request)
    rows = store.page_rows(request.limit)
    found = await store.pool.select(*labels_sql(request.name, period, after, rows + 1))
    return LabelList(
        items=[LabelRow(label=label, values=values, series=n) for label, values, n in found[:rows]],
        next_cursor=_next(question, period, found, rows),
        complete=True,
    )


async def list_label_values(
    store: Store, question: Question, request: ListLabelValues
) -> LabelValueList:
    """Answer one page of the texts that a label has in series of a metric."""
    period, after = _place(store, question, request)
    rows = store.page_rows(request.limit)
    statement = label_values_sql(request.name, request.label, period, after, rows + 1)
    found = await store.pool.select(*statement)
    return LabelValueList(
        items=[LabelValueRow(value=value, series=series) for value, series in found[:rows]],
        next_cursor=_next(question, period, found, rows),
        complete=True,
    )


def _place(
    store: Store, question: Question, request: ListLabels | ListLabelValues
) -> tuple[Range, str | None]:
    if request.cursor is None:
        return resolve_range(request, store.now()), None
    position = decode_cursor(request.cursor, question.digest, LabelPosition)
    return Range(position.since_ns, position.until_ns), position.text


def _next(question: Question, period: Range, found: Sequence[Row], rows: int) -> str | None:
    if len(found) <= rows:
        return None
    text = found[rows - 1][0]
    return question.cursor_after(LabelPosition(period.since_ns, period.until_ns, text))
