"""From the bytes of one queue message to columns of the logs table.

As `rak_libs.otlp.decode_spans` does it: a pure function of the message's bytes, the broker's
timestamp of it and the time window, with nothing kept per record but the values themselves.
"""

from collections.abc import Sequence
from itertools import repeat
from typing import Any, Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs, ScopeLogs

from rak_libs.model.batch import ColumnBatch
from rak_libs.model.logs import LOGS
from rak_libs.model.rejected_items import RejectedItems
from rak_libs.model.time_window import TimeWindow
from rak_libs.otlp.append_attributes import append_attributes
from rak_libs.otlp.bare_request import BareLogsRequest
from rak_libs.otlp.errors import PermanentOtlpError, UndecodableMessage
from rak_libs.otlp.logs import LOG_RECORDS, SPAN_ID_LENGTHS, TRACE_ID_LENGTHS
from rak_libs.otlp.promote import PromotedColumns
from rak_libs.otlp.read_attributes import (
    FROM_OBJECTS,
    REMEMBERING,
    AttributeReading,
    WayOfReading,
    read_anew,
)
from rak_libs.otlp.resource_and_scope import resource_facts, scope_facts
from rak_libs.otlp.separate import separate
from rak_libs.otlp.typed_json import value_to_plain_text, value_to_text

_TWO_63: Final = 2**63
_TWO_64: Final = 2**64
_ZERO_TRACE_ID: Final = bytes(max(TRACE_ID_LENGTHS))
_ZERO_SPAN_ID: Final = bytes(max(SPAN_ID_LENGTHS))

_PROMOTED: Final = PromotedColumns(LOGS.column_names)


class MessageWithoutLogRecords(PermanentOtlpError):
    """A queue message whose bytes can be read as an `ExportLogsServiceRequest` without a record.

    Nobody publishes such a request, and bytes of another encoding can look like one.
    """


def decode_logs(
    value: bytes, ingested_at_ms: int, window: TimeWindow, batch: ColumnBatch
) -> list[RejectedItems]:
    """Append the log records of one message to `batch`.

    Args:
        value: A serialized `ExportLogsServiceRequest`.
        ingested_at_ms: The broker's timestamp of the message, milliseconds since 1970.
        window: The times that the table takes.
        batch: Rows of the logs table; left as it was when the message cannot be decoded.

    Returns:
        The records that fail the checks of `LOG_RECORDS`, by reason; usually none.

    Raises:
        UndecodableMessage: The bytes are not a request.
        MessageWithoutLogRecords: There are bytes, but no record in them.
    """
    try:
        groups = _parse(value)
        if value and not groups:
            raise MessageWithoutLogRecords("no log record in an ExportLogsServiceRequest")
        rejected: list[RejectedItems] = []
        if not all(records.pass_checks(window) for _, _, records in groups):
            value, rejected = separate(value, window, LOG_RECORDS)
            groups = _parse(value)
    except DecodeError as error:
        raise UndecodableMessage("not a protobuf ExportLogsServiceRequest") from error
    before = batch.rows
    for resource_logs, scope_logs, records in groups:
        _append_group(batch, resource_logs, scope_logs, records)
    rows = batch.rows - before
    columns: dict[str, Any] = batch.columns
    columns["position"].extend(range(rows))
    columns["ingested_at"].extend(repeat(ingested_at_ms, rows))
    return rejected


_reading: Final = AttributeReading()
_REQUESTS: Final[dict[WayOfReading, Any]] = {
    REMEMBERING: BareLogsRequest,
    FROM_OBJECTS: ExportLogsServiceRequest,
}


def _parse(value: bytes) -> "list[tuple[ResourceLogs, ScopeLogs, _RecordGroup]]":
    """Return every scope that has records, with its resource."""
    way, before = _reading.way(), read_anew()
    groups = [
        (resource_logs, scope_logs, _RecordGroup(scope_logs.log_records[:], way))
        for resource_logs in _REQUESTS[way].FromString(value).resource_logs
        for scope_logs in resource_logs.scope_logs
        if scope_logs.log_records
    ]
    attributes = sum(sum(map(len, group.attributes)) for _, _, group in groups)
    _reading.note(way, attributes, read_anew() - before)
    return groups


