"""Log records: what is rejected, what is kept, what is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from log_generation import canonical_logs, hostile_log_requests, log_requests, records_of
from rak_libs.model.time_window import DAY_NS, reject_reason, time_window
from rak_libs.otlp.item_kind import check_request
from rak_libs.otlp.logs import LOG_RECORDS, record_time_ns
from rak_libs.otlp.separate import separate

NOW = 1_800_000_000 * 1_000_000_000
WINDOW = time_window(30, NOW)


def record(text: str = "", **fields: object) -> LogRecord:
    made = LogRecord(**({"time_unix_nano": NOW} | fields))
    made.body.string_value = text
    return made


def request_of(*records: LogRecord) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add(schema_url="r")
    group.resource.attributes.add(key="service.name").value.string_value = "tested"
    scope = group.scope_logs.add(schema_url="s", log_records=records)
    scope.scope.name = "scope"
    return request


BAD_RECORDS = [
    ({"time_unix_nano": 0}, "time_zero"),
    ({"time_unix_nano": 2**63}, "time_overflow"),
    ({"time_unix_nano": NOW + DAY_NS}, "time_future"),
    ({"time_unix_nano": NOW - 100 * DAY_NS}, "time_expired"),
    ({"time_unix_nano": 0, "observed_time_unix_nano": NOW - 100 * DAY_NS}, "time_expired"),
    # A time that is set counts, wherever the observed one is.
    ({"time_unix_nano": NOW + DAY_NS, "observed_time_unix_nano": NOW}, "time_future"),
]


@pytest.mark.parametrize(("fields", "reason"), BAD_RECORDS)
def test_a_bad_record_is_removed_and_counted_and_its_neighbours_stay(
    fields: dict[str, object], reason: str
) -> None:
    first, bad, last = record("first"), record(**fields), record("last")
    request = request_of(first, bad, last)
    value = request.SerializeToString()
    verdict = check_request(request, WINDOW, LOG_RECORDS)
    assert (verdict.accepted, verdict.rejected, verdict.changed) == (2, {reason: 1}, True)
    assert request == request_of(first, last)
    kept, (items,) = separate(value, WINDOW, LOG_RECORDS)
    assert ExportLogsServiceRequest.FromString(kept) == request
    assert (items.reason, items.count) == (reason, 1)
    assert ExportLogsServiceRequest.FromString(items.value) == request_of(bad)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"time_unix_nano": WINDOW.oldest_ns},
        {"time_unix_nano": 0, "observed_time_unix_nano": WINDOW.newest_ns},
        {"observed_time_unix_nano": 2**64 - 1, "severity_number": 99, "flags": 2**32 - 1},
        {"trace_id": bytes(16), "span_id": bytes(8)},
        {"trace_id": b"t" * 16},
    ],
)
def test_a_good_record_leaves_the_request_unchanged(fields: dict[str, object]) -> None:
    request = request_of(record(**fields))
    before = request.SerializeToString()
    verdict = check_request(request, WINDOW, LOG_RECORDS)
    assert (verdict.accepted, verdict.rejected, verdict.warnings) == (1, {}, {})
    assert not verdict.changed
    assert request.SerializeToString() == before
    assert separate(before, WINDOW, LOG_RECORDS) == (before, [])


def test_an_id_of_a_wrong_length_costs_no_record() -> None:
    request = request_of(
        record(trace_id=b"short", span_id=b"s" * 8),
        record(trace_id=b"t" * 16, span_id=b"t" * 16),
        record(trace_id=b"1", span_id=b"1"),
    )
    verdict = check_request(request, WINDOW, LOG_RECORDS)
    assert (verdict.accepted, verdict.rejected, verdict.changed) == (3, {}, False)
    assert verdict.warnings == {"trace_id_length": 2, "span_id_length": 2}


def test_a_record_without_a_time_happened_when_it_was_observed() -> None:
    assert record_time_ns(LogRecord(time_unix_nano=1, observed_time_unix_nano=2)) == 1
    assert record_time_ns(LogRecord(observed_time_unix_nano=2)) == 2


TIMES = st.sampled_from([0, NOW - 100 * DAY_NS, NOW - DAY_NS, NOW, NOW + DAY_NS, 2**63])


@given(hostile_log_requests(TIMES))
def test_exactly_the_good_records_remain_in_their_order(request_: ExportLogsServiceRequest) -> None:
    value = request_.SerializeToString()
    before = records_of(request_)
    good = [
        record
        for record in before
        if reject_reason(record.time_unix_nano or record.observed_time_unix_nano, WINDOW) is None
    ]
    # As text, since NaN is not equal to itself.
    expected = list(map(str, good))
    checked = ExportLogsServiceRequest.FromString(value)
    verdict = check_request(checked, WINDOW, LOG_RECORDS)
    assert list(map(str, records_of(checked))) == expected
    assert verdict.accepted == len(good)
    kept, refused = separate(value, WINDOW, LOG_RECORDS)
    assert list(map(str, records_of(ExportLogsServiceRequest.FromString(kept)))) == expected
    assert {items.reason: items.count for items in refused} == verdict.rejected
    assert sum(verdict.rejected.values()) == len(before) - len(good)


@given(log_requests(NOW))
def test_generated_requests_are_acceptable(request_: ExportLogsServiceRequest) -> None:
    records = records_of(request_)
    verdict = check_request(request_, WINDOW, LOG_RECORDS)
    assert (verdict.accepted, verdict.rejected) == (len(records), {})
    assert canonical_logs([request_]) == canonical_logs([request_])
