"""Log records as columns: times, ids, bodies, promotion, rejection."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from log_generation import canonical_logs, log_requests
from rak_libs.model.batch import new_batch
from rak_libs.model.logs import LOGS
from rak_libs.model.promotion import PROMOTIONS, Promotion
from rak_libs.model.time_window import DAY_NS, TimeWindow, time_window
from rak_libs.otlp import decode_logs as decoder
from rak_libs.otlp.decode_logs import MessageWithoutLogRecords, decode_logs
from rak_libs.otlp.errors import UndecodableMessage
from rak_libs.otlp.read_attributes import (
    FROM_OBJECTS,
    REMEMBERING,
    AttributeReading,
    WayOfReading,
)
from span_rows import rows_of

NOW_NS = 1_800_000_000_000_000_000
WINDOW = time_window(30, NOW_NS)


def record(**fields: Any) -> LogRecord:
    """A record that passes every check, with `fields` on top."""
    return LogRecord(**{"time_unix_nano": NOW_NS, **fields})


def request_of(*records: LogRecord, service: str = "svc") -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    if service:
        group.resource.attributes.add(key="service.name").value.string_value = service
    group.scope_logs.add(log_records=records)
    return request


def decoded(*records: LogRecord, service: str = "svc") -> list[dict[str, Any]]:
    batch = new_batch(LOGS)
    value = request_of(*records, service=service).SerializeToString()
    assert decode_logs(value, 123, WINDOW, batch) == []
    return rows_of(batch)


def text(content: str) -> AnyValue:
    return AnyValue(string_value=content)


def test_every_column_of_the_table_is_filled() -> None:
    """A decoded batch has the table's columns, in its order, all as long as each other."""
    (row,) = decoded(record(trace_id=b"t" * 16, span_id=b"s" * 8, flags=1, event_name="login"))
    assert tuple(row) == LOGS.column_names
    assert row["ingested_at"] == 123
    assert (row["trace_id"], row["span_id"], row["flags"]) == ("74" * 16, "73" * 8, 1)
    assert (row["service_name"], row["event_name"]) == ("svc", "login")


@pytest.mark.parametrize(
    ("time", "observed", "timestamp", "is_observed"),
    [
        (NOW_NS, 0, NOW_NS, False),
        (NOW_NS, NOW_NS + 5, NOW_NS, False),
        (0, NOW_NS - 5, NOW_NS - 5, True),
    ],
)
def test_a_record_without_a_time_has_the_one_at_which_it_was_observed(
    time: int, observed: int, timestamp: int, is_observed: bool
) -> None:
    (row,) = decoded(LogRecord(time_unix_nano=time, observed_time_unix_nano=observed))
    assert (row["timestamp"], row["time_is_observed"]) == (timestamp, is_observed)
    assert row["observed_timestamp"] == observed


def test_an_observed_time_keeps_its_64_bits() -> None:
    """Nothing is asked of it beside a time of the record's own."""
    rows = decoded(
        record(observed_time_unix_nano=2**63 - 1), record(observed_time_unix_nano=2**64 - 1)
    )
    assert [row["observed_timestamp"] for row in rows] == [2**63 - 1, -1]


def test_odd_ids_are_absent_and_cost_no_record() -> None:
    """Of another length, or all zero; one odd id does not touch the other."""
    rows = decoded(
        record(trace_id=b"short", span_id=b"s" * 8),
        record(trace_id=bytes(16), span_id=bytes(8)),
        record(trace_id=b"t" * 16, span_id=b"much too long"),
        record(),
    )
    assert [(row["trace_id"], row["span_id"]) for row in rows] == [
        ("", "73" * 8),
        ("", ""),
        ("74" * 16, ""),
        ("", ""),
    ]


@pytest.mark.parametrize("number", [0, 9, 24, 25, 2**31 - 1, -1])
def test_severities_are_kept_as_numbers(number: int) -> None:
    """Also those that OTLP has no name for."""
    odd = record(severity_text="Warnung")
    odd.severity_number = number  # type: ignore[assignment]
    (row,) = decoded(odd)
    assert (row["severity_number"], row["severity_text"]) == (number, "Warnung")


