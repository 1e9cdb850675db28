"""The points of one kind as a subquery, each with what it adds to the point before.

The rule by which points are counted is written in `rak_libs.model.metric_rollups`: answers from
points and answers from rollups are the same. A growth here is the increase of a point there. Rows
of one time are put in the order of their values, so that of a cumulative series they can all be
kept: what the second adds to the first makes up for it.
"""

from typing import Final

from rak_libs.clickhouse.parameters import Parameter
from rak_libs.model.metrics import (
    METRIC_EXPONENTIAL_HISTOGRAMS,
    METRIC_HISTOGRAMS,
    METRIC_SAMPLES,
    METRIC_SUMMARIES,
    NO_RECORDED_VALUE,
    STALE_NAN_BITS,
)
from rak_services.query.metrics.groups import Kind
from rak_services.query.metrics.segments import LOOKBACK_NS, Segment

_TABLES: Final = {
    "COUNTER": METRIC_SAMPLES,
    "GAUGE": METRIC_SAMPLES,
    "UP_DOWN_COUNTER": METRIC_SAMPLES,
    "HISTOGRAM": METRIC_HISTOGRAMS,
    "EXPONENTIAL_HISTOGRAM": METRIC_EXPONENTIAL_HISTOGRAMS,
    "SUMMARY": METRIC_SUMMARIES,
}

RECORDED_NUMBER: Final = f"reinterpretAsUInt64(value) != {STALE_NAN_BITS}"
"""The marker is the value of every row without a number: one column to read instead of two."""

_RECORDED: Final = f"bitAnd(flags, {NO_RECORDED_VALUE}) = 0"

_ROWS: Final = """\
        SELECT
            fingerprint,
            toUnixTimestamp64Nano(timestamp) AS at,
            toUnixTimestamp64Nano(start_timestamp) AS started,
            {payload}
        FROM {table}
        WHERE metric_name = %(metric_name)s
            AND timestamp >= fromUnixTimestamp64Nano(%(read_since)s, 'UTC')
            AND timestamp < fromUnixTimestamp64Nano(%(until)s, 'UTC')
            AND {condition}
            AND {of_series}
        WINDOW series AS (
            PARTITION BY fingerprint ORDER BY timestamp, {order}
            ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
        )"""

_PREVIOUS: Final = "lagInFrame({name}) OVER series AS previous_{name}"

_BASIS: Final = """\
multiIf(
            previous_at > 0 AND at - previous_at <= {lookback},
            if((started > previous_at AND started < at) OR {fell}, 'zero', 'previous'),
            started > 0 AND started < at AND at - started <= {lookback}, 'zero',
            'unknown'
        )"""
"""What the growth of a cumulative point is counted from."""

_GROWN: Final = """\
    SELECT
        fingerprint, at, {kept},
        {basis} AS basis,
        {growths}
    FROM (
{rows}
    )
    WHERE at >= %(since)s{once}"""

_ONCE: Final = " AND at != previous_at"

_EXPONENTIAL: Final = {
    "scale": "scale",
    "zeros": "zero_count",
    "threshold": "if(isNaN(zero_threshold), 0, zero_threshold)",
    "positive_offset": "positive_offset",
    "positive": "positive_counts",
    "negative_offset": "negative_offset",
    "negative": "negative_counts",
}


def point_table(kind: Kind) -> str:
    """Return the table that points of a kind are in."""
    return _TABLES[kind.metric_type].name


def points_parameters(
    metric_name: str, kind: Kind, segment: Segment, *, growth: bool
) -> dict[str, Parameter]:
    """Return the values of the placeholders of `numbers_sql` and its siblings.

    Args:
        metric_name: The metric.
        kind: Of which kind the points are.
        segment: In which part of the range.
        growth: Whether points before it are read, to compare with.
    """
    since = segment.begin_ns
    return {
        "metric_name": metric_name,
        "since": since,
        "read_since": max(since - LOOKBACK_NS, 0) if growth and not kind.is_delta else since,
        "until": segment.end_ns,
    }


