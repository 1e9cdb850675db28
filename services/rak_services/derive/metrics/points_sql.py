"""The SQL that reads points for windows: each once, with its predecessor.

The rule of `rak_libs.model.metric_rollups` in three steps that all kinds of points share: rows
become points, points meet their predecessors, and each point is told how much of it counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rak_libs.clickhouse.parameters import Parameter, bind
from rak_libs.model.metric_rollups import LOOKBACK_SECONDS
from rak_libs.model.time_text import SECOND_NS

NEAR_SECONDS: Final = 150
"""How far back every series is read: most report each minute or more often. Only those without a
point in this time are looked for in the rest of the lookback."""

WHOLE: Final = "whole"
DIFFERENCE: Final = "difference"
NOTHING: Final = "nothing"


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Rows that the engine took in the half-open range of moments (after, until], in unix ms.

    Attributes:
        after_ms: Rows taken at this moment or before are none of them.
        until_ms: The last moment.
    """

    after_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Portion:
    """What one statement computes: windows of a range of time, of some series.

    Attributes:
        begin_ns: Begin of the first window, unix nanoseconds.
        end_ns: End of the last window.
        arrivals: None for every series; else only those of which rows arrived that touch the
            windows: their points, or points that those of the windows look back to.
        share: Which of `shares` parts of the series, from 0.
        shares: In how many parts the series are divided.
    """

    begin_ns: int
    end_ns: int
    arrivals: Arrivals | None = None
    share: int = 0
    shares: int = 1


@dataclass(frozen=True, slots=True)
class Points:
    """Points of one kind, and the SQL that tells them apart.

    Attributes:
        table: Their table.
        payload: What is read of them beside series and times: expressions by the names they get.
        previous: Names of the payload that are needed of a point's predecessor as well; there
            they are called `previous_<name>`.
        compared: What is made of a point and its predecessor, by the names it gets; each step may
            use what the steps before it made.
        best_first: Order of several rows of one time; the first is the point.
        fell: Condition under which a point is less than its predecessor.
        changed: Condition under which it cannot be compared with it: another layout of buckets.
    """

    table: str
    payload: Mapping[str, str]
    previous: tuple[str, ...]
    compared: tuple[Mapping[str, str], ...]
    best_first: str
    fell: str
    changed: str


_ROWS: Final = """\
SELECT
    metric_name, fingerprint,
    toUnixTimestamp64Nano(timestamp) AS time, toUnixTimestamp64Nano(start_timestamp) AS start,
    ingested_at, {payload}
FROM {table}
WHERE timestamp >= fromUnixTimestamp64Nano({from_}, 'UTC')
    AND timestamp < fromUnixTimestamp64Nano({to}, 'UTC')
    AND bitAnd(flags, 1) = 0{series}"""

_IN_SHARE: Final = """
    AND fingerprint % %(shares)s = %(share)s"""

_ARRIVED: Final = """
    AND (metric_name, fingerprint) IN (
        SELECT metric_name, fingerprint
        FROM {table}
        WHERE inserted_at > fromUnixTimestamp64Milli(%(after)s, 'UTC')
            AND inserted_at <= fromUnixTimestamp64Milli(%(until)s, 'UTC')
            AND timestamp >= fromUnixTimestamp64Nano(%(far)s, 'UTC')
            AND timestamp < fromUnixTimestamp64Nano(%(end)s, 'UTC')
    )"""

_WITHOUT_NEAR: Final = """
    AND (metric_name, fingerprint) IN (
        SELECT any(metric_name), fingerprint
        FROM {table}
        WHERE timestamp >= fromUnixTimestamp64Nano(%(near)s, 'UTC')
            AND timestamp < fromUnixTimestamp64Nano(%(end)s, 'UTC')
            AND bitAnd(flags, 1) = 0{series}
        GROUP BY fingerprint
        HAVING min(timestamp) >= fromUnixTimestamp64Nano(%(begin)s, 'UTC')
    )"""

_COUNT: Final = """\
SELECT count()
FROM {table}
WHERE timestamp >= fromUnixTimestamp64Nano(%(begin)s, 'UTC')
    AND timestamp < fromUnixTimestamp64Nano(%(end)s, 'UTC'){series}"""

_COUNTED: Final = """\
SELECT
    *,
    NOT is_delta AND has_previous AND (
        (start_is_known AND start > previous_time) OR {changed} OR {fell}
    ) AS is_reset,
    multiIf(
        is_delta OR is_reset, '{whole}',
        has_previous, '{difference}',
        start_is_known AND time - start <= %(lookback)s, '{whole}',
        '{nothing}'
    ) AS counted
FROM (
{compared}
)"""

