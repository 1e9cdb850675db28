"""Any logs request that a client may send, and what must survive of it.

`log_requests` draws requests that no receiver refuses anything of, `hostile_log_requests` also
those with bad times. `canonical_logs` says what requests must agree on to be the same to whoever
asks for them: it knows nothing of how they are stored.
"""

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs

from value_generation import (
    attribute_lists,
    canonical_attributes,
    canonical_resource,
    canonical_scope,
    canonical_value,
    resources,
    scopes,
    span_ids,
    texts,
    trace_ids,
    uint32s,
    uint64s,
    values,
)

DAY_NS = 24 * 3600 * 10**9


def _records(
    times: st.SearchStrategy[tuple[int, int]],
) -> st.SearchStrategy[LogRecord]:
    def build(times: tuple[int, int], **fields: Any) -> LogRecord:
        time, observed = times
        return LogRecord(time_unix_nano=time, observed_time_unix_nano=observed, **fields)

    return st.builds(
        build,
        times,
        severity_number=st.sampled_from([0, 1, 9, 17, 24, 99, -1]),
        severity_text=st.one_of(texts, st.just("INFO")),
        body=st.one_of(st.none(), values),
        attributes=attribute_lists,
        dropped_attributes_count=uint32s,
        flags=uint32s,
        # No id is too odd: it costs no record.
        trace_id=st.one_of(trace_ids, st.sampled_from([b"", bytes(16), b"short"])),
        span_id=st.one_of(span_ids, st.sampled_from([b"", bytes(8), b"a good deal too long"])),
        event_name=texts,
    )


def _requests(
    records: st.SearchStrategy[LogRecord], least: int = 0
) -> st.SearchStrategy[ExportLogsServiceRequest]:
    scope_logs = st.builds(
        ScopeLogs,
        scope=st.one_of(st.none(), scopes),
        log_records=st.lists(records, min_size=least, max_size=3),
        schema_url=texts,
    )
    resource_logs = st.builds(
        ResourceLogs,
        resource=st.one_of(st.none(), resources),
        scope_logs=st.lists(scope_logs, min_size=least, max_size=2),
        schema_url=texts,
    )
    groups = st.lists(resource_logs, min_size=least, max_size=2)
    return st.builds(ExportLogsServiceRequest, resource_logs=groups)


def log_requests(now_ns: int, least: int = 0) -> st.SearchStrategy[ExportLogsServiceRequest]:
    """Draw requests of records that no receiver refuses, of the day to `now_ns`.

    Some have no time of their own, but one at which they were observed. One without records is
    empty: as a message of a queue, anything else would be refused. Every list of groups
    and records has `least` elements at least.
    """
    today = st.integers(now_ns - DAY_NS, now_ns)
    times = st.one_of(st.tuples(today, uint64s), st.tuples(st.just(0), today))
    return _requests(_records(times), least).map(_empty_without_records)


def hostile_log_requests(
    times: st.SearchStrategy[int] = uint64s,
) -> st.SearchStrategy[ExportLogsServiceRequest]:
    """Draw requests of records of any of `times`, observed at any of them."""
    return _requests(_records(st.tuples(times, times)))


def records_of(request: ExportLogsServiceRequest) -> list[LogRecord]:
    """Return every record, in order."""
    return [
        record
        for resource_logs in request.resource_logs
        for scope_logs in resource_logs.scope_logs
        for record in scope_logs.log_records
    ]


def _empty_without_records(request: ExportLogsServiceRequest) -> ExportLogsServiceRequest:
    return request if records_of(request) else ExportLogsServiceRequest()


def canonical_logs(requests: Iterable[ExportLogsServiceRequest]) -> list[tuple[Any, ...]]:
    """Return the records of requests, each with its resource and scope, in an order of their own.

    Left out, since nobody is promised them: grouping, the order of attributes, all but the last of
    duplicate keys, the bits of NaN, an id of a wrong length or all zero, whether an empty message
    was present, and unknown fields.
    """
    records = [
        (canonical_resource(resource_logs), canonical_scope(scope_logs), _canonical_record(record))
        for request in requests
        for resource_logs in request.resource_logs
        for scope_logs in resource_logs.scope_logs
        for record in scope_logs.log_records
    ]
    return sorted(records, key=repr)


def _canonical_record(record: LogRecord) -> tuple[Any, ...]:
    trace_id, span_id = record.trace_id, record.span_id
    return (
        (record.time_unix_nano, record.observed_time_unix_nano),
        (record.severity_number, record.severity_text, record.event_name),
        canonical_value(record.body),
        (canonical_attributes(record.attributes), record.dropped_attributes_count),
        record.flags,
        trace_id if len(trace_id) == 16 and any(trace_id) else b"",
        span_id if len(span_id) == 8 and any(span_id) else b"",
    )
