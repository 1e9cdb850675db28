"""Spans as columns: promotion, rejection, and what happens to odd values."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_generation import canonical
from rak_libs.model.batch import new_batch
from rak_libs.model.promotion import PROMOTION_VERSION, PROMOTIONS, Promotion, Spelling
from rak_libs.model.spans import SPANS
from rak_libs.model.time_window import DAY_NS, time_window
from rak_libs.otlp.decode_spans import MessageWithoutSpans, decode_spans
from rak_libs.otlp.errors import UndecodableMessage
from span_rows import rows_of

NOW_NS = 1_800_000_000_000_000_000
WINDOW = time_window(30, NOW_NS)


def span(**fields: Any) -> Span:
    """A span that passes every check, with `fields` on top."""
    values: dict[str, Any] = {
        "trace_id": b"t" * 16,
        "span_id": b"s" * 8,
        "start_time_unix_nano": NOW_NS,
    }
    return Span(**{**values, **fields})


def request_of(*spans: Span, service: str = "svc") -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    if service:
        group.resource.attributes.add(key="service.name").value.string_value = service
    group.scope_spans.add(spans=spans)
    return request


def decoded(*spans: Span, service: str = "svc") -> list[dict[str, Any]]:
    batch = new_batch(SPANS)
    value = request_of(*spans, service=service).SerializeToString()
    assert decode_spans(value, 123, WINDOW, batch) == []
    return rows_of(batch)


def attributes(**by_key: AnyValue) -> list[KeyValue]:
    return [KeyValue(key=key.replace("__", "."), value=value) for key, value in by_key.items()]


def text(content: str) -> AnyValue:
    return AnyValue(string_value=content)


def number(content: int) -> AnyValue:
    return AnyValue(int_value=content)


def test_every_column_of_the_table_is_filled() -> None:
    """A decoded batch has the table's columns, in its order, all as long as each other."""
    (row,) = decoded(span())
    assert tuple(row) == SPANS.column_names
    assert row["ingested_at"] == 123
    assert row["trace_id"] == "74" * 16
    assert row["parent_span_id"] == ""


STATED = {
    "text": (text("it"), "it"),
    "list": (text("it"), "it"),
    "count": (number(42), 42),
    "seconds": (number(42), 42 * 10**9),
    "milliseconds": (number(42), 42 * 10**6),
    "seconds or milliseconds": (number(42), 42 * 10**6),
}
COLUMN_SPELLINGS = [
    (rule, spelling)
    for rule in PROMOTIONS
    for spelling in rule.spellings
    if rule.column in SPANS.column_names
]


@pytest.mark.parametrize(("rule", "spelling"), COLUMN_SPELLINGS)
def test_every_spelling_is_promoted_and_kept(rule: Promotion, spelling: Spelling) -> None:
    """Each spelling alone fills its column, and stays among the attributes."""
    value, fact = STATED[spelling.reading]
    (row,) = decoded(span(attributes=[KeyValue(key=spelling.key, value=value)]))
    assert row[rule.column] == fact
    kept = {**row["attributes_string"], **row["attributes_int"]}
    assert kept == {spelling.key: value.string_value or value.int_value}
    assert row["promotion_version"] == PROMOTION_VERSION


@settings(max_examples=50)
@given(st.permutations(["session_id", "session.id", "gen_ai.conversation.id"]))
def test_the_preferred_spelling_wins_whatever_the_order(keys: list[str]) -> None:
    (row,) = decoded(span(attributes=[KeyValue(key=key, value=text(key)) for key in keys]))
    assert row["session_id"] == "session_id"
    unusable = [KeyValue(key=key, value=text(key if key != "session_id" else "")) for key in keys]
    (row,) = decoded(span(attributes=unusable))
    assert row["session_id"] == "session.id"


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (number(7), 7),
        (number(-7), 0),
        (AnyValue(double_value=7.9), 7),
        (AnyValue(double_value=float("nan")), 0),
        (AnyValue(double_value=float("inf")), 2**64 - 1),
        (text("7"), 7),
        (text("18446744073709551615"), 2**64 - 1),
        (text("99999999999999999999999"), 2**64 - 1),
        (text("1e3"), 1000),
        (text("-7"), 0),
        (text("seven"), 0),
        (text(""), 0),
        (AnyValue(bool_value=True), 0),
        (AnyValue(bytes_value=b"7"), 0),
        (AnyValue(), 0),
    ],
)
def test_counts_come_in_many_types(value: AnyValue, count: int) -> None:
    given = attributes(gen_ai__usage__input_tokens=value)
    assert decoded(span(attributes=given))[0]["input_tokens"] == count


@pytest.mark.parametrize(
    ("value", "stored"),
    [(number(7), "7"), (AnyValue(bool_value=True), "true"), (AnyValue(double_value=1), "1.0")],
)
def test_text_columns_take_other_types_as_text(value: AnyValue, stored: str) -> None:
    assert decoded(span(attributes=attributes(user_id=value)))[0]["user_id"] == stored


