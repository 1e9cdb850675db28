"""Spans that tests know, how they get into the engine, and what a search must say of them.

`expected_rows` is the specification of a search in plain Python: it knows nothing of SQL.
"""

import random
import struct
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from integration.query.attribute_texts import STRINGS, VALUES, text_finds
from rak_libs.clickhouse.insert import Inserter
from rak_libs.model.batch import new_batch
from rak_libs.model.spans import SPANS, SpanKind, StatusCode
from rak_libs.model.time_text import parse_time
from rak_libs.model.time_window import time_window
from rak_libs.otlp.decode_spans import decode_spans
from rak_libs.runtime.settings import ClickHouseSettings
from rak_services.query.spending import SPENDING_COLUMNS

SECOND = 1_000_000_000

PROMOTED = {
    "agent": "agent_name",
    "session": "session.id",
    "invocation": "invocation_id",
    "user": "user.id",
    "model": "gen_ai.request.model",
    "tool": "gen_ai.tool.name",
}


@dataclass(frozen=True)
class KnownSpan:
    """One span as a test describes it; times in nanoseconds."""

    trace_id: str
    span_id: str
    start: int
    duration: int = 5_000_000
    parent: str = ""
    service: str = "alpha"
    name: str = "work"
    kind: str = "INTERNAL"
    status: str = "UNSET"
    message: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def end(self) -> int:
        return self.start + self.duration


def any_value(value: Any) -> AnyValue:
    """Return the OTLP value of a Python value."""
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    result = AnyValue()
    if isinstance(value, list):
        result.array_value.SetInParent()
        result.array_value.values.extend(any_value(item) for item in value)
    elif isinstance(value, dict):
        result.kvlist_value.SetInParent()
        result.kvlist_value.values.extend(key_values(value))
    return result


def key_values(attributes: Mapping[str, Any]) -> list[KeyValue]:
    """Return OTLP attributes."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def otlp_span(span: KnownSpan) -> Span:
    """Return the span as an agent sends it."""
    return Span(
        trace_id=bytes.fromhex(span.trace_id),
        span_id=bytes.fromhex(span.span_id),
        parent_span_id=bytes.fromhex(span.parent),
        name=span.name,
        kind=SpanKind[span.kind].value,
        start_time_unix_nano=span.start,
        end_time_unix_nano=span.end,
        status=Status(code=StatusCode[span.status].value, message=span.message),
        attributes=key_values(span.attributes),
    )


def request_of(spans: Iterable[KnownSpan]) -> ExportTraceServiceRequest:
    """Return one request that holds the spans, a resource for each service."""
    by_service: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        by_service[span.service].append(otlp_span(span))
    request = ExportTraceServiceRequest()
    for service, found in by_service.items():
        group = request.resource_spans.add()
        group.resource.attributes.extend(key_values({"service.name": service}))
        scope = group.scope_spans.add()
        scope.scope.name = "tests"
        scope.spans.extend(found)
    return request


def store(settings: ClickHouseSettings, request: ExportTraceServiceRequest, now_ns: int) -> None:
    """Store a request as the writer does."""
    batch = new_batch(SPANS)
    window = time_window(30, now_ns)
    rejected = decode_spans(request.SerializeToString(), now_ns // 1_000_000, window, batch)
    assert not rejected
    inserter = Inserter(settings)
    inserter.insert(SPANS, batch, {})
    inserter.close()


def shown_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a row says of a trace beside what the ledger does; its time as an integer."""
    of_the_ledger = {*SPENDING_COLUMNS, "settled"}
    assert of_the_ledger <= row.keys()
    shown = {name: value for name, value in row.items() if name not in of_the_ledger}
    return {**shown, "timestamp": parse_time(row["timestamp"])}


def matches(span: KnownSpan, asked: Mapping[str, str], start: int, end: int) -> bool:
    """Whether one span meets every filter on spans."""
    if not start <= span.start < end:
        return False
    plain = {
        "service": span.service,
        "name": span.name,
        "kind": span.kind,
        "status": span.status,
        "trace_id": span.trace_id,
        **{name: span.attributes.get(key, "") for name, key in PROMOTED.items()},
    }
    for name, text in asked.items():
        if name in plain and plain[name] != text:
            return False
        if name.startswith("attr."):
            key = name.removeprefix("attr.")
            if key not in span.attributes or not text_finds(text, span.attributes[key]):
                return False
        if name == "q" and not _contains(span, text):
            return False
    return True


