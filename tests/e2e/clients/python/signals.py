"""Sends metrics of every instrument and log records through Python's SDK; see ../README.md."""

import json
import logging
import os
import sys
import time

from opentelemetry._logs import Logger, LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import (
    OTLPMetricExporter as GrpcMetrics,
)
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import (
    OTLPMetricExporter as HttpMetrics,
)
from opentelemetry.metrics import CallbackOptions, Counter, Meter, Observation
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

EXPORTERS = {"grpc": (GrpcMetrics, GrpcLogs), "http/protobuf": (HttpMetrics, HttpLogs)}


class Heard(logging.Handler):
    """Collects what the SDK says in its own log, at warning level and above."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def main() -> int:
    heard = Heard()
    logging.getLogger("opentelemetry").addHandler(heard)
    metric_exporter, log_exporter = EXPORTERS[os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"]]
    resource = Resource.create()
    meters = MeterProvider(
        [PeriodicExportingMetricReader(metric_exporter())],
        resource,
        views=[
            View(instrument_name="sizes", aggregation=ExponentialBucketHistogramAggregation()),
        ],
    )
    loggers = LoggerProvider(resource)
    loggers.add_log_record_processor(BatchLogRecordProcessor(log_exporter()))
    with TracerProvider().get_tracer("client").start_as_current_span("work") as span:
        requests = measure(meters.get_meter("client", "1.0"))
        write(loggers.get_logger("client", "1.0"))
        flushed = meters.force_flush() and loggers.force_flush()
        requests.add(5, {"route": "/a"})
        flushed = meters.force_flush() and flushed
        meters.shutdown()
        loggers.shutdown()
    context = span.get_span_context()
    line = {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}
    print(json.dumps({**line, "flushed": flushed, "reports": heard.texts}))
    return 0 if flushed else 3


def measure(meter: Meter) -> Counter:
    """Record something with every instrument."""
    requests = meter.create_counter("requests", "{request}", "How many.")
    requests.add(3, {"route": "/a"})
    requests.add(4, {"route": "/a"})
    requests.add(2**53 + 1, {"route": "/b"})
    cost = meter.create_counter("cost")
    cost.add(0.5)
    cost.add(0.25)
    queue = meter.create_up_down_counter("queue")
    queue.add(5)
    queue.add(-8)
    latency = meter.create_histogram(
        "latency", "s", explicit_bucket_boundaries_advisory=[0.1, 1, 5]
    )
    for seconds in (0.05, 0.2, 7.0):
        latency.record(seconds)
    sizes = meter.create_histogram("sizes", "By")
    for size in (0, 1, 2, 1000):
        sizes.record(size)
    meter.create_gauge("temperature").set(
        21.5,
        {
            "text": "plain",
            "text.unicode": "héllo 🌍",
            "flag": True,
            "int": 2**53 + 1,
            "double": 0.1,
            "double.whole": 3.0,
            "list.text": ["a", "", "ü"],
            "list.flag": [True, False],
            "list.int": [1, -2],
            "list.double": [0.5, -2.5],
        },
    )
    meter.create_observable_counter("cpu", [lambda _: [Observation(12.5)]])
    meter.create_observable_up_down_counter("memory", [lambda _: [Observation(-7)]])
    meter.create_observable_gauge("load", [observe_load])
    return requests


def observe_load(_options: CallbackOptions) -> list[Observation]:
    return [Observation(0.75)]


def write(logger: Logger) -> None:
    """Emit a record of text with attributes of every type, and one whose body is structured."""
    logger.emit(
        LogRecord(
            timestamp=time.time_ns(),
            severity_number=SeverityNumber.INFO,
            severity_text="INFO",
            body="héllo 🌍",
            event_name="happened",
            attributes={
                "text": "plain",
                "flag": True,
                "int": 2**53 + 1,
                "double": 0.1,
                "bytes": b"\0\xff",
                "list": ["a", 1],
                "map": {"key": "value"},
            },
        )
    )
    structured = {"answer": 42, "nested": {"list": ["a", False]}}
    logger.emit(LogRecord(severity_number=SeverityNumber.ERROR, body=structured))


if __name__ == "__main__":
    sys.exit(main())
