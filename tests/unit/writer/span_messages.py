"""Messages of the spans topic, as a consumer hands them out."""

from collections.abc import Sequence

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from rak_libs.kafka.consumer import Record

NOW_MS = 1_800_000_000_000


def value_of(names: Sequence[str], start_ms: int = NOW_MS) -> bytes:
    """A request of one span a name."""
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for number, name in enumerate(names, 1):
        spans.add(
            trace_id=b"t" * 16,
            span_id=number.to_bytes(8, "big"),
            name=name,
            start_time_unix_nano=start_ms * 1_000_000,
        )
    return request.SerializeToString()


def record(offset: int, value: bytes, timestamp_ms: int = NOW_MS) -> Record:
    return Record("otlp_spans", 3, offset, timestamp_ms, value, ())
