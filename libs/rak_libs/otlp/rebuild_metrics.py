"""Stored data points back to the request that they came in: the inverse of `decode_metrics`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Any, Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar

from rak_libs.model.metrics import (
    METRIC_EXEMPLARS,
    METRIC_EXPONENTIAL_HISTOGRAMS,
    METRIC_HISTOGRAMS,
    METRIC_SAMPLES,
    METRIC_SERIES,
    METRIC_SUMMARIES,
    MetricType,
    Temporality,
    ValueType,
)
from rak_libs.otlp.attributes import add_stored_attributes
from rak_libs.otlp.resource_and_scope import (
    RESOURCE_COLUMNS,
    SCOPE_COLUMNS,
    fill_resource,
    fill_scope,
)
from rak_libs.otlp.typed_json import set_attributes, text_to_plain

Row = Mapping[str, Any]

_UINT64_MASK: Final = 2**64 - 1
_METRIC_COLUMNS: Final = ("metric_name", "metric_type", "temporality", "unit")
_DATA: Final = {
    MetricType.COUNTER: "sum",
    MetricType.UP_DOWN_COUNTER: "sum",
    MetricType.GAUGE: "gauge",
    MetricType.HISTOGRAM: "histogram",
    MetricType.EXPONENTIAL_HISTOGRAM: "exponential_histogram",
    MetricType.SUMMARY: "summary",
}
_WITHOUT_TEMPORALITY: Final = ("gauge", "summary")


def rebuild_metrics(tables: Mapping[str, Iterable[Row]]) -> ExportMetricsServiceRequest:
    """Return a request with every row's data point, grouped by resource, scope and metric.

    What is sent comes back but for grouping, the order of attributes, duplicate keys (the last
    won), the bits of NaN, the number of a point that says it has none, ids of exemplars that are
    none, numbers of temporality that OTLP does not have (0), metrics without points and unknown
    fields. Description and metadata of a metric are those that were seen last.

    Args:
        tables: Rows by the name of their table, of each of `METRIC_TABLES`; values by column name.
            Times are whole nanoseconds as stored, so negative beyond 2^63-1; ids hex text or ''
            (zero bytes at the end are ignored); members of enums names or numbers. One point a
            fingerprint and timestamp; every point's series is among the rows.

    Raises:
        KeyError: A point's series is missing.
        ValueError: A text column is not typed JSON, or an id is not hex.
    """
    series = _newest(tables[METRIC_SERIES.name])
    exemplars: dict[tuple[int, int], list[Row]] = {}
    for row in tables[METRIC_EXEMPLARS.name]:
        exemplars.setdefault((row["fingerprint"], row["timestamp"]), []).append(row)
    request = ExportMetricsServiceRequest()
    groups = _Groups(request)
    for table, fill in _FILL.items():
        for row in tables[table]:
            fingerprint = row["fingerprint"]
            point = groups.add_point(series[fingerprint])
            add_stored_attributes(point.attributes, series[fingerprint])
            point.time_unix_nano = row["timestamp"]
            point.start_time_unix_nano = row["start_timestamp"] & _UINT64_MASK
            point.flags = row["flags"]
            fill(point, row)
            if kept := exemplars.get((fingerprint, row["timestamp"])):
                _add_exemplars(point, kept)
    return request


def _newest(rows: Iterable[Row]) -> dict[int, Row]:
    """Return the row that was seen last of each series, by fingerprint."""
    newest: dict[int, Row] = {}
    for row in rows:
        known = newest.get(row["fingerprint"])
        if known is None or row["seen_at"] >= known["seen_at"]:
            newest[row["fingerprint"]] = row
    return newest


class _Groups:
    """The resources, scopes and metrics of a request, each made when its first point comes."""

    def __init__(self, request: ExportMetricsServiceRequest) -> None:
        self._request = request
        self._resources: dict[tuple[Any, ...], Any] = {}
        self._scopes: dict[tuple[Any, ...], Any] = {}
        self._metrics: dict[tuple[Any, ...], Any] = {}

    def add_point(self, series: Row) -> Any:
        """Add an empty point to the metric of a series."""
        metric_key = tuple(
            series[column]
            for column in (
                *RESOURCE_COLUMNS,
                *SCOPE_COLUMNS,
                *_METRIC_COLUMNS,
                "description",
                "metadata",
            )
        )
        if metric_key not in self._metrics:
            self._metrics[metric_key] = self._add_metric(series)
        return self._metrics[metric_key].data_points.add()

    def _add_metric(self, series: Row) -> Any:
        resource_key = tuple(series[column] for column in RESOURCE_COLUMNS)
        scope_key = (*resource_key, *(series[column] for column in SCOPE_COLUMNS))
        if resource_key not in self._resources:
            self._resources[resource_key] = self._request.resource_metrics.add()
            fill_resource(self._resources[resource_key], series)
        if scope_key not in self._scopes:
            self._scopes[scope_key] = self._resources[resource_key].scope_metrics.add()
            fill_scope(self._scopes[scope_key], series)
        metric = self._scopes[scope_key].metrics.add(
            name=series["metric_name"], unit=series["unit"], description=series["description"]
        )
        set_attributes(metric.metadata, text_to_plain(series["metadata"]))
        return _data_of(metric, series)


def _data_of(metric: Any, series: Row) -> Any:
    """Return the empty member of `Metric.data` for points of a series."""
    type_ = _member(MetricType, series["metric_type"])
    kind = _DATA[type_]
    data = getattr(metric, kind)
    if kind not in _WITHOUT_TEMPORALITY:
        data.aggregation_temporality = _member(Temporality, series["temporality"])
    if kind == "sum":
        data.is_monotonic = type_ is MetricType.COUNTER
    return data


def _fill_number(holder: Any, row: Row) -> None:
    type_ = _member(ValueType, row["value_type"])
    if type_ is ValueType.DOUBLE:
        holder.as_double = row["value"]
    elif type_ is ValueType.INT:
        holder.as_int = int(row["value"]) + row["value_remainder"]


def _fill_totals(point: Any, row: Row) -> None:
    point.count = row["count"]
    for name in ("sum", "min", "max"):
        if row[name] is not None:
            setattr(point, name, row[name])


def _fill_histogram(point: Any, row: Row) -> None:
    _fill_totals(point, row)
    point.explicit_bounds.extend(row["explicit_bounds"])
    point.bucket_counts.extend(row["bucket_counts"])


def _fill_exponential_histogram(point: Any, row: Row) -> None:
    _fill_totals(point, row)
    point.scale = row["scale"]
    point.zero_count = row["zero_count"]
    point.zero_threshold = row["zero_threshold"]
    for side in ("positive", "negative"):
        buckets = getattr(point, side)
        buckets.offset = row[f"{side}_offset"]
        buckets.bucket_counts.extend(row[f"{side}_counts"])


def _fill_summary(point: Any, row: Row) -> None:
    point.count = row["count"]
    point.sum = row["sum"]
    for quantile, value in zip(row["quantiles"], row["quantile_values"], strict=True):
        point.quantile_values.add(quantile=quantile, value=value)


_FILL: Final[Mapping[str, Callable[[Any, Row], None]]] = {
    METRIC_SAMPLES.name: _fill_number,
    METRIC_HISTOGRAMS.name: _fill_histogram,
    METRIC_EXPONENTIAL_HISTOGRAMS.name: _fill_exponential_histogram,
    METRIC_SUMMARIES.name: _fill_summary,
}


def _add_exemplars(point: Any, rows: Sequence[Row]) -> None:
    # Sent twice, an exemplar is stored twice, as its point is.
    for row in {row["position"]: row for row in sorted(rows, key=_position)}.values():
        exemplar: Exemplar = point.exemplars.add(
            time_unix_nano=row["exemplar_timestamp"] & _UINT64_MASK,
            trace_id=_id(row["trace_id"]),
            span_id=_id(row["span_id"]),
        )
        _fill_number(exemplar, row)
        set_attributes(exemplar.filtered_attributes, text_to_plain(row["attributes"]))


def _position(row: Row) -> int:
    position: int = row["position"]
    return position


def _id(text: str) -> bytes:
    return bytes.fromhex(text.rstrip("\0"))


def _member(names: type[IntEnum], code: str | int) -> Any:
    return names[code] if isinstance(code, str) else names(code)
