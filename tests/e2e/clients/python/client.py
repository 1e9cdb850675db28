"""Sends numbered spans through the OpenTelemetry SDK of Python; see ../README.md."""

import argparse
import json
import logging
import os
import sys
import time

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    Link,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)

EXPIRED_AGE_NS = 400 * 24 * 60 * 60 * 10**9
EXPORTERS = {"grpc": GrpcExporter, "http/protobuf": HttpExporter}


class Heard(logging.Handler):
    """Collects what the SDK says in its own log, at warning level and above."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--spans", type=int, default=1)
    parser.add_argument("--expired", type=int, default=0)
    options = parser.parse_args()

    heard = Heard()
    logging.getLogger("opentelemetry").addHandler(heard)
    provider = TracerProvider(resource=Resource.create())
    exporter = EXPORTERS[os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"]]()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace_id = emit(provider.get_tracer("client", "1.0"), options.spans, options.expired)
    flushed = provider.force_flush()
    provider.shutdown()
    line = {"trace_id": trace_id, "spans": options.spans, "flushed": flushed}
    print(json.dumps({**line, "reports": heard.texts}))
    return 0 if flushed else 3


def emit(tracer: Tracer, spans: int, expired: int) -> str:
    """Make one trace: a root and its children, all alike but for their number."""
    linked = SpanContext(0xAB, 0xCD, is_remote=True, trace_flags=TraceFlags(1))
    now = time.time_ns()
    parent = None
    trace_id = 0
    for number in range(spans):
        start = now - EXPIRED_AGE_NS if number < expired else now
        span = tracer.start_span(
            "numbered",
            context=parent,
            kind=SpanKind.CLIENT,
            start_time=start,
            links=[Link(linked, {"why": "retried"})],
            attributes={
                "number": number,
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
        span.add_event("happened", {"count": 7}, timestamp=start)
        span.set_status(Status(StatusCode.ERROR, "told so"))
        span.end(start + 1_000_000)
        if parent is None:
            parent = set_span_in_context(span)
            trace_id = span.get_span_context().trace_id
    return f"{trace_id:032x}"


if __name__ == "__main__":
    sys.exit(main())