@pytest.mark.parametrize(
    ("body", "stored", "json"),
    [
        (text("it's"), "it's", ""),
        (text(""), "", ""),
        (text("{}"), "{}", ""),
        (text("null"), "null", ""),
        (None, "", "null"),
        (AnyValue(), "", "null"),
        (AnyValue(int_value=-5), "-5", "-5"),
        (AnyValue(int_value=0), "0", "0"),
        (AnyValue(double_value=2.0), "2.0", "2.0"),
        (AnyValue(bool_value=True), "true", "true"),
        (
            AnyValue(bytes_value=b"\x00\xff"),
            '{"bytesValue":"AP8="}',
            '{"bytesValue":"AP8="}',
        ),
        (AnyValue(array_value=ArrayValue(values=[text("a"), AnyValue()])), '["a",null]', "same"),
        (AnyValue(kvlist_value=KeyValueList()), "{}", "{}"),
        (
            AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="k", value=text("v"))])),
            '{"k":"v"}',
            "same",
        ),
    ],
)
def test_a_body_is_text_to_search_and_typed_json_to_rebuild(
    body: AnyValue | None, stored: str, json: str
) -> None:
    (row,) = decoded(record(body=body))
    assert (row["body"], row["body_json"]) == (stored, stored if json == "same" else json)


STORED_RULES = [rule for rule in PROMOTIONS if rule.column in LOGS.column_names]


@pytest.mark.parametrize(
    ("rule", "key"), [(rule, key) for rule in STORED_RULES for key in rule.keys]
)
def test_every_spelling_is_promoted_and_kept(rule: Promotion, key: str) -> None:
    """Each spelling alone fills its column, and stays among the attributes."""
    (row,) = decoded(record(attributes=[KeyValue(key=key, value=text("it"))]))
    assert row[rule.column] == "it"
    assert row["attributes_string"] == {key: "it"}


def test_what_only_spans_promote_stays_an_attribute() -> None:
    """Tokens and operations are no columns of logs."""
    given = [
        KeyValue(key="gen_ai.usage.input_tokens", value=AnyValue(int_value=5)),
        KeyValue(key="gen_ai.operation.name", value=text("chat")),
        KeyValue(key="session.id", value=text("s")),
    ]
    rows = decoded(record(attributes=given), record(attributes=given[2:]))
    assert [row["session_id"] for row in rows] == ["s", "s"]
    assert rows[0]["attributes_int"] == {"gen_ai.usage.input_tokens": 5}
    assert rows[0]["attributes_string"] == {"gen_ai.operation.name": "chat", "session.id": "s"}


def test_a_record_has_the_first_of_several_facts() -> None:
    """Also of facts without a column of logs: models asked and answered, the conversation."""
    given = {
        "gen_ai.conversation.id": "c",
        "gen_ai.request.model": "asked",
        "gen_ai.response.model": "answered",
    }
    attributes = [KeyValue(key=key, value=text(value)) for key, value in given.items()]
    rows = decoded(record(attributes=attributes), record(attributes=attributes[:2]), record())
    assert [(row["session_id"], row["llm_model"]) for row in rows] == [
        ("c", "answered"),
        ("c", "asked"),
        ("", ""),
    ]


def test_positions_count_the_stored_records_of_a_message() -> None:
    """Over resources and scopes, from 0, for each message anew."""
    request = request_of(record(), record(time_unix_nano=1), record())
    request.resource_logs.add().scope_logs.add(log_records=[record()])
    batch = new_batch(LOGS)
    for _ in range(2):
        decode_logs(request.SerializeToString(), 0, WINDOW, batch)
    assert [row["position"] for row in rows_of(batch)] == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize("service", ["", "checkout"])
