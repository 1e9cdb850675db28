"""`GET /api/v1/traces/{trace_id}`: every span of a trace, whole and exact."""

import secrets
import time
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import EntityRef
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from integration.query.api_client import Api
from integration.query.conftest import Corpus
from integration.query.known_spans import (
    SECOND,
    KnownSpan,
    double_bits,
    key_values,
    otlp_span,
    request_of,
    store,
)
from otlp_generation import canonical
from rak_libs.model.time_text import format_time, parse_time
from rak_libs.otlp.otlp_json import request_from_json
from rak_libs.runtime.settings import ClickHouseSettings

TRACE = "00f1e2d3c4b5a6978877665544332211"
ATTRIBUTES: dict[str, Any] = {
    "string": 'it\'s "ünï" \\ \n 😀\0',
    "empty": "",
    "int": 2**53 + 1,
    "smallest": -(2**63),
    "double": 1.0,
    "tiny": 5e-324,
    "minus zero": -0.0,
    "bool": False,
    "bytes": b"\x00\xff",
    "array": [1, 2.5, "x", None, [True, {"a": b"\x01"}]],
    "map": {"nested": {"deep": [2**60]}, "": 1},
    "lookalike": {"bytesValue": "no bytes"},
    "nothing": None,
    "agent_name": "planner",
    "gen_ai.usage.input_tokens": 12,
}
PLAIN = {
    **ATTRIBUTES,
    "bytes": {"bytesValue": "AP8="},
    "array": [1, 2.5, "x", None, [True, {"a": {"bytesValue": "AQ=="}}]],
    "lookalike": {"kvlistValue": {"bytesValue": "no bytes"}},
}


