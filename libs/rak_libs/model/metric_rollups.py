"""The tables of metric rollups: every column, and the one rule by which points are counted.

A rollup row says what the points of one series did within one window, `[begin, begin + step)`.
`rak-derive` computes it whole from the raw points; a question that is answered from raw points
follows the same rule, so that both give the same numbers.

**Points.** A row without a recorded value (`NO_RECORDED_VALUE`) is no point. Rows of one series
and time are one point: of samples the one with the greatest value, then the greatest remainder; of
histograms the one with the greatest count; NaN is the least of all; then the first that was
ingested. An agent's retry is so counted once.

**Increase of a point.** Let `c` be a point at time `t` with start `s`. Its predecessor `p`, at
`t_p`, is the latest earlier point of the series, if `t - t_p <= LOOKBACK_SECONDS`; otherwise it has
none. The start is *known* when `0 < s < t`: a start that is the point's own time means, by the OTLP
specification, that the true one is not known. The whole increase counts to the window that holds
`t`, also where `p` lies in an earlier window.

- Delta temporality: `c` itself.
- A gauge: 0; nothing increases.
- Without a predecessor: `c` when the start is known and `t - s <= LOOKBACK_SECONDS`, since all of
  `c` then happened within the time that is looked back; else 0, since nobody knows when it did.
- After a reset: `c`. Else `c - p`.

A point follows a **reset** when its start is known and later than `t_p`, or when it fell: `c < p`.
An up-down counter falls without a reset, so its start alone tells one, and its increase is the net
change. A series of unspecified temporality is taken as cumulative.

**Histograms** follow the same rule in `count`, `sum` and every bucket at once: a point has fallen
when its count, its zero count or any bucket is less than its predecessor's, and it follows a reset
as well when its bounds (its zero threshold) are others. A histogram without buckets has one that
holds `count`. Points of exponential histograms are compared, and subtracted, at the lower of their
two scales: a change of the scale alone is no reset. The increase of `sum` is absent when either
`sum` is. Increases with different bounds (zero thresholds) are never added: they are rows of their
own. Increases of different scales are added at the lowest one.

**NaN and infinities** are points like others; arithmetic makes of them what it does.
"""

from typing import Final

from rak_libs.model.metrics import ValueType
from rak_libs.model.table import Table, columns, enum8

LOOKBACK_SECONDS: Final = 3_600
"""How far back a point looks for its predecessor. What a counter gained in a longer gap is in no
window: nobody knows when it did."""

STEP_SECONDS: Final = {"1m": 60, "1h": 3_600}
"""The windows there are, in seconds, by the ending of the tables' names; all begin at multiples
of their step since 1970."""

_WORD: Final = "LowCardinality(String)"
_TIME: Final = "DateTime64(9, 'UTC')"
_MOMENT: Final = "DateTime64(3, 'UTC')"
_MAYBE: Final = "Nullable(Float64)"

_WINDOW: Final = [
    ("metric_name", _WORD),
    ("fingerprint", "UInt64"),
    # Begin of the window.
    ("timestamp", _TIME),
    # How many points the window has, at least one.
    ("points", "UInt32"),
]
_SAMPLES: Final = [
    # Over the points of the window. Of a NaN the sum is NaN, and minimum and maximum are without.
    ("sum", "Float64"),
    ("min", "Float64"),
    ("max", "Float64"),
    # The latest point of the window, as in `metric_samples`, and its time.
    ("last", "Float64"),
    ("last_remainder", "Int64"),
    ("last_value_type", enum8(ValueType)),
    ("last_timestamp", _TIME),
    # The sum of the increases of the window's points.
    ("increase", "Float64"),
]
_COUNTS: Final = [
    # The increases of the window's points. Minimum and maximum are what the points themselves say:
    # of a cumulative series since its start, not of the window.
    ("count", "UInt64"),
    ("sum", _MAYBE),
    ("min", _MAYBE),
    ("max", _MAYBE),
]
_HISTOGRAMS: Final = [
    *_COUNTS,
    # Bounds as in `metric_histograms`, part of the row's key; always one bucket more than bounds.
    ("explicit_bounds", "Array(Float64)"),
    ("bucket_counts", "Array(UInt64)"),
]
_EXPONENTIAL: Final = [
    *_COUNTS,
    ("scale", "Int32"),
    ("zero_count", "UInt64"),
    # Part of the row's key.
    ("zero_threshold", "Float64"),
    # The buckets that are not 0: index, ascending, and count. Bucket i of the positive side holds
    # (base^i, base^(i+1)] with base = 2^(2^-scale), as in the OTLP specification.
    ("positive_indexes", "Array(Int32)"),
    ("positive_counts", "Array(UInt64)"),
    ("negative_indexes", "Array(Int32)"),
    ("negative_counts", "Array(UInt64)"),
]
_ACCOUNT: Final = [
    # Points of the window that follow a reset.
    ("resets", "UInt32"),
    # Every point that the engine had taken before this moment is counted. Of rows with one key
    # the one that saw most stays.
    ("seen_until", _MOMENT),
]


def _tables(name: str, own_columns: list[tuple[str, str]]) -> dict[str, Table]:
    return {
        step: Table(
            name=f"{name}_{step}",
            columns=columns([*_WINDOW, *own_columns, *_ACCOUNT]),
        )
        for step in STEP_SECONDS
    }


SAMPLE_ROLLUPS: Final = _tables("metric_samples", _SAMPLES)
"""Counters, up-down counters and gauges, by step."""

HISTOGRAM_ROLLUPS: Final = _tables("metric_histograms", _HISTOGRAMS)
"""Histograms with explicit bounds, by step; one row a series, window and list of bounds."""

EXPONENTIAL_ROLLUPS: Final = _tables("metric_exponential_histograms", _EXPONENTIAL)
"""Exponential histograms, by step; one row a series, window and zero threshold."""

ROLLUP_TABLES: Final = tuple(
    table
    for tables in (SAMPLE_ROLLUPS, HISTOGRAM_ROLLUPS, EXPONENTIAL_ROLLUPS)
    for table in tables.values()
)
"""Every table of rollups."""

PROGRESS: Final = Table(
    name="derive_progress",
    columns=columns(
        [
            # Whose progress it is: `METRICS_PROGRESS`.
            ("name", _WORD),
            # Of points that the engine took before `seen_until`, those in windows that ended by
            # `complete_until` are counted.
            ("seen_until", _MOMENT),
            ("complete_until", _TIME),
            ("noted_at", _MOMENT),
        ]
    ),
)
"""How far derived rows have come. A row says what was true when it was written and stays true; of
several the one with the greatest (seen_until, complete_until) says most."""

METRICS_PROGRESS: Final = "metric_rollups"
"""The row of `PROGRESS` that is about the tables above. Windows that end by `complete_until` are
in the tables (of an hour: those that end by its last full hour); later ones are not yet."""