def _contains(span: KnownSpan, text: str) -> bool:
    strings = [value for value in span.attributes.values() if isinstance(value, str)]
    return any(text.casefold() in found.casefold() for found in (span.name, span.message, *strings))


def expected_row(trace: Sequence[KnownSpan]) -> dict[str, Any]:
    """Return what a row says of a whole trace; times are still integers."""
    once = list({span.span_id: span for span in trace}.values())
    root = min(once, key=lambda span: (span.parent != "", span.start, span.span_id))
    start = min(span.start for span in once)
    return {
        "trace_id": root.trace_id,
        "root_service": root.service,
        "root_name": root.name,
        "timestamp": start,
        "duration_ns": max(span.end for span in once) - start,
        "spans": len(once),
        "errors": sum(span.status == "ERROR" for span in once),
        "services": sorted({span.service for span in once}),
        "agents": sorted({span.attributes.get("agent_name", "") for span in once} - {""}),
    }


def expected_rows(
    spans: Iterable[KnownSpan],
    asked: Mapping[str, str],
    start: int,
    end: int,
    durations: tuple[int, int] = (0, 2**63 - 1),
    order: str = "-start",
) -> list[dict[str, Any]]:
    """Return every row that a search must answer, in order."""
    traces: dict[str, list[KnownSpan]] = defaultdict(list)
    for span in spans:
        traces[span.trace_id].append(span)
    rows = [
        expected_row(trace)
        for trace in traces.values()
        if any(matches(span, asked, start, end) for span in trace)
    ]
    rows = [row for row in rows if durations[0] <= row["duration_ns"] <= durations[1]]
    key = "timestamp" if order.endswith("start") else "duration_ns"
    return sorted(rows, key=lambda row: (row[key], row["trace_id"]), reverse=order.startswith("-"))


def make_spans(seed: int, traces: int, first: int) -> list[KnownSpan]:
    """Return the spans of random traces that start within ten minutes from `first`."""
    choose = random.Random(seed)
    spans: list[KnownSpan] = []
    for _ in range(traces):
        trace_id = choose.randbytes(16).hex()
        begin = first + choose.randrange(600 * SECOND)
        parents = [""]
        for number in range(choose.randint(1, 7)):
            span_id = choose.randbytes(8).hex()
            spans.append(
                KnownSpan(
                    trace_id=trace_id,
                    span_id=span_id,
                    parent=choose.choice(parents) if number else parents[0],
                    start=begin + (choose.randrange(2 * SECOND) if number else 0),
                    duration=choose.choice([0, 1, choose.randrange(3 * SECOND)]),
                    service=choose.choice(["alpha", "Alpha", "gamma/δ"]),
                    name=choose.choice(["agent.run", "llm.generate", "GET /", *STRINGS[-6:]]),
                    kind=choose.choice(["INTERNAL", "SERVER", "CLIENT", "UNSPECIFIED"]),
                    status=choose.choice(["UNSET", "UNSET", "OK", "ERROR"]),
                    message=choose.choice(
                        ["", "Deadline exceeded", "it's 50% \\ done", *STRINGS[-8:]]
                    ),
                    attributes=_attributes(choose),
                )
            )
            parents.append(span_id)
    return spans


def _attributes(choose: random.Random) -> dict[str, Any]:
    pool: dict[str, list[Any]] = {
        "agent_name": ["planner", "Coder", "o'brien"],
        "session.id": ["s-1", "s-2", "s-3"],
        "invocation_id": ["i-1", "i-2"],
        "user.id": ["ann", "bob"],
        "gen_ai.request.model": ["meta-llama/Llama-3", "gpt-x"],
        "gen_ai.tool.name": ["search", "sh"],
        **VALUES,
    }
    return {key: choose.choice(values) for key, values in pool.items() if choose.random() < 0.3}


def double_bits(value: float) -> bytes:
    """Return the eight bytes of a double, to compare values that `==` does not tell apart."""
    return struct.pack("<d", value)
