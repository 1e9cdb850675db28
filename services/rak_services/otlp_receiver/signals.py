"""What differs between the OTLP signals; everything else in the receiver is written once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from rak_libs.kafka.topics import OTLP_LOGS, OTLP_METRICS, OTLP_SPANS, SIGNALS
from rak_libs.otlp.item_kind import ItemKind
from rak_libs.otlp.logs import LOG_RECORDS
from rak_libs.otlp.metrics import DATA_POINTS
from rak_libs.otlp.traces import TRACE_SPANS
from rak_libs.runtime.settings import StorageSettings


@dataclass(frozen=True, slots=True)
class Signal:
    """One OTLP signal.

    Attributes:
        name: What it is called in the account and in labels of metrics.
        http_path: Where it is posted.
        grpc_service: The full name of the service whose `Export` takes it.
        topic: Where it is published.
        kind: The checks of its items, and the message of a request.
        retention_days: How long its table keeps items.
        response: Builds the answer from the number of rejected items and what the client is told
            about these and others; sets `partial_success` only when there is either.
    """

    name: str
    http_path: str
    grpc_service: str
    topic: str
    kind: ItemKind
    retention_days: int
    response: Callable[[int, str], Message]


EXPORT_METHOD: Final = "Export"


def signals(storage: StorageSettings) -> list[Signal]:
    """Return every signal, for tables that keep items as `storage` says."""
    return [
        traces(storage.spans_retention_days),
        metrics(storage.metrics_retention_days),
        logs(storage.logs_retention_days),
    ]


def traces(retention_days: int) -> Signal:
    """Return the traces signal for a spans table that keeps `retention_days`."""
    return Signal(
        name=SIGNALS[OTLP_SPANS],
        http_path="/v1/traces",
        grpc_service="opentelemetry.proto.collector.trace.v1.TraceService",
        topic=OTLP_SPANS,
        kind=TRACE_SPANS,
        retention_days=retention_days,
        response=_trace_response,
    )


def metrics(retention_days: int) -> Signal:
    """Return the metrics signal for tables of points that keep `retention_days`."""
    return Signal(
        name=SIGNALS[OTLP_METRICS],
        http_path="/v1/metrics",
        grpc_service="opentelemetry.proto.collector.metrics.v1.MetricsService",
        topic=OTLP_METRICS,
        kind=DATA_POINTS,
        retention_days=retention_days,
        response=_metrics_response,
    )


def logs(retention_days: int) -> Signal:
    """Return the logs signal for a logs table that keeps `retention_days`."""
    return Signal(
        name=SIGNALS[OTLP_LOGS],
        http_path="/v1/logs",
        grpc_service="opentelemetry.proto.collector.logs.v1.LogsService",
        topic=OTLP_LOGS,
        kind=LOG_RECORDS,
        retention_days=retention_days,
        response=_logs_response,
    )


def _trace_response(rejected: int, message: str) -> ExportTraceServiceResponse:
    response = ExportTraceServiceResponse()
    if rejected or message:
        response.partial_success.rejected_spans = rejected
        response.partial_success.error_message = message
    return response


def _metrics_response(rejected: int, message: str) -> ExportMetricsServiceResponse:
    response = ExportMetricsServiceResponse()
    if rejected or message:
        response.partial_success.rejected_data_points = rejected
        response.partial_success.error_message = message
    return response


def _logs_response(rejected: int, message: str) -> ExportLogsServiceResponse:
    response = ExportLogsServiceResponse()
    if rejected or message:
        response.partial_success.rejected_log_records = rejected
        response.partial_success.error_message = message
    return response
