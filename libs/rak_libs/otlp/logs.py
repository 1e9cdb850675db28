"""The checks that every log record must pass before it is published and before it is stored.

The rules follow opentelemetry-proto `logs/v1/logs.proto` and the time window of
`rak_libs.model.time_window`.
"""

from typing import Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from rak_libs.model.time_window import TimeWindow, reject_reason
from rak_libs.otlp.item_kind import Divided, ItemKind
from rak_libs.otlp.verdict import Verdict
from rak_libs.otlp.wire import ITEMS_OF_SCOPES

TRACE_ID_LENGTHS: Final = frozenset({0, 16})
SPAN_ID_LENGTHS: Final = frozenset({0, 8})
"""Lengths of ids that are stored; one of another length is stored as absent."""


def record_time_ns(record: LogRecord) -> int:
    """Return when a record happened: its time or, where that is 0, when it was observed."""
    return record.time_unix_nano or record.observed_time_unix_nano


def _reject_reason(record: LogRecord, window: TimeWindow) -> str | None:
    return reject_reason(record_time_ns(record), window)


def _check_records(records: Any, window: TimeWindow, verdict: Verdict) -> None:
    oldest, newest = window.oldest_ns, window.newest_ns
    kept: list[LogRecord] | None = None
    count = 0
    for record in records:
        time = record.time_unix_nano or record.observed_time_unix_nano
        if not oldest <= time <= newest and (reason := reject_reason(time, window)):
            if kept is None:
                kept = list(records[:count])
            verdict.reject(reason)
            continue
        if len(record.trace_id) not in TRACE_ID_LENGTHS:
            verdict.warn("trace_id_length")
        if len(record.span_id) not in SPAN_ID_LENGTHS:
            verdict.warn("span_id_length")
        count += 1
        if kept is not None:
            kept.append(record)
    verdict.accepted += count
    if kept is not None:
        # One copy of what is kept: deleting records one by one takes quadratic time.
        del records[:]
        records.extend(kept)


def _divide(record: LogRecord, window: TimeWindow) -> Divided:
    reason = _reject_reason(record, window)
    return Divided(stays=True, refused={}) if reason is None else Divided(False, {reason: record})


LOG_RECORDS: Final = ItemKind(
    items="log records",
    request_type=ExportLogsServiceRequest,
    path=("resource_logs", "scope_logs", "log_records"),
    outline=ITEMS_OF_SCOPES,
    check=_check_records,
    divide=_divide,
    count=lambda _record: 1,
)
"""Log records.

A record is judged by its time alone (`record_time_ns`): `time_zero`, `time_overflow`,
`time_future`, `time_expired`. Warnings: `trace_id_length`, `span_id_length` (an id that is neither
empty nor of 16 and 8 bytes is stored as absent).
"""
