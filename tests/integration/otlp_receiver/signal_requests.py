"""Requests of metrics and logs, alike enough for one test of both."""

import time
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Metric,
)

from integration.otlp_receiver.agents import (
    METRICS,
    Signal,
)
from log_generation import records_of
from metric_generation import points_of

KINDS = ["gauge", "sum", "histogram", "exponential_histogram", "summary"]
BAD = "bad"
"""A metric or a record whose name or text starts with this gets no time."""


def metric(kind: str, name: str, *points: dict[str, Any]) -> Metric:
    """Build a metric of points of this moment that are good but for the fields given."""
    built = Metric(name=name)
    now = time.time_ns()
    for fields in points:
        getattr(built, kind).data_points.add(**({"time_unix_nano": now} | fields))
    return built


def metrics_request(*metrics: Metric) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    group.resource.attributes.add(key="service.name").value.string_value = "tested"
    group.scope_metrics.add().metrics.extend(metrics)
    return request


def request_of(signal: Signal, *names: str, padding: str = "") -> Any:
    """Build a request with a point, or a record, of each name."""
    if signal is METRICS:
        points = [{"time_unix_nano": 0} if name.startswith(BAD) else {} for name in names]
        pairs = zip(names, points, strict=True)
        metrics = [metric("gauge", name, point) for name, point in pairs]
        for each in metrics:
            each.description = padding
        return metrics_request(*metrics)
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    group.resource.attributes.add(key="service.name").value.string_value = "tested"
    records = group.scope_logs.add().log_records
    for name in names:
        time_ns = 0 if name.startswith(BAD) else time.time_ns()
        records.add(time_unix_nano=time_ns, severity_text=padding).body.string_value = name
    return request


def names_in(request: Any) -> list[str]:
    if isinstance(request, ExportMetricsServiceRequest):
        return [metric.name for metric, _ in points_of(request)]
    return [record.body.string_value for record in records_of(request)]


def rejected_in(response: Any) -> int:
    """Return the count from whichever field the signal's answer has for it."""
    (count,) = [
        getattr(response.partial_success, field.name)
        for field in response.partial_success.DESCRIPTOR.fields
        if field.name.startswith("rejected")
    ]
    return int(count)
