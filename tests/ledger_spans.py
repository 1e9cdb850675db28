"""Spans of agents' work, drawn at random, and their way into the table of spans."""

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from rak_libs.clickhouse.insert import Inserter
from rak_libs.model.batch import ArrayValues, ColumnBatch, ColumnValues, MapValues
from rak_libs.model.promotion import PROMOTION_VERSION
from rak_libs.model.spans import SPANS, SpanKind, StatusCode
from rak_libs.model.table import Column
from rak_services.derive.ledger.rows import SpanFacts

SECOND: Final = 10**9
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE

_ENUMS: Final = {"span_kind": SpanKind, "status_code": StatusCode}
_NOTHING: Final = SpanFacts(
    trace_id="", span_id="", parent_span_id="", timestamp=0, duration_ns=0, service_name="",
    span_name="", span_kind="INTERNAL", status_code="OK", operation="", invocation_id="",
    session_id="", user_id="", conversation_id="", agent_name="", llm_model="",
    llm_request_model="", llm_response_model="", llm_system="", tool_name="", finish_reason="",
    time_to_first_token_ns=0, resource_cpu_micros=0, resource_memory_bytes=0,
    resource_memory_peak=0, input_tokens=0, output_tokens=0, cache_read_tokens=0,
    cache_write_tokens=0, reasoning_tokens=0, token_count=0, scope_name="", ingested_at=0,
)  # fmt: skip

SERVICES: Final = ("planner", "search", "billing")
AGENTS: Final = ("researcher", "writer", "")
MODELS: Final = ("gpt-4o", "meta-llama/Llama-3.1-70B", "claude-sonnet-4-20250514", "")
TOOLS: Final = ("search", "calculator")


def span(**facts: Any) -> SpanFacts:
    """Return a row of which some facts are chosen and all others are nothing."""
    return _NOTHING._replace(**facts)


def draw_trace(draw: random.Random, begin_ns: int, spans: int) -> list[SpanFacts]:
    """Return a tree of spans that begin within a minute, some of them stored twice."""
    trace_id = draw.randbytes(16).hex()
    session, user = f"session-{draw.randrange(5)}", f"user-{draw.randrange(3)}"
    rows: list[SpanFacts] = []
    for _ in range(spans):
        parent = draw.choice(rows).span_id if rows and draw.random() < 0.9 else ""
        began = begin_ns + draw.randrange(MINUTE)
        rows.append(_draw_span(draw, trace_id, parent, began))
    rows[0] = rows[0]._replace(session_id=session, user_id=user if draw.random() < 0.5 else "")
    repeated = draw.sample(rows, k=len(rows) // 8)
    return rows + [row._replace(ingested_at=row.ingested_at + 1) for row in repeated]


def draw_traces(draw: random.Random, traces: int, spans: int) -> list[SpanFacts]:
    """Return traces of now, of hours ago, and across the last midnight."""
    now = time.time_ns()
    midnight = now - now % (24 * HOUR) - MINUTE // 2
    begins = [draw.choice((now - MINUTE, now - 2 * HOUR, midnight)) for _ in range(traces)]
    return [row for begin in begins for row in draw_trace(draw, begin, spans)]


def _draw_span(draw: random.Random, trace_id: str, parent: str, began: int) -> SpanFacts:
    operation = draw.choice(("agent", "llm", "llm", "tool", "embedding", "retrieval", "", ""))
    facts: dict[str, Any] = {
        "trace_id": trace_id,
        "span_id": draw.randbytes(8).hex(),
        "parent_span_id": parent,
        "timestamp": began,
        "duration_ns": draw.randrange(1, 3 * SECOND),
        "service_name": draw.choice(SERVICES),
        "span_name": operation or "GET /",
        "span_kind": draw.choice(("INTERNAL", "CLIENT", "SERVER")),
        "status_code": draw.choice(("OK", "OK", "ERROR", "UNSET")),
        "operation": operation,
        "ingested_at": began // 10**6,
        "resource_cpu_micros": draw.randrange(10**6),
        "resource_memory_peak": draw.randrange(10**8),
    }
    if operation == "agent":
        facts["agent_name"] = draw.choice(AGENTS)
    if operation == "tool":
        facts["tool_name"] = draw.choice(TOOLS)
    if operation in {"llm", "embedding", "agent"}:
        model = draw.choice(MODELS)
        facts |= {
            "llm_model": model,
            "llm_request_model": model,
            "llm_system": draw.choice(("openai", "anthropic", "")),
            "input_tokens": draw.randrange(10_000),
            "output_tokens": draw.randrange(2_000),
            "cache_read_tokens": draw.choice((0, 0, 128)),
            "finish_reason": draw.choice(("stop", "tool_calls", "")),
            "time_to_first_token_ns": draw.choice((0, draw.randrange(SECOND))),
        }
    return span(**facts)


def insert_spans(
    inserter: Inserter, rows: Sequence[SpanFacts], promotion_version: int = PROMOTION_VERSION
) -> None:
    """Store rows with one INSERT, as a writer does."""
    given = dict(zip(SpanFacts._fields, zip(*rows, strict=True), strict=True))
    given["promotion_version"] = (promotion_version,) * len(rows)
    columns = {column.name: _values(column, given, len(rows)) for column in SPANS.columns}
    inserter.insert(SPANS, ColumnBatch(len(rows), columns), {})


def in_batches(
    draw: random.Random, rows: Iterable[SpanFacts], batches: int
) -> Iterator[list[SpanFacts]]:
    """Divide rows at random, in a random order."""
    shuffled = list(rows)
    draw.shuffle(shuffled)
    cuts = sorted(draw.randrange(1, len(shuffled)) for _ in range(batches - 1))
    for begin, end in zip([0, *cuts], [*cuts, len(shuffled)], strict=True):
        if shuffled[begin:end]:
            yield shuffled[begin:end]


def _values(column: Column, given: dict[str, tuple[Any, ...]], rows: int) -> ColumnValues:
    if column.name in _ENUMS:
        return [_ENUMS[column.name][name].value for name in given[column.name]]
    if column.name in given:
        return list(given[column.name])
    if column.type.startswith("Map("):
        return MapValues([0] * rows, [], [])
    if column.type.startswith("Array("):
        return ArrayValues([0] * rows, [])
    return [""] * rows if "String" in column.type else [0] * rows