@pytest.mark.parametrize(
    ("stated", "model"),
    [
        ({}, ("", "", "")),
        ({"gen_ai.request.model": "gpt-4o"}, ("gpt-4o", "gpt-4o", "")),
        ({"gen_ai.response.model": "gpt-4o-2024"}, ("gpt-4o-2024", "", "gpt-4o-2024")),
        (
            {"gen_ai.request.model": "gpt-4o", "ai.response.model": "gpt-4o-2024"},
            ("gpt-4o-2024", "gpt-4o", "gpt-4o-2024"),
        ),
        ({"llm_model": "m", "gen_ai.request.model": "gpt-4o"}, ("gpt-4o", "gpt-4o", "")),
        ({"llm_model": "m"}, ("m", "", "")),
        (
            {"gen_ai.request.model": "meta-llama/L-70B", "gen_ai.response.model": "L-70B"},
            ("meta-llama/L-70B", "meta-llama/L-70B", "L-70B"),
        ),
        (
            {"gen_ai.request.model": "meta-llama/L-70B", "gen_ai.response.model": "70B"},
            ("70B", "meta-llama/L-70B", "70B"),
        ),
    ],
)
def test_the_model_is_the_one_that_answered_or_was_asked(
    stated: dict[str, str], model: tuple[str, str, str]
) -> None:
    given = [KeyValue(key=key, value=text(name)) for key, name in stated.items()]
    (row,) = decoded(span(attributes=given))
    assert (row["llm_model"], row["llm_request_model"], row["llm_response_model"]) == model


def test_a_conversation_is_the_session_where_none_is_told() -> None:
    conversation = attributes(gen_ai__conversation__id=text("c"))
    rows = decoded(
        span(attributes=conversation),
        span(attributes=[*conversation, *attributes(session_id=text("s"))]),
        span(),
    )
    assert [(row["session_id"], row["conversation_id"]) for row in rows] == [
        ("c", "c"),
        ("s", "c"),
        ("", ""),
    ]


@pytest.mark.parametrize(
    ("span_name", "stated", "agent", "tool"),
    [
        ("invoke_agent planner", {}, "planner", ""),
        ("invoke_agent", {}, "", ""),
        ("agent_run [planner] #2", {}, "planner", ""),
        ("execute_tool search documents", {}, "", "search documents"),
        ("tools/call search", {}, "", "search"),
        ("MCP send tools/call search", {"mcp.method.name": "tools/call"}, "", "search"),
        ("tool.execute", {}, "", ""),
        ("chat gpt-4o", {}, "", ""),
        ("invoke_agent planner", {"gen_ai.agent.name": "writer"}, "writer", ""),
        ("invoke_agent planner", {"gen_ai.operation.name": "chat"}, "", ""),
        ("execute_tool search", {"gen_ai.operation.name": "execute_tool"}, "", "search"),
        ("Crew.tool", {"traceloop.span.kind": "tool", "traceloop.entity.name": "sum"}, "", "sum"),
        ("x", {"traceloop.span.kind": "agent", "traceloop.entity.name": "sum"}, "sum", ""),
        ("x", {"traceloop.span.kind": "task", "traceloop.entity.name": "sum"}, "", ""),
    ],
)
def test_what_was_run_is_named_by_attributes_or_the_span(
    span_name: str, stated: dict[str, str], agent: str, tool: str
) -> None:
    given = [KeyValue(key=key, value=text(name)) for key, name in stated.items()]
    (row,) = decoded(span(name=span_name, attributes=given))
    assert (row["agent_name"], row["tool_name"]) == (agent, tool)


@pytest.mark.parametrize(
    ("span_name", "stated", "operation"),
    [
        ("agent.run", {}, "agent"),
        ("execute_tool search", {"gen_ai.operation.name": "chat"}, "llm"),
        ("GET /", {"gen_ai.operation.name": "execute_tool"}, "tool"),
        ("embeddings text-embedding-3", {}, "embedding"),
        ("chat gpt-4o", {"gen_ai.operation.name": "create_agent"}, ""),
        ("agent.run", {"gen_ai.operation.name": "something_new"}, "agent"),
        ("x", {"gen_ai.operation.name": "new", "openinference.span.kind": "TOOL"}, "tool"),
        ("x", {"gen_ai.operation.name": "chat", "openinference.span.kind": "TOOL"}, "llm"),
        ("agent.run", {"openinference.span.kind": "CHAIN"}, ""),
        ("POST", {"mcp.method.name": "tools/call"}, "tool"),
    ],
)
def test_operations_are_told_by_attributes_or_else_by_the_name(
    span_name: str, stated: dict[str, str], operation: str
) -> None:
    """An attribute that is known to mean none of them wins over the name too."""
    given = [KeyValue(key=key, value=text(name)) for key, name in stated.items()]
    assert decoded(span(name=span_name, attributes=given))[0]["operation"] == operation