# Aliases of aliases are written out by the engine's analyzer, each time they are used: a step with
# a subquery of its own is analyzed once.
_STEP: Final = """\
SELECT *, {expressions}
FROM (
{points}
)"""

# Times are 64-bit integers, whose differences are exact; lagInFrame gives 0 for the time of a
# predecessor that there is not.
_PAIRED: Final = """\
SELECT
    *,
    temporality = 'DELTA' AS is_delta,
    previous_time > 0 AND time - previous_time <= %(lookback)s AS has_previous,
    start > 0 AND start < time AS start_is_known
FROM (
    SELECT
        metric_name, fingerprint, time, start, {names},
        lagInFrame(time) OVER series AS previous_time,
        {previous}
    FROM (
        SELECT * FROM (
{near}
        )
        ORDER BY fingerprint, time, {best_first}, ingested_at
        LIMIT 1 BY fingerprint, time
        UNION ALL
        SELECT * FROM (
{far}
        )
        ORDER BY fingerprint, time DESC, {best_first}, ingested_at
        LIMIT 1 BY fingerprint
    )
    WINDOW series AS (
        PARTITION BY fingerprint ORDER BY time ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
    )
) AS paired
ANY LEFT JOIN (
    SELECT fingerprint, any(metric_type) AS metric_type, any(temporality) AS temporality
    FROM metric_series
    WHERE day >= toDate(fromUnixTimestamp64Nano(%(begin)s, 'UTC'))
        AND day <= toDate(fromUnixTimestamp64Nano(%(end)s, 'UTC'))
    GROUP BY fingerprint
) AS described USING (fingerprint)
WHERE time >= %(begin)s"""


def counted_points(points: Points, portion: Portion) -> str:
    """Return the SELECT of a portion's points, one row each.

    Its columns: `metric_name`, `fingerprint`, `time` and `start` in unix nanoseconds; the payload,
    `previous_…` and what is compared; `metric_type` and `temporality` of the series;
    `has_previous`; `is_reset`; and `counted`, which tells what of the point is its increase:
    `WHOLE`, its `DIFFERENCE` from its predecessor, or `NOTHING`.
    """
    previous = ",\n        ".join(
        f"lagInFrame({name}) OVER series AS previous_{name}" for name in points.previous
    )
    series = _series_condition(points.table, portion)
    near = _rows(points, "%(near)s", "%(end)s", series)
    lonely = _WITHOUT_NEAR.format(table=points.table, series=_nested(series))
    far = _rows(points, "%(far)s", "%(near)s", series + lonely)
    compared = _PAIRED.format(
        names=", ".join(points.payload),
        previous=previous,
        near=near,
        far=far,
        best_first=points.best_first,
    )
    for step in points.compared:
        expressions = ", ".join(f"{sql} AS {name}" for name, sql in step.items())
        compared = _STEP.format(expressions=expressions, points=compared)
    sql = _COUNTED.format(
        compared=compared,
        changed=points.changed,
        fell=points.fell,
        whole=WHOLE,
        difference=DIFFERENCE,
        nothing=NOTHING,
    )
    return _bound(sql, portion)


def point_count(table: str, portion: Portion) -> str:
    """Return the SELECT of the number of rows that a portion's points come from."""
    sql = _COUNT.format(table=table, series=_series_condition(table, portion))
    return _bound(sql, portion)


def _rows(points: Points, from_: str, to: str, series: str) -> str:
    payload = ", ".join(f"{expression} AS {name}" for name, expression in points.payload.items())
    return _ROWS.format(payload=payload, table=points.table, from_=from_, to=to, series=series)


def _series_condition(table: str, portion: Portion) -> str:
    share = _IN_SHARE if portion.shares > 1 else ""
    return share + (_ARRIVED.format(table=table) if portion.arrivals else "")


def _nested(text: str) -> str:
    return text.replace("\n", "\n        ")


def _bound(sql: str, portion: Portion) -> str:
    """Bind those of a portion's values that a statement has placeholders for."""
    lookback = LOOKBACK_SECONDS * SECOND_NS
    arrivals = portion.arrivals or Arrivals(0, 0)
    values: dict[str, Parameter] = {
        "begin": portion.begin_ns,
        "end": portion.end_ns,
        "near": portion.begin_ns - NEAR_SECONDS * SECOND_NS,
        "far": portion.begin_ns - lookback,
        "lookback": lookback,
        "after": arrivals.after_ms,
        "until": arrivals.until_ms,
        "share": portion.share,
        "shares": portion.shares,
    }
    return bind(sql, {name: value for name, value in values.items() if f"%({name})s" in sql})