def numbers_sql(of: str) -> str:
    """Return the points of counters and gauges: fingerprint, at, number."""
    rows = _rows(
        {"number": "value"}, "number DESC", ["at"], METRIC_SAMPLES.name, of, RECORDED_NUMBER
    )
    return f"""\
    SELECT fingerprint, at, number
    FROM (
{rows}
    )
    WHERE at >= %(since)s{_ONCE}"""


def grown_numbers_sql(kind: Kind, of: str) -> str:
    """Return the points of counters: fingerprint, at, number, growth."""
    payload = {"number": "value", "remainder": "value_remainder"}
    fell = "false"
    if kind.metric_type == "COUNTER":
        fell = (
            "number < previous_number"
            " OR (number = previous_number AND remainder < previous_remainder)"
        )
    previous = ["at", "number", "remainder"]
    growth = _growth(
        kind,
        "growth",
        "number + remainder",
        "(number - previous_number) + (remainder - previous_remainder)",
        "0",
    )
    rows = _rows(
        payload, _order(kind, "number"), previous, METRIC_SAMPLES.name, of, RECORDED_NUMBER
    )
    return _grown(kind, ["number"], fell, [growth], rows)


def histograms_sql(kind: Kind, of: str, *, buckets: bool) -> str:
    """Return the points of histograms: fingerprint, at, lowest, highest, growth, sum_growth.

    `sum_growth` is NULL where it is not known.

    Args:
        kind: Of which kind they are.
        of: The condition on series.
        buckets: With `bounds` and `bucket_growth` too.
    """
    payload = {
        **_totals(),
        "bounds": "explicit_bounds",
        "buckets": "if(empty(bucket_counts), [count], bucket_counts)",
    }
    fell = (
        "total < previous_total OR bounds != previous_bounds"
        " OR arrayExists((now, before) -> now < before,"
        " buckets, arrayResize(previous_buckets, length(buckets)))"
    )
    growths = _total_growths(kind)
    kept = ["lowest", "highest"]
    if buckets:
        kept.append("bounds")
        growths.append(
            _growth(
                kind,
                "bucket_growth",
                "arrayMap(bucket -> toInt64(bucket), buckets)",
                "arrayMap((now, before) -> toInt64(now) - toInt64(before),"
                " buckets, arrayResize(previous_buckets, length(buckets)))",
                "arrayMap(bucket -> toInt64(0), buckets)",
            )
        )
    previous = ["at", "total", "total_sum", "bounds", "buckets"]
    rows = _rows(payload, _order(kind, "total"), previous, METRIC_HISTOGRAMS.name, of, _RECORDED)
    return _grown(kind, kept, fell, growths, rows)


def exponential_sql(kind: Kind, of: str, *, buckets: bool) -> str:
    """Return the points of exponential histograms: as `histograms_sql`.

    Args:
        kind: Of which kind they are.
        of: The condition on series.
        buckets: With `threshold` and `gains` too: pairs of a sign and of what is added or taken
            away, `(scale, zeros, positive indexes, positive counts, negative ..., negative ...)`.
    """
    payload = {**_totals(), **_EXPONENTIAL}
    fell = (
        "total < previous_total OR zeros < previous_zeros OR threshold != previous_threshold"
        f" OR {_some_bucket_fell('positive')} OR {_some_bucket_fell('negative')}"
    )
    growths = _total_growths(kind)
    kept = ["lowest", "highest"]
    if buckets:
        kept.append("threshold")
        own, before = _layout("", "toInt64(1)"), _layout("previous_", "toInt64(-1)")
        growths.append(_growth(kind, "gains", f"[{own}]", f"[{own}, {before}]", f"[{_NO_GAIN}]"))
    previous = ["at", "total", "total_sum", *_EXPONENTIAL]
    rows = _rows(
        payload, _order(kind, "total"), previous, METRIC_EXPONENTIAL_HISTOGRAMS.name, of, _RECORDED
    )
    return _grown(kind, kept, fell, growths, rows)


def summaries_sql(kind: Kind, of: str) -> str:
    """Return the points of summaries: fingerprint, at, growth, sum_growth."""
    payload = {"total": "count", "total_sum": "toNullable(sum)"}
    previous = ["at", "total", "total_sum"]
    rows = _rows(payload, _order(kind, "total"), previous, METRIC_SUMMARIES.name, of, _RECORDED)
    return _grown(kind, ["total"], "total < previous_total", _total_growths(kind), rows)


