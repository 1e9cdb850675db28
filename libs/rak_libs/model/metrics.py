"""The tables of metrics: every stored column, written once.

A data point is one narrow row beside its series: what describes the series (name, type, unit,
attributes, resource, scope) is stored once for a series and day in `metric_series`, and points
name it by its fingerprint. The decoder fills these columns, the writer inserts them, the query
service and `rak-derive` read them, and a test compares them with the live tables.
"""

from enum import IntEnum
from typing import Final

from rak_libs.model.table import Table, columns, enum8


class MetricType(IntEnum):
    """What kind of data points a series has, under the names that the tables store.

    `COUNTER` is OTLP's monotonic sum, `UP_DOWN_COUNTER` a sum that is not monotonic.
    """

    COUNTER = 1
    GAUGE = 2
    HISTOGRAM = 3
    SUMMARY = 4
    EXPONENTIAL_HISTOGRAM = 5
    UP_DOWN_COUNTER = 6


class Temporality(IntEnum):
    """OTLP `AggregationTemporality`, under the names that the tables store.

    Gauges and summaries, which have none, are `UNSPECIFIED`.
    """

    UNSPECIFIED = 0
    DELTA = 1
    CUMULATIVE = 2


class ValueType(IntEnum):
    """Which number was sent: a double, a 64-bit integer, or none."""

    NONE = 0
    DOUBLE = 1
    INT = 2


NO_RECORDED_VALUE: Final = 1
"""Bit of `flags`: the series has no value from here on (opentelemetry-proto `DataPointFlags`)."""

STALE_NAN_BITS: Final = 0x7FF0_0000_0000_0002
"""The NaN that `value` holds where there is no number: Prometheus' stale marker."""

_TEXT: Final = "String"
_WORD: Final = "LowCardinality(String)"
_TIME: Final = "DateTime64(9, 'UTC')"
_MAYBE: Final = "Nullable(Float64)"

METRIC_SERIES: Final = Table(
    name="metric_series",
    columns=columns(
        [
            # `rak_libs.otlp.metric_series` makes the fingerprint from the columns below, but for
            # day, description, metadata, the copies and seen_at. One row a series and day: the
            # day, UTC, of points that the series has.
            ("fingerprint", "UInt64"),
            ("day", "Date"),
            ("metric_name", _WORD),
            ("metric_type", enum8(MetricType)),
            ("temporality", enum8(Temporality)),
            ("unit", _WORD),
            ("description", _WORD),
            # Attributes of the metric itself as typed JSON text, '' when there are none.
            ("metadata", _WORD),
            ("service_name", _WORD),
            # Promoted copies of the points' attributes, or else of the resource's:
            # `rak_libs.model.promotion` says from which.
            ("agent_name", _WORD),
            ("user_id", _TEXT),
            ("session_id", _TEXT),
            # The text of every attribute of the points, whatever its type.
            ("labels", "Map(LowCardinality(String), String)"),
            # The same attributes, each under the key and type it came with.
            ("attributes_string", "Map(LowCardinality(String), String)"),
            ("attributes_int", "Map(LowCardinality(String), Int64)"),
            ("attributes_float", "Map(LowCardinality(String), Float64)"),
            ("attributes_bool", "Map(LowCardinality(String), Bool)"),
            # Arrays, maps, bytes and empty values as typed JSON text (`rak_libs.otlp.typed_json`).
            ("attributes_json", "Map(LowCardinality(String), String)"),
            # Resource and scope; attributes as typed JSON text, '' when there are none.
            ("resource_attributes", _WORD),
            ("resource_dropped_attributes_count", "UInt32"),
            ("resource_entity_refs", _WORD),
            ("resource_schema_url", _WORD),
            ("scope_name", _WORD),
            ("scope_version", _WORD),
            ("scope_attributes", _WORD),
            ("scope_dropped_attributes_count", "UInt32"),
            ("scope_schema_url", _WORD),
            # `ingested_at` of the points that this row was written with; the newest row stays.
            ("seen_at", "DateTime64(3, 'UTC')"),
        ]
    ),
)

