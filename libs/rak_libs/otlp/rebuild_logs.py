"""Stored log records back to the request that they came in: the inverse of `decode_logs`."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs

from rak_libs.otlp.attributes import add_stored_attributes
from rak_libs.otlp.resource_and_scope import (
    RESOURCE_COLUMNS,
    SCOPE_COLUMNS,
    fill_resource,
    fill_scope,
)
from rak_libs.otlp.typed_json import set_value, text_to_plain

Row = Mapping[str, Any]

_UINT64_MASK: Final = 2**64 - 1


def rebuild_logs(rows: Iterable[Row]) -> ExportLogsServiceRequest:
    """Return a request with every row's record, grouped by resource and scope.

    What is sent comes back but for grouping, the order of attributes, duplicate keys (the last
    won), the bits of NaN, ids of a wrong length or of zeros (absent), an empty body (absent) and
    unknown fields.

    Args:
        rows: Values by column name of the logs table. Times are whole nanoseconds (the observed
            one as stored, so negative beyond 2^63-1), ids hex text or '' (zero bytes at the end are
            ignored).

    Raises:
        ValueError: A text column is not typed JSON, or an id is not hex.
    """
    request = ExportLogsServiceRequest()
    resources: dict[tuple[Any, ...], ResourceLogs] = {}
    scopes: dict[tuple[Any, ...], ScopeLogs] = {}
    for row in rows:
        resource_key = tuple(row[name] for name in RESOURCE_COLUMNS)
        scope_key = (resource_key, *(row[name] for name in SCOPE_COLUMNS))
        if resource_key not in resources:
            resources[resource_key] = request.resource_logs.add()
            fill_resource(resources[resource_key], row)
        if scope_key not in scopes:
            scopes[scope_key] = resources[resource_key].scope_logs.add()
            fill_scope(scopes[scope_key], row)
        _fill_record(scopes[scope_key].log_records.add(), row)
    return request


def _fill_record(record: LogRecord, row: Row) -> None:
    record.time_unix_nano = 0 if row["time_is_observed"] else row["timestamp"]
    record.observed_time_unix_nano = row["observed_timestamp"] & _UINT64_MASK
    record.trace_id = bytes.fromhex(row["trace_id"].rstrip("\0"))
    record.span_id = bytes.fromhex(row["span_id"].rstrip("\0"))
    record.flags = row["flags"]
    record.severity_number = row["severity_number"]
    record.severity_text = row["severity_text"]
    record.event_name = row["event_name"]
    if not row["body_json"]:
        record.body.string_value = row["body"]
    elif row["body_json"] != "null":
        set_value(record.body, text_to_plain(row["body_json"]))
    add_stored_attributes(record.attributes, row)
    record.dropped_attributes_count = row["dropped_attributes_count"]
