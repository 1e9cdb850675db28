"""The statements behind the lists of metrics, labels and their texts.

A series has one row for each day with points, so ranges are of whole days here. No result column
has the name of a stored one: the engine would take it for that column inside WHERE.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from rak_libs.clickhouse.parameters import Parameters
from rak_libs.model import metrics
from rak_libs.model.time_window import DAY_NS
from rak_services.query.metrics.labels import all_labels_sql, label_sql
from rak_services.query.metrics.requests import ListMetrics
from rak_services.query.metrics.selector import add_days
from rak_services.query.span_conditions import Conditions, add_time_range
from rak_services.query.time_ranges import Range

_POINTS: Final = (
    metrics.METRIC_SAMPLES,
    metrics.METRIC_HISTOGRAMS,
    metrics.METRIC_EXPONENTIAL_HISTOGRAMS,
    metrics.METRIC_SUMMARIES,
)


class MetricKey(Struct, frozen=True, array_like=True):
    """What one item of the list of metrics is about; the list is in this order."""

    metric_name: str
    metric_type: str
    temporality: str
    unit: str


def metrics_sql(
    request: ListMetrics, period: Range, after: MetricKey | None, rows: int
) -> tuple[str, Parameters]:
    """Return the statement: the key, description, services, series, begin of the last day in ns."""
    conditions = Conditions()
    add_days(conditions, period.since_ns, period.until_ns)
    if request.prefix is not None:
        conditions.add("startsWith(metric_name, %(prefix)s)", prefix=request.prefix)
    if request.q is not None:
        conditions.add("positionCaseInsensitive(metric_name, %(q)s) > 0", q=request.q)
    if request.service is not None:
        conditions.add("service_name = %(service)s", service=request.service)
    if after is not None:
        conditions.add(
            "(metric_name, toString(metric_type), toString(temporality), unit)"
            " > (%(after_name)s, %(after_type)s, %(after_temporality)s, %(after_unit)s)",
            after_name=after.metric_name,
            after_type=after.metric_type,
            after_temporality=after.temporality,
            after_unit=after.unit,
        )
    sql = f"""\
SELECT
    metric_name,
    toString(metric_type) AS type_name,
    toString(temporality) AS temporality_name,
    unit,
    argMax(description, (seen_at, description)),
    arraySort(groupUniqArray(service_name)),
    uniqExact(fingerprint),
    toInt64(toUInt16(max(day))) * {DAY_NS}
FROM metric_series
WHERE {conditions.where()}
GROUP BY metric_name, type_name, temporality_name, unit
ORDER BY metric_name, type_name, temporality_name, unit
LIMIT %(rows)s
"""
    return sql, {**conditions.parameters, "rows": rows}


def last_seen_sql(names: Sequence[str], since_ns: int, until_ns: int) -> tuple[str, Parameters]:
    """Return the statement: the key of a metric, the time of its newest point in nanoseconds."""
    points = Conditions()
    points.add("metric_name IN %(names)s", names=names)
    add_time_range(points, since_ns, until_ns)
    days = Conditions()
    add_days(days, since_ns, until_ns)
    tables = "\n    UNION ALL\n".join(
        f"""\
    SELECT fingerprint, toUnixTimestamp64Nano(max(timestamp)) AS newest
    FROM {table.name}
    WHERE {points.where("    ")}
    GROUP BY fingerprint"""
        for table in _POINTS
    )
    sql = f"""\
SELECT
    metric_name,
    toString(metric_type) AS type_name,
    toString(temporality) AS temporality_name,
    unit,
    max(newest)
FROM (
{tables}
) AS points
INNER JOIN (
    SELECT DISTINCT fingerprint, metric_name, metric_type, temporality, unit
    FROM metric_series
    WHERE metric_name IN %(names)s
        AND {days.where("    ")}
) AS series USING (fingerprint)
GROUP BY metric_name, type_name, temporality_name, unit
"""
    return sql, {**points.parameters, **days.parameters}


def labels_sql(
    metric_name: str, period: Range, after: str | None, rows: int
) -> tuple[str, Parameters]:
    """Return the statement: label, number of its texts, number of series that have it."""
    conditions = _of_metric(metric_name, period)
    later = Conditions()
    later.add("pair.2 != ''")
    if after is not None:
        later.add("pair.1 > %(after)s", after=after)
    sql = f"""\
SELECT pair.1 AS label, uniqExact(pair.2), uniqExact(fingerprint)
FROM (
    SELECT fingerprint, arrayJoin({all_labels_sql()}) AS pair
    FROM metric_series
    WHERE {conditions.where("    ")}
)
WHERE {later.where()}
GROUP BY label
ORDER BY label
LIMIT %(rows)s
"""
    return sql, {**conditions.parameters, **later.parameters, "rows": rows}


def label_values_sql(
    metric_name: str, label: str, period: Range, after: str | None, rows: int
) -> tuple[str, Parameters]:
    """Return the statement: a text of the label, number of series that have it."""
    conditions = _of_metric(metric_name, period)
    text, parameters = label_sql(label, "label")
    later = Conditions()
    later.add("label_text != ''")
    if after is not None:
        later.add("label_text > %(after)s", after=after)
    sql = f"""\
SELECT label_text, uniqExact(fingerprint)
FROM (
    SELECT fingerprint, toString({text}) AS label_text
    FROM metric_series
    WHERE {conditions.where("    ")}
)
WHERE {later.where()}
GROUP BY label_text
ORDER BY label_text
LIMIT %(rows)s
"""
    return sql, {**conditions.parameters, **later.parameters, **parameters, "rows": rows}


def _of_metric(metric_name: str, period: Range) -> Conditions:
    conditions = Conditions()
    conditions.add("metric_name = %(metric_name)s", metric_name=metric_name)
    add_days(conditions, period.since_ns, period.until_ns)
    return conditions