def test_a_resource_without_a_service_is_unknown(service: str) -> None:
    assert decoded(record(), service=service)[0]["service_name"] == (service or "unknown_service")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"time_unix_nano": 0}, "time_zero"),
        ({"time_unix_nano": 2**63}, "time_overflow"),
        ({"time_unix_nano": NOW_NS + DAY_NS}, "time_future"),
        ({"time_unix_nano": NOW_NS - 31 * DAY_NS}, "time_expired"),
        ({"time_unix_nano": 0, "observed_time_unix_nano": 2**64 - 1}, "time_overflow"),
        ({"time_unix_nano": 0, "observed_time_unix_nano": 5}, "time_expired"),
    ],
)
def test_bad_records_are_separated_from_their_neighbours(
    fields: dict[str, Any], reason: str
) -> None:
    """They come back by reason, whole and with their resource; the others are stored."""
    good, bad = record(body=text("good")), record(**{"body": text("bad"), **fields})
    batch = new_batch(LOGS)
    request = request_of(good, bad, good, bad)
    (rejected,) = decode_logs(request.SerializeToString(), 0, WINDOW, batch)
    assert [row["body"] for row in rows_of(batch)] == ["good", "good"]
    assert (rejected.reason, rejected.count) == (reason, 2)
    alone = ExportLogsServiceRequest.FromString(rejected.value)
    assert canonical_logs([alone]) == canonical_logs([request_of(bad, bad)])


def test_bytes_that_are_no_request_leave_the_batch_alone() -> None:
    batch = new_batch(LOGS)
    decode_logs(request_of(record()).SerializeToString(), 0, WINDOW, batch)
    for value in (b"\xff", b"\x0a\x05abc", request_of(record()).SerializeToString()[:-1]):
        with pytest.raises(UndecodableMessage):
            decode_logs(value, 0, WINDOW, batch)
    assert len(rows_of(batch)) == 1


def test_an_empty_message_adds_nothing() -> None:
    batch = new_batch(LOGS)
    assert decode_logs(b"", 0, WINDOW, batch) == []
    assert rows_of(batch) == []


@pytest.mark.parametrize("value", [request_of().SerializeToString(), b"\x0a\x00"])
def test_bytes_without_a_record_are_not_lost_in_silence(value: bytes) -> None:
    """A parser may take another encoding for a request; only that there is no record betrays it."""
    batch = new_batch(LOGS)
    with pytest.raises(MessageWithoutLogRecords):
        decode_logs(value, 0, WINDOW, batch)
    assert rows_of(batch) == []


def test_a_message_all_of_whose_records_are_bad_is_not_taken_for_one_without() -> None:
    batch = new_batch(LOGS)
    value = request_of(record(time_unix_nano=0)).SerializeToString()
    (rejected,) = decode_logs(value, 0, WINDOW, batch)
    assert (rejected.reason, rejected.count) == ("time_zero", 1)
    assert rows_of(batch) == []


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(value: bytes) -> None:
    """Nothing but the two errors is raised, and columns stay of equal length."""
    batch = new_batch(LOGS)
    try:
        decode_logs(value, 0, WINDOW, batch)
    except (UndecodableMessage, MessageWithoutLogRecords):
        assert batch.rows == 0
    rows_of(batch)


class Always(AttributeReading):
    """Takes one way, whatever comes."""

    def __init__(self, way: WayOfReading) -> None:
        super().__init__()
        self._way = way

    def way(self) -> WayOfReading:
        return self._way


def decoded_by(way: WayOfReading, value: bytes) -> str:
    """Everything that is decoded of a message, or its error, as text (NaN equals itself there)."""
    batch = new_batch(LOGS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoder, "_reading", Always(way))
        try:
            rejected = decode_logs(value, 7, TimeWindow(0, 2**63 - 1), batch)
        except UndecodableMessage as error:
            return repr(error)
    return repr((batch, rejected))


@settings(deadline=None)
@given(log_requests(NOW_NS))
def test_both_ways_of_reading_give_the_same_rows(request_: ExportLogsServiceRequest) -> None:
    value = request_.SerializeToString()
    assert decoded_by(REMEMBERING, value) == decoded_by(FROM_OBJECTS, value)


@pytest.mark.parametrize("in_body", [False, True])
def test_both_ways_of_reading_refuse_the_same_depth(in_body: bool) -> None:
    answers = []
    for depth in range(25, 60):
        request = request_of(record())
        deep = request.resource_logs[0].scope_logs[0].log_records[0]
        value = deep.body if in_body else deep.attributes.add(key="deep").value
        for _ in range(depth):
            value = value.array_value.values.add()
        serialized = request.SerializeToString()
        assert decoded_by(REMEMBERING, serialized) == decoded_by(FROM_OBJECTS, serialized)
        answers.append("UndecodableMessage" in decoded_by(REMEMBERING, serialized))
    assert set(answers) == {False, True}