def test_the_last_of_duplicate_keys_wins_everywhere() -> None:
    given = [
        KeyValue(key="session_id", value=text("first")),
        KeyValue(key="session_id", value=number(2)),
    ]
    (row,) = decoded(span(attributes=given))
    assert row["session_id"] == "2"
    assert (row["attributes_string"], row["attributes_int"]) == ({}, {"session_id": 2})


@pytest.mark.parametrize("service", ["", "checkout"])
def test_a_resource_without_a_service_is_unknown(service: str) -> None:
    assert decoded(span(), service=service)[0]["service_name"] == (service or "unknown_service")


def test_odd_numbers_are_stored_as_defined() -> None:
    """Unknown enum numbers, an end before the start, an event time beyond 2^63-1."""
    odd = span(kind=77, end_time_unix_nano=NOW_NS - 1)
    odd.status.code = 9  # type: ignore[assignment]
    odd.events.add(time_unix_nano=2**64 - 1)
    (row,) = decoded(odd)
    assert (row["span_kind"], row["status_code"], row["duration_ns"]) == (0, 0, 0)
    assert row["events.timestamp"] == [-1]
    (row,) = decoded(span(end_time_unix_nano=2**64 - 1))
    assert row["duration_ns"] == 2**64 - 1 - NOW_NS


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"trace_id": b"short"}, "trace_id"),
        ({"trace_id": bytes(16)}, "trace_id"),
        ({"span_id": b""}, "span_id"),
        ({"span_id": bytes(8)}, "span_id"),
        ({"parent_span_id": b"1"}, "parent_span_id"),
        ({"links": [Span.Link(trace_id=b"t" * 16, span_id=b"1")]}, "link_id"),
        ({"start_time_unix_nano": 0}, "time_zero"),
        ({"start_time_unix_nano": 2**63}, "time_overflow"),
        ({"start_time_unix_nano": NOW_NS + DAY_NS}, "time_future"),
        ({"start_time_unix_nano": NOW_NS - 31 * DAY_NS}, "time_expired"),
    ],
)
def test_bad_spans_are_separated_from_their_neighbours(fields: dict[str, Any], reason: str) -> None:
    """They come back by reason, whole and with their resource; the others are stored."""
    good, bad = span(name="good"), span(**{"name": "bad", **fields})
    batch = new_batch(SPANS)
    request = request_of(good, bad, good, bad)
    (rejected,) = decode_spans(request.SerializeToString(), 0, WINDOW, batch)
    assert [row["span_name"] for row in rows_of(batch)] == ["good", "good"]
    assert (rejected.reason, rejected.count) == (reason, 2)
    alone = ExportTraceServiceRequest.FromString(rejected.value)
    assert canonical(alone) == canonical(request_of(bad, bad))


def test_bytes_that_are_no_request_leave_the_batch_alone() -> None:
    batch = new_batch(SPANS)
    decode_spans(request_of(span()).SerializeToString(), 0, WINDOW, batch)
    for value in (b"\xff", b"\x0a\x05abc", request_of(span()).SerializeToString()[:-1]):
        with pytest.raises(UndecodableMessage):
            decode_spans(value, 0, WINDOW, batch)
    assert len(rows_of(batch)) == 1


def test_an_empty_message_adds_nothing() -> None:
    batch = new_batch(SPANS)
    assert decode_spans(b"", 0, WINDOW, batch) == []
    assert rows_of(batch) == []


def jaeger_span(trace_id: bytes) -> bytes:
    """A Jaeger `model.Span`: trace id (1), span id (2), operation name (3)."""
    return b"\x0a\x10" + trace_id + b"\x12\x08" + b"s" * 8 + b"\x1a\x04call"


@pytest.mark.parametrize(
    "value",
    [
        request_of().SerializeToString(),
        b"\x0a\x00",
        # The trace id happens to read as a schema URL of 14 characters.
        jaeger_span(b"\x1a\x0e" + b"t" * 14),
    ],
)
def test_bytes_without_a_span_are_not_lost_in_silence(value: bytes) -> None:
    """A parser may take another encoding for a request; only that there is no span betrays it."""
    ExportTraceServiceRequest.FromString(value)
    batch = new_batch(SPANS)
    with pytest.raises(MessageWithoutSpans):
        decode_spans(value, 0, WINDOW, batch)
    assert rows_of(batch) == []


def test_a_message_all_of_whose_spans_are_bad_is_not_taken_for_one_without() -> None:
    batch = new_batch(SPANS)
    value = request_of(span(start_time_unix_nano=0)).SerializeToString()
    (rejected,) = decode_spans(value, 0, WINDOW, batch)
    assert (rejected.reason, rejected.count) == ("time_zero", 1)
    assert rows_of(batch) == []


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(value: bytes) -> None:
    """Nothing but the two errors is raised, and columns stay of equal length."""
    batch = new_batch(SPANS)
    try:
        decode_spans(value, 0, WINDOW, batch)
    except (UndecodableMessage, MessageWithoutSpans):
        assert batch.rows == 0
    rows_of(batch)