_POINT: Final = [
    ("metric_name", _WORD),
    ("fingerprint", "UInt64"),
    # Nanoseconds since 1970. The start is the 64 bits of the wire's fixed64: 0 where it is not
    # known, and one beyond 2^63-1 reads as negative.
    ("timestamp", _TIME),
    ("start_timestamp", _TIME),
]
_ARRIVAL: Final = [
    # When the broker took the message: its record's timestamp.
    ("ingested_at", "DateTime64(3, 'UTC')"),
]
_NUMBER: Final = [
    # The number as a double; where there is none, the NaN of STALE_NAN_BITS.
    ("value", "Float64"),
    # An integer minus the integer that `value` is: not 0 only beyond 2^53.
    ("value_remainder", "Int64"),
    ("value_type", enum8(ValueType)),
]
_FLAGS: Final = [("flags", "UInt32")]


METRIC_SAMPLES: Final = Table(
    name="metric_samples",
    columns=columns([*_POINT, *_NUMBER, *_FLAGS, *_ARRIVAL]),
    by_batch=True,
)
"""Points of counters, up-down counters and gauges."""

METRIC_HISTOGRAMS: Final = Table(
    name="metric_histograms",
    columns=columns(
        [
            *_POINT,
            ("count", "UInt64"),
            ("sum", _MAYBE),
            ("min", _MAYBE),
            ("max", _MAYBE),
            # Upper bounds, inclusive and increasing; a bucket more than bounds, or none of either.
            ("explicit_bounds", "Array(Float64)"),
            ("bucket_counts", "Array(UInt64)"),
            *_FLAGS,
            *_ARRIVAL,
        ]
    ),
    by_batch=True,
)
"""Points of histograms with explicit bounds."""

METRIC_EXPONENTIAL_HISTOGRAMS: Final = Table(
    name="metric_exponential_histograms",
    columns=columns(
        [
            *_POINT,
            ("count", "UInt64"),
            ("sum", _MAYBE),
            ("min", _MAYBE),
            ("max", _MAYBE),
            # Bucket i of a side holds (base^(offset+i), base^(offset+i+1)], base = 2^(2^-scale).
            ("scale", "Int32"),
            ("zero_count", "UInt64"),
            ("zero_threshold", "Float64"),
            ("positive_offset", "Int32"),
            ("positive_counts", "Array(UInt64)"),
            ("negative_offset", "Int32"),
            ("negative_counts", "Array(UInt64)"),
            *_FLAGS,
            *_ARRIVAL,
        ]
    ),
    by_batch=True,
)
"""Points of exponential histograms."""

METRIC_SUMMARIES: Final = Table(
    name="metric_summaries",
    columns=columns(
        [
            *_POINT,
            ("count", "UInt64"),
            ("sum", "Float64"),
            # Quantiles, 0 to 1, and the value of each.
            ("quantiles", "Array(Float64)"),
            ("quantile_values", "Array(Float64)"),
            *_FLAGS,
            *_ARRIVAL,
        ]
    ),
    by_batch=True,
)
"""Points of summaries."""

METRIC_EXEMPLARS: Final = Table(
    name="metric_exemplars",
    columns=columns(
        [
            # Metric, series and both times are those of the point.
            *_POINT,
            # Place of the exemplar within its point, from 0.
            ("position", "UInt32"),
            # When it was measured; the 64 bits of the wire's fixed64, as the start.
            ("exemplar_timestamp", _TIME),
            *_NUMBER,
            # Lower-case hex; an absent id is the type's default (`= ''` holds).
            ("trace_id", "FixedString(32)"),
            ("span_id", "FixedString(16)"),
            # Attributes that the series left out, as typed JSON text, '' when there are none.
            ("attributes", _TEXT),
            *_FLAGS,
            *_ARRIVAL,
        ]
    ),
    by_batch=True,
)
"""Single measurements kept with the points that count them."""

METRIC_TABLES: Final = (
    METRIC_SERIES,
    METRIC_SAMPLES,
    METRIC_HISTOGRAMS,
    METRIC_EXPONENTIAL_HISTOGRAMS,
    METRIC_SUMMARIES,
    METRIC_EXEMPLARS,
)
"""In the order of their INSERTs: what can be found by its points is known by then."""

POINT_TABLES: Final = (
    METRIC_SAMPLES,
    METRIC_HISTOGRAMS,
    METRIC_EXPONENTIAL_HISTOGRAMS,
    METRIC_SUMMARIES,
)
"""Those whose rows are points, one each: what the account counts."""
