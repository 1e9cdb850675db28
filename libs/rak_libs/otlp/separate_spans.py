"""The rare way of a message some of whose spans must not be stored."""

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from rak_libs.model.time_window import TimeWindow
from rak_libs.otlp.rejected_items import RejectedItems
from rak_libs.otlp.traces import check_traces

Requests = dict[str, ExportTraceServiceRequest]


def separate_spans(value: bytes, window: TimeWindow) -> tuple[bytes, list[RejectedItems]]:
    """Divide a message into the spans that pass `check_traces` and those that do not.

    Returns:
        A message with the spans that pass, and the others by reason, each with its resource and
        scope.

    Raises:
        google.protobuf.message.DecodeError: The value is no `ExportTraceServiceRequest`.
    """
    request = ExportTraceServiceRequest.FromString(value)
    rejected: Requests = {}
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            kept = _separate_scope(resource_spans, scope_spans, window, rejected)
            del scope_spans.spans[:]
            scope_spans.spans.extend(kept)
    items = [_rejected_items(reason, refused) for reason, refused in rejected.items()]
    return request.SerializeToString(), items


def _separate_scope(
    resource_spans: ResourceSpans, scope_spans: ScopeSpans, window: TimeWindow, rejected: Requests
) -> list[Span]:
    kept: list[Span] = []
    refused: dict[str, list[Span]] = {}
    for span in scope_spans.spans:
        # Alone in a request, so that the receivers' rule itself names the reason.
        probe = ExportTraceServiceRequest()
        probe.resource_spans.add().scope_spans.add().spans.append(span)
        reasons = check_traces(probe, window).rejected
        if not reasons:
            kept.append(span)
        for reason in reasons:
            refused.setdefault(reason, []).append(span)
    for reason, spans in refused.items():
        group = rejected.setdefault(reason, ExportTraceServiceRequest()).resource_spans.add()
        group.resource.CopyFrom(resource_spans.resource)
        group.schema_url = resource_spans.schema_url
        scope = group.scope_spans.add(schema_url=scope_spans.schema_url, spans=spans)
        scope.scope.CopyFrom(scope_spans.scope)
    return kept


def _rejected_items(reason: str, request: ExportTraceServiceRequest) -> RejectedItems:
    count = sum(
        len(scope_spans.spans)
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
    )
    return RejectedItems(reason, count, request.SerializeToString())