def reported_quantiles_sql(of: str) -> str:
    """Return the points of summaries that report the quantile `%(quantile)s`: as `numbers_sql`."""
    payload = {"number": "quantile_values[indexOf(quantiles, %(quantile)s)]"}
    condition = f"{_RECORDED} AND has(quantiles, %(quantile)s)"
    rows = _rows(payload, "number DESC", ["at"], METRIC_SUMMARIES.name, of, condition)
    return f"""\
    SELECT fingerprint, at, number
    FROM (
{rows}
    )
    WHERE at >= %(since)s{_ONCE}"""


def _rows(
    payload: dict[str, str],
    order: str,
    previous: list[str],
    table: str,
    of: str,
    condition: str,
) -> str:
    expressions = [f"{expression} AS {name}" for name, expression in payload.items()]
    expressions += [_PREVIOUS.format(name=name) for name in previous]
    return _ROWS.format(
        payload=",\n            ".join(expressions),
        table=table,
        condition=condition,
        of_series=of,
        order=order,
    )


def _order(kind: Kind, value: str) -> str:
    """Rows of one time: the point is the first of a delta series, the last of a cumulative one."""
    return f"{value} DESC" if kind.is_delta else value


def _grown(kind: Kind, kept: list[str], fell: str, growths: list[str], rows: str) -> str:
    basis = "'zero'" if kind.is_delta else _BASIS.format(lookback=LOOKBACK_NS, fell=f"({fell})")
    return _GROWN.format(
        kept=", ".join(kept),
        basis=basis,
        growths=",\n        ".join(growths),
        rows=rows,
        once=_ONCE if kind.is_delta else "",
    )


def _growth(kind: Kind, name: str, whole: str, difference: str, nothing: str) -> str:
    if kind.is_delta:
        return f"{whole} AS {name}"
    return (
        f"multiIf(basis = 'zero', {whole}, basis = 'previous', {difference}, {nothing}) AS {name}"
    )


def _totals() -> dict[str, str]:
    return {"total": "count", "total_sum": "sum", "lowest": "min", "highest": "max"}


def _total_growths(kind: Kind) -> list[str]:
    return [
        _growth(kind, "growth", "toInt64(total)", "toInt64(total) - toInt64(previous_total)", "0"),
        _growth(
            kind,
            "sum_growth",
            "total_sum",
            "total_sum - previous_total_sum",
            "if(isNull(total_sum), NULL, 0)",
        ),
    ]


_NO_GAIN: Final = (
    "(toInt64(0), scale, toInt64(0), CAST([], 'Array(Int64)'), CAST([], 'Array(Int64)'),"
    " CAST([], 'Array(Int64)'), CAST([], 'Array(Int64)'))"
)


def _layout(prefix: str, sign: str) -> str:
    def indexes(side: str) -> str:
        return (
            f"arrayMap(place -> toInt64({prefix}{side}_offset) + toInt64(place) - 1,"
            f" arrayEnumerate({prefix}{side}))"
        )

    def counts(side: str) -> str:
        return f"arrayMap(bucket -> {sign} * toInt64(bucket), {prefix}{side})"

    return (
        f"({sign}, {prefix}scale, {sign} * toInt64({prefix}zeros),"
        f" {indexes('positive')}, {counts('positive')},"
        f" {indexes('negative')}, {counts('negative')})"
    )


def _some_bucket_fell(side: str) -> str:
    """Compare a side's buckets with those of the point before, at the lower of both scales."""

    def indexes(prefix: str) -> str:
        shift = f"{prefix}scale - least(scale, previous_scale)"
        return (
            f"arrayMap(place -> bitShiftRight(toInt64({prefix}{side}_offset) + toInt64(place) - 1,"
            f" {shift}), arrayEnumerate({prefix}{side}))"
        )

    return (
        "arrayExists(change -> change < 0, arrayReduce('sumMap',"
        f" [{indexes('')}, {indexes('previous_')}],"
        f" [arrayMap(bucket -> toInt64(bucket), {side}),"
        f" arrayMap(bucket -> -toInt64(bucket), previous_{side})]).2)"
    )
