"""Small metrics requests that pass every check, and what becomes of them."""

from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
)

from rak_libs.model.batch import ColumnBatch, new_batch
from rak_libs.model.metrics import METRIC_TABLES
from rak_libs.model.time_window import time_window
from rak_libs.otlp.decode_metrics import decode_metrics
from span_rows import rows_of

NOW_NS = 1_800_000_000_000_000_000
WINDOW = time_window(90, NOW_NS)

Tables = dict[str, list[dict[str, Any]]]


def number(**fields: Any) -> NumberDataPoint:
    return NumberDataPoint(**{"time_unix_nano": NOW_NS, "as_int": 1, **fields})


def histogram(**fields: Any) -> HistogramDataPoint:
    return HistogramDataPoint(**{"time_unix_nano": NOW_NS, "count": 1, **fields})


def counter(*points: NumberDataPoint, name: str = "requests", **fields: Any) -> Metric:
    metric = Metric(name=name, **fields)
    metric.sum.aggregation_temporality = 2  # type: ignore[assignment] # the stubs want the enum
    metric.sum.is_monotonic = True
    metric.sum.data_points.extend(points)
    return metric


def attribute(key: str, value: str | float) -> KeyValue:
    if isinstance(value, str):
        return KeyValue(key=key, value=AnyValue(string_value=value))
    if isinstance(value, int):
        return KeyValue(key=key, value=AnyValue(int_value=value))
    return KeyValue(key=key, value=AnyValue(double_value=value))


def request_of(*metrics: Metric, resource: dict[str, str] | None = None) -> bytes:
    """Return a serialized request of one resource and scope."""
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    for key, value in (resource or {"service.name": "svc"}).items():
        group.resource.attributes.append(attribute(key, value))
    group.scope_metrics.add(metrics=metrics).scope.name = "meter"
    return request.SerializeToString()


def empty_batches() -> dict[str, ColumnBatch]:
    return {table.name: new_batch(table) for table in METRIC_TABLES}


def decoded(value: bytes) -> Tables:
    """Return the rows of each table, every series among them; nothing may be rejected."""
    batches = empty_batches()
    assert decode_metrics(value, 123, WINDOW, batches, lambda _fingerprint, _day: True) == []
    return {name: rows_of(batch) for name, batch in batches.items()}


def sample_of(value: bytes) -> dict[str, Any]:
    """Return the only row of `metric_samples`."""
    (row,) = decoded(value)["metric_samples"]
    return row


def series_of(value: bytes) -> dict[str, Any]:
    """Return the only row of `metric_series`."""
    (row,) = decoded(value)["metric_series"]
    return row