def rich_request(start: int) -> ExportTraceServiceRequest:
    """One span that uses every field of OTLP."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add(schema_url="https://example.test/resource")
    group.resource.attributes.extend(key_values({"service.name": "rich", "host": "h1"}))
    group.resource.dropped_attributes_count = 1
    reference = EntityRef(type="host", id_keys=["host"])
    group.resource.entity_refs.append(reference)
    scope = group.scope_spans.add(schema_url="https://example.test/scope")
    scope.scope.name, scope.scope.version = "library", "1.2"
    scope.scope.attributes.extend(key_values({"s": 1}))
    scope.scope.dropped_attributes_count = 2
    span = scope.spans.add()
    span.CopyFrom(
        otlp_span(KnownSpan(TRACE, "00000000000000ff", start, 1_234_567_891, "aa" * 8, name="all"))
    )
    span.attributes.extend(key_values(ATTRIBUTES))
    span.trace_state, span.flags, span.kind = "k=v", 257, Span.SPAN_KIND_CLIENT
    span.status.code, span.status.message = span.status.STATUS_CODE_ERROR, "broke"
    span.dropped_attributes_count, span.dropped_events_count = 3, 4
    span.dropped_links_count = 5
    event = span.events.add(time_unix_nano=start + 1, name="exception", dropped_attributes_count=6)
    event.attributes.extend(key_values({"exception.type": "ValueError"}))
    span.events.add(time_unix_nano=2**64 - 1, name="far")
    link = span.links.add(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, trace_state="l=1", flags=1)
    link.attributes.extend(key_values({"why": "retry"}))
    link.dropped_attributes_count = 7
    return request


@pytest.fixture(scope="module")
def rich(clickhouse: ClickHouseSettings) -> ExportTraceServiceRequest:
    """The stored request, as sent."""
    now = time.time_ns()
    request = rich_request(now - 3 * 86_400 * SECOND)
    store(clickhouse, request, now)
    return request


def test_a_span_shows_everything_that_was_sent(api: Api, rich: ExportTraceServiceRequest) -> None:
    """Attributes of every type and place, ids, exact times, events, links, resource, scope."""
    (span,) = api.page(f"/api/v1/traces/{TRACE}")["items"]
    sent = rich.resource_spans[0].scope_spans[0].spans[0]
    assert span["attributes"] == PLAIN
    for key in ("double", "minus zero", "tiny"):
        assert double_bits(span["attributes"][key]) == double_bits(ATTRIBUTES[key])
    assert isinstance(span["attributes"]["int"], int)
    expected = {
        "trace_id": TRACE,
        "span_id": "00000000000000ff",
        "parent_span_id": "aa" * 8,
        "trace_state": "k=v",
        "flags": 257,
        "timestamp": format_time(sent.start_time_unix_nano),
        "duration_ns": 1_234_567_891,
        "service_name": "rich",
        "span_name": "all",
        "span_kind": "CLIENT",
        "status_code": "ERROR",
        "status_message": "broke",
        "agent_name": "planner",
        "input_tokens": 12,
        "dropped_attributes_count": 3,
        "dropped_events_count": 4,
        "dropped_links_count": 5,
        "resource": {
            "attributes": {"service.name": "rich", "host": "h1"},
            "dropped_attributes_count": 1,
            "schema_url": "https://example.test/resource",
            "entity_refs": [{"type": "host", "idKeys": ["host"]}],
        },
        "scope": {
            "name": "library",
            "version": "1.2",
            "attributes": {"s": 1},
            "dropped_attributes_count": 2,
            "schema_url": "https://example.test/scope",
        },
    }
    assert {name: span[name] for name in expected} == expected
    assert parse_time(span["timestamp"]) == sent.start_time_unix_nano
    assert span["events"] == [
        {
            "timestamp": format_time(sent.start_time_unix_nano + 1),
            "name": "exception",
            "attributes": {"exception.type": "ValueError"},
            "dropped_attributes_count": 6,
        },
        {
            "timestamp": "2554-07-21T23:34:33.709551615Z",
            "name": "far",
            "attributes": {},
            "dropped_attributes_count": 0,
        },
    ]
    assert span["links"] == [
        {
            "trace_id": "01" * 16,
            "span_id": "02" * 8,
            "trace_state": "l=1",
            "attributes": {"why": "retry"},
            "dropped_attributes_count": 7,
            "flags": 1,
        }
    ]


def test_integers_beyond_2_53_and_doubles_are_exact_in_the_text(
    api: Api, rich: ExportTraceServiceRequest
) -> None:
    """A reader that keeps 64-bit integers gets them; a whole double keeps its fraction."""
    body = api.get(f"/api/v1/traces/{TRACE}").body
    assert b'"int":9007199254740993' in body
    assert b'"double":1.0' in body


def test_otlp_json_is_what_was_sent(api: Api, rich: ExportTraceServiceRequest) -> None:
    """A receiver reads the answer back to the same request."""
    answer = api.get(f"/api/v1/traces/{TRACE}", {"format": "otlp"})
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Link"] is None
    rebuilt = request_from_json(answer.body, ExportTraceServiceRequest)
    assert canonical(rebuilt) == canonical(rich)


def test_a_trace_id_is_taken_in_upper_case(api: Api, rich: ExportTraceServiceRequest) -> None:
    assert api.page(f"/api/v1/traces/{TRACE.upper()}")["trace_id"] == TRACE


@pytest.mark.parametrize("bad", ["123", "g" * 32, "0" * 33, "0" * 31 + "%0A", "'" * 32])
def test_what_is_no_trace_id_is_refused(api: Api, bad: str) -> None:
    answer = api.get(f"/api/v1/traces/{bad}")
    assert (answer.status, answer.json["parameter"]) == (400, "trace_id")


def test_an_unknown_trace_is_not_found(api: Api) -> None:
    unknown = secrets.token_hex(16)
    for form in ("json", "otlp"):
        answer = api.get(f"/api/v1/traces/{unknown}", {"format": form})
        assert answer.status == 404
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert unknown in answer.json["detail"]


def test_a_span_stored_twice_is_shown_once(api: Api, corpus: Corpus) -> None:
    """Each span of a corpus in which the first are stored twice comes once, in order of time."""
    for trace_id in {span.trace_id for span in corpus.spans[:20]}:
        sent = sorted((s.start, s.span_id) for s in corpus.spans if s.trace_id == trace_id)
        for limit in ("1", "100"):
            items = api.items(f"/api/v1/traces/{trace_id}", {"limit": limit})
            assert [(parse_time(i["timestamp"]), i["span_id"]) for i in items] == sent


def test_different_spans_with_one_id_are_both_shown(
    api: Api, clickhouse: ClickHouseSettings
) -> None:
    """As some clients give a call one id on both sides."""
    start = time.time_ns() - 6 * 86_400 * SECOND
    spans = [
        KnownSpan("12" * 16, "1" * 16, start, kind="CLIENT"),
        KnownSpan("12" * 16, "1" * 16, start, kind="SERVER"),
    ]
    store(clickhouse, request_of(spans), time.time_ns())
    items = api.items(f"/api/v1/traces/{'12' * 16}", {"limit": "1"})
    assert {item["span_kind"] for item in items} == {"CLIENT", "SERVER"}


def test_a_trace_of_25_000_spans_comes_back_whole_in_pages(
    api: Api, clickhouse: ClickHouseSettings
) -> None:
    """Pages of `max_result_rows`, many spans at one time, over midnight; JSON and OTLP agree."""
    trace_id = "25" * 16
    midnight = time.time_ns() // (86_400 * SECOND) * 86_400 * SECOND - 2 * 86_400 * SECOND
    spans = [
        KnownSpan(trace_id, f"{number + 1:016x}", midnight - SECOND + number // 10 * 1_000_000)
        for number in range(25_000)
    ]
    store(clickhouse, request_of(spans), time.time_ns())
    pages = list(api.pages(f"/api/v1/traces/{trace_id}", {}))
    assert [len(page) for page in pages] == [10_000, 10_000, 5_000]
    shown = [(parse_time(i["timestamp"]), i["span_id"]) for page in pages for i in page]
    assert shown == sorted((span.start, span.span_id) for span in spans)
    assert otlp_span_ids(api, trace_id) == [span_id for _, span_id in shown]
    (row,) = api.page("/api/v1/traces", {"trace_id": trace_id})["items"]
    assert row["spans"] == 25_000


def otlp_span_ids(api: Api, trace_id: str) -> list[str]:
    """Walk the pages of an OTLP answer by their Link headers."""
    path, found = f"/api/v1/traces/{trace_id}?format=otlp", []
    while path:
        answer = api.get(path)
        request = request_from_json(answer.body, ExportTraceServiceRequest)
        for group in request.resource_spans:
            for scope in group.scope_spans:
                found += [span.span_id.hex() for span in scope.spans]
        link = answer.headers["Link"]
        assert (link is None) == (answer.headers["Next-Cursor"] is None)
        path = "" if link is None else link.removeprefix("<").removesuffix('>; rel="next"')
    return found


def test_large_spans_make_shorter_pages(api: Api, clickhouse: ClickHouseSettings) -> None:
    """Twelve spans of 8 MB: no page is refused, and each holds what fits into 32 MiB."""
    start = time.time_ns() - 7 * 86_400 * SECOND
    for number in range(12):
        prompt = {"prompt": chr(97 + number) * 8_000_000}
        span = KnownSpan("34" * 16, f"{number + 1:016x}", start + number, attributes=prompt)
        store(clickhouse, request_of([span]), time.time_ns())
    pages = list(api.pages(f"/api/v1/traces/{'34' * 16}", {}))
    assert [len(page) for page in pages] == [4, 4, 4]
    sizes = [len(item["attributes"]["prompt"]) for page in pages for item in page]
    assert sizes == [8_000_000] * 12


def test_pages_read_while_spans_arrive_miss_none_of_the_earlier_ones(
    api: Api, clickhouse: ClickHouseSettings
) -> None:
    """What was stored when the walk began comes, once; pages keep their limit."""
    trace_id = "56" * 16
    start = time.time_ns() - 10 * 86_400 * SECOND
    spans = [
        KnownSpan(trace_id, f"{number:016x}", start + number * 7919 % 400)
        for number in range(1, 401)
    ]
    store(clickhouse, request_of(spans[:200]), time.time_ns())
    shown: list[str] = []
    later = iter(spans[200:])
    for page in api.pages(f"/api/v1/traces/{trace_id}", {"limit": "20"}):
        assert len(page) <= 20
        shown += [item["span_id"] for item in page]
        store(clickhouse, request_of([next(later) for _ in range(8)]), time.time_ns())
    assert len(set(shown)) == len(shown)
    assert {span.span_id for span in spans[:200]} <= set(shown)
