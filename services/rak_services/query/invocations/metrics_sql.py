"""The statements that find what metrics know of an invocation."""

from collections.abc import Sequence
from typing import Final

from rak_libs.clickhouse.parameters import Parameters
from rak_libs.model.promotion import PROMOTIONS
from rak_services.query.invocations.spans_sql import Times
from rak_services.query.metrics.selector import add_days
from rak_services.query.span_conditions import Conditions, add_time_range

_KEYS: Final = next(rule.keys for rule in PROMOTIONS if rule.column == "invocation_id")


def exemplars_sql(
    invocation_id: str, traces: Sequence[str], times: Times, rows: int
) -> tuple[str, Parameters]:
    """Return the statement for the exemplars of some traces, or that name the invocation.

    Columns: name of the metric, then those of `rak_services.query.metrics.exemplars`; by time.

    Args:
        invocation_id: The invocation.
        traces: Its traces.
        times: Between which times the points are.
        rows: How many at most.
    """
    conditions = Conditions()
    add_time_range(conditions, times.begin, times.end)
    conditions.add(
        "(trace_id IN %(traces)s OR arrayExists("
        "key -> JSONExtractString(attributes, key) = %(invocation)s, %(keys)s))",
        traces=list(traces),
        invocation=invocation_id,
        keys=list(_KEYS),
    )
    sql = f"""\
SELECT
    metric_name,
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
ORDER BY timestamp, metric_name, fingerprint, position
LIMIT 1 BY timestamp, metric_name, fingerprint, position
LIMIT %(rows)s
"""  # noqa: S608 - built from constants; values are bound
    return sql, {**conditions.parameters, "rows": rows}


def series_sql(invocation_id: str, times: Times | None, rows: int) -> tuple[str, Parameters]:
    """Return the statement for the series one of whose labels names the invocation.

    Columns: name of the metric, fingerprint, type, unit, service, labels; in this order.
    """
    conditions = Conditions()
    if times is not None:
        add_days(conditions, times.begin, times.end)
    conditions.add(
        "arrayExists(key -> labels[key] = %(invocation)s, %(keys)s)",
        invocation=invocation_id,
        keys=list(_KEYS),
    )
    return _series(conditions, rows)


def series_of_sql(names: Sequence[str], fingerprints: Sequence[int]) -> tuple[str, Parameters]:
    """Return the statement for series by what tells them apart: columns of `series_sql`."""
    conditions = Conditions()
    conditions.add("metric_name IN %(names)s", names=list(names))
    conditions.add("fingerprint IN %(fingerprints)s", fingerprints=list(fingerprints))
    return _series(conditions, len(fingerprints))


def _series(conditions: Conditions, rows: int) -> tuple[str, Parameters]:
    sql = f"""\
SELECT
    metric_name,
    fingerprint,
    toString(any(metric_type)),
    any(unit),
    any(service_name),
    any(labels)
FROM metric_series
WHERE {conditions.where()}
GROUP BY metric_name, fingerprint
ORDER BY metric_name, fingerprint
LIMIT %(rows)s
"""  # noqa: S608 - built from constants; values are bound
    return sql, {**conditions.parameters, "rows": rows}