class _RecordGroup:
    """The records of one scope, with the fields that are both checked and stored, as columns."""

    __slots__ = ("attributes", "observed", "records", "times")

    def __init__(self, records: list[Any], way: WayOfReading) -> None:
        """Read what may turn out to be undecodable, before anything is appended (DecodeError)."""
        self.records = records
        self.times = [record.time_unix_nano for record in records]
        self.observed = [record.observed_time_unix_nano for record in records]
        self.attributes = [way.read_set(record.attributes[:]) for record in records]

    def timestamps(self) -> list[int]:
        """Return `record_time_ns` of every record."""
        if all(self.times):
            return self.times
        return [time or seen for time, seen in zip(self.times, self.observed, strict=True)]

    def pass_checks(self, window: TimeWindow) -> bool:
        """Tell whether every record passes the checks of `LOG_RECORDS`, judged by whole columns."""
        timestamps = self.timestamps()
        return window.oldest_ns <= min(timestamps) and max(timestamps) <= window.newest_ns


def _append_group(
    batch: ColumnBatch, resource_logs: ResourceLogs, scope_logs: ScopeLogs, group: _RecordGroup
) -> None:
    """Append the records of one scope, all columns but those of the message."""
    columns: dict[str, Any] = batch.columns
    rows = len(group.records)
    _append_times(columns, group)
    _append_facts(columns, group.records)
    _append_bodies(columns, [record.body for record in group.records])
    facts = _PROMOTED.defaults(rows)
    append_attributes(columns, group.attributes, facts)
    for name, values in _PROMOTED.settled(facts).items():
        columns[name] += values
    for name, fact in (scope_facts(scope_logs) | resource_facts(resource_logs)).items():
        columns[name].extend(repeat(fact, rows))
    batch.rows += rows


def _append_times(columns: dict[str, Any], group: _RecordGroup) -> None:
    columns["timestamp"] += group.timestamps()
    columns["time_is_observed"] += [not time for time in group.times]
    columns["observed_timestamp"] += [
        seen if seen < _TWO_63 else seen - _TWO_64 for seen in group.observed
    ]


def _append_facts(columns: dict[str, Any], records: Sequence[Any]) -> None:
    trace_ids = [record.trace_id for record in records]
    columns["trace_id"] += _hex(trace_ids, TRACE_ID_LENGTHS, _ZERO_TRACE_ID)
    span_ids = [record.span_id for record in records]
    columns["span_id"] += _hex(span_ids, SPAN_ID_LENGTHS, _ZERO_SPAN_ID)
    columns["flags"] += [record.flags for record in records]
    columns["severity_number"] += [record.severity_number for record in records]
    columns["severity_text"] += [record.severity_text for record in records]
    columns["event_name"] += [record.event_name for record in records]
    columns["dropped_attributes_count"] += [record.dropped_attributes_count for record in records]


def _hex(ids: list[bytes], lengths: frozenset[int], zero: bytes) -> list[str]:
    """Return ids as text; one of zeros, or of another length than OTLP's, is none."""
    if lengths.issuperset(map(len, ids)) and zero not in ids:
        return [id_.hex() for id_ in ids]
    return [id_.hex() if len(id_) in lengths and id_ != zero else "" for id_ in ids]


def _append_bodies(columns: dict[str, Any], bodies: Sequence[AnyValue]) -> None:
    texts, json = columns["body"], columns["body_json"]
    for body in bodies:
        # Truth first: WhichOneof costs twice what a field does.
        if (text := body.string_value) or body.WhichOneof("value") == "string_value":
            texts.append(text)
            json.append("")
        else:
            texts.append(value_to_plain_text(body))
            json.append(value_to_text(body))
