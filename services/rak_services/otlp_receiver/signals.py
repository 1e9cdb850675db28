"""What differs between the OTLP signals; everything else in the receiver is written once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from rak_libs.kafka.topics import OTLP_SPANS
from rak_libs.model.time_window import TimeWindow
from rak_libs.otlp.traces import TraceVerdict, check_traces, parse_traces_protobuf


@dataclass(frozen=True, slots=True)
class Signal:
    """One OTLP signal.

    Attributes:
        items: What its requests carry, in the plural; part of metric names and messages.
        http_path: Where it is posted.
        grpc_service: The full name of the service whose `Export` takes it.
        topic: Where it is published.
        request_type: The message of a request.
        retention_days: How long its table keeps items.
        parse: Reads a binary request; raises UndecodableRequest.
        check: Removes what cannot be stored from a request and says what it did.
        response: Builds the answer from the number of rejected items and what the client is told
            about these and others; sets `partial_success` only when there is either.
    """

    items: str
    http_path: str
    grpc_service: str
    topic: str
    request_type: type[Message]
    retention_days: int
    parse: Callable[[bytes], Any]
    check: Callable[[Any, TimeWindow], TraceVerdict]
    response: Callable[[int, str], Message]


EXPORT_METHOD: Final = "Export"


def traces(retention_days: int) -> Signal:
    """Return the traces signal for a spans table that keeps `retention_days`."""
    return Signal(
        items="spans",
        http_path="/v1/traces",
        grpc_service="opentelemetry.proto.collector.trace.v1.TraceService",
        topic=OTLP_SPANS,
        request_type=ExportTraceServiceRequest,
        retention_days=retention_days,
        parse=parse_traces_protobuf,
        check=check_traces,
        response=_trace_response,
    )


def _trace_response(rejected: int, message: str) -> ExportTraceServiceResponse:
    response = ExportTraceServiceResponse()
    if rejected or message:
        response.partial_success.rejected_spans = rejected
        response.partial_success.error_message = message
    return response
