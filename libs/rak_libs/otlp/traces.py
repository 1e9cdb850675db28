"""The checks that every span must pass before it is published and before it is stored.

The rules follow opentelemetry-proto `trace/v1/trace.proto` (ids) and the time window of
`rak_libs.model.time_window`. A receiver acknowledges what passes here, so nothing downstream may
be unable to store it.
"""

from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from rak_libs.model.time_window import TimeWindow, reject_reason
from rak_libs.otlp.item_kind import Divided, ItemKind
from rak_libs.otlp.verdict import Verdict
from rak_libs.otlp.wire import ITEMS_OF_SCOPES

TRACE_ID_BYTES: Final = 16
SPAN_ID_BYTES: Final = 8
LINK_TRACE_ID_LENGTHS: Final = frozenset({0, TRACE_ID_BYTES})
LINK_SPAN_ID_LENGTHS: Final = frozenset({0, SPAN_ID_BYTES})
_ZERO_TRACE_ID: Final = bytes(TRACE_ID_BYTES)
_ZERO_SPAN_ID: Final = bytes(SPAN_ID_BYTES)


def _check_spans(spans: Any, window: TimeWindow, verdict: Verdict) -> None:
    oldest, newest = window.oldest_ns, window.newest_ns
    kept: list[Span] | None = None
    count = 0
    for span in spans:
        trace_id = span.trace_id
        span_id = span.span_id
        parent_id = span.parent_span_id
        start = span.start_time_unix_nano
        # The expression lets nearly every span pass at once; `_reject_reason` is the rule itself.
        if (
            len(trace_id) != 16
            or trace_id == _ZERO_TRACE_ID
            or len(span_id) != 8
            or span_id == _ZERO_SPAN_ID
            or (parent_id and len(parent_id) != 8)
            or not oldest <= start <= newest
            or span.links
        ) and (reason := _reject_reason(span, window)):
            if kept is None:
                kept = list(spans[:count])
            verdict.reject(reason)
            continue
        if span.end_time_unix_nano < start:
            verdict.warn("end_before_start")
        count += 1
        if kept is not None:
            kept.append(span)
    verdict.accepted += count
    if kept is not None:
        # One copy of what is kept: deleting spans one by one takes quadratic time.
        del spans[:]
        spans.extend(kept)


def _reject_reason(span: Span, window: TimeWindow) -> str | None:
    if len(span.trace_id) != TRACE_ID_BYTES or span.trace_id == _ZERO_TRACE_ID:
        return "trace_id"
    if len(span.span_id) != SPAN_ID_BYTES or span.span_id == _ZERO_SPAN_ID:
        return "span_id"
    if span.parent_span_id and len(span.parent_span_id) != SPAN_ID_BYTES:
        return "parent_span_id"
    for link in span.links:
        if (
            len(link.trace_id) not in LINK_TRACE_ID_LENGTHS
            or len(link.span_id) not in LINK_SPAN_ID_LENGTHS
        ):
            return "link_id"
    return reject_reason(span.start_time_unix_nano, window)


def _divide(span: Span, window: TimeWindow) -> Divided:
    reason = _reject_reason(span, window)
    return Divided(stays=True, refused={}) if reason is None else Divided(False, {reason: span})


TRACE_SPANS: Final = ItemKind(
    items="spans",
    request_type=ExportTraceServiceRequest,
    path=("resource_spans", "scope_spans", "spans"),
    outline=ITEMS_OF_SCOPES,
    check=_check_spans,
    divide=_divide,
    count=lambda _span: 1,
)
"""Spans.

A span is judged by its ids (trace id of 16 and span id of 8 bytes, not all zero; a parent id empty
or of 8; links' ids empty or of 16 and 8) and by its start time. It is counted under the first
reason that applies: `trace_id`, `span_id`, `parent_span_id`, `link_id`, `time_zero`,
`time_overflow`, `time_future`, `time_expired`. A link may lead nowhere: SDKs record one to an
invalid context for its attributes, and a Collector writes ids that are all zero as nothing.

Warnings: `end_before_start` (stored with duration 0).
"""
