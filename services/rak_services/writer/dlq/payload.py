"""A payload as people read it, and what a writer would say to it now."""

from collections import Counter
from typing import Final

import msgspec
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import DecodeError
from google.protobuf.message import Message as ProtobufMessage
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from rak_libs.kafka.topics import OTLP_LOGS, OTLP_METRICS, OTLP_SPANS, PPROF_PROFILES
from rak_libs.model.message import Message
from rak_libs.model.time_window import time_window
from rak_libs.otlp.otlp_json import request_to_json
from rak_libs.pprof.profile_pb2 import Profile
from rak_services.writer.signals import UNDECODABLE_ERRORS, Signal

_MESSAGES: Final[dict[str, type[ProtobufMessage]]] = {
    OTLP_SPANS: ExportTraceServiceRequest,
    OTLP_METRICS: ExportMetricsServiceRequest,
    OTLP_LOGS: ExportLogsServiceRequest,
    PPROF_PROFILES: Profile,
}
_SHOWN_BYTES: Final = 256
_LINE_BYTES: Final = 16
_NS_PER_MS: Final = 1_000_000


def payload_text(topic: str, value: bytes) -> str:
    """Return a payload as JSON when it can be read, else its first bytes in hexadecimal.

    Args:
        topic: The topic whose messages it is one of.
        value: The payload.
    """
    try:
        return msgspec.json.format(_as_json(topic, value), indent=2).decode()
    except (DecodeError, msgspec.DecodeError, UnicodeDecodeError):
        return hex_dump(value)


def _as_json(topic: str, value: bytes) -> bytes:
    message = _MESSAGES.get(topic)
    if message is None:
        return value
    request = message.FromString(value)
    if value and not request.ListFields():
        raise DecodeError("nothing in it that the message type knows")
    if topic == PPROF_PROFILES:
        return MessageToJson(request).encode()
    return request_to_json(request)


def hex_dump(value: bytes) -> str:
    """Return the first 256 bytes, 16 a line: offset, hexadecimal, ASCII."""
    shown = value[:_SHOWN_BYTES]
    lines = []
    for start in range(0, len(shown), _LINE_BYTES):
        line = shown[start : start + _LINE_BYTES]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in line)
        lines.append(f"{start:08x}  {line.hex(' '):<47}  {text}")
    left = len(value) - len(shown)
    return "\n".join([*lines, f"… {left} bytes more"] if left else lines)


def verdict(signal: Signal, retention_days: int, value: bytes, now_ns: int) -> str:
    """Say what a writer would do with a payload that is sent at `now_ns`."""
    rows = signal.new_rows()
    window = time_window(retention_days, now_ns)
    try:
        rejected = signal.decode(Message(value, now_ns // _NS_PER_MS), window, rows)
    except UNDECODABLE_ERRORS as error:
        return f"refused whole: {type(error).__name__}: {error}"
    counts: Counter[str] = Counter()
    for items in rejected:
        counts[items.reason] += items.count
    refused = "".join(f", {count} refused as {reason}" for reason, count in counts.items())
    return f"{rows.count} rows stored{refused}"
