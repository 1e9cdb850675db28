"""Requests in the shape of RAK agents, made from a seed: the same on every machine and run."""

from random import Random
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

SPANS_PER_TRACE: Final = 10
_OPERATIONS: Final = (
    ("agent.run", "invoke_agent", Span.SPAN_KIND_INTERNAL),
    ("call_llm", "chat", Span.SPAN_KIND_CLIENT),
    ("execute_tool search_documents", "execute_tool", Span.SPAN_KIND_INTERNAL),
    ("llm.generate", "generate_content", Span.SPAN_KIND_CLIENT),
)
_AGENTS: Final = ("research_agent", "planner_agent", "coding_agent", "support_agent")
_MODELS: Final = ("gpt-4o-2024-08-06", "claude-sonnet-4-20250514", "gemini-2.5-pro")
_SYSTEMS: Final = ("openai", "anthropic", "gcp.vertex_ai")


def agent_request(spans: int, seed: int, start_ns: int) -> ExportTraceServiceRequest:
    """Return one request of `spans` spans, about 500 bytes each on the wire.

    Each span has 11 attributes (7 strings, 2 ints, a double, a bool), every fourth an event; the
    resource has 5 attributes; traces have `SPANS_PER_TRACE` spans, which share their invocation,
    session and user. Spans start from `start_ns` (nanoseconds since 1970), one millisecond apart.
    Equal arguments give equal requests.
    """
    random = Random(seed)
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.attributes.extend(_resource_attributes(random))
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "rak.agent"
    scope_spans.scope.version = "0.9.2"
    trace_id = parent_id = b""
    identity: list[KeyValue] = []
    for index in range(spans):
        if index % SPANS_PER_TRACE == 0:
            trace_id, parent_id = random.randbytes(16), b""
            identity = _identity(random)
        span = scope_spans.spans.add(trace_id=trace_id, parent_span_id=parent_id)
        _fill_span(span, random, index, start_ns + index * 1_000_000)
        span.attributes.extend(identity)
        parent_id = parent_id or span.span_id
    return request


def _resource_attributes(random: Random) -> list[KeyValue]:
    return [
        _text("service.name", "rak-agents"),
        _text("service.version", "1.14.2"),
        _text("service.instance.id", f"rak-agents-{random.randrange(100):02d}"),
        _text("deployment.environment.name", "production"),
        _text("telemetry.sdk.language", "rust"),
    ]


def _identity(random: Random) -> list[KeyValue]:
    session = random.randrange(10_000)
    return [
        _text("gcp.vertex.agent.invocation_id", f"e-{random.randbytes(8).hex()}"),
        _text("gcp.vertex.agent.session_id", f"session-{session:05d}"),
        _text("user_id", f"user-{session % 997:04d}"),
    ]


def _fill_span(span: Span, random: Random, index: int, start_ns: int) -> None:
    name, operation, kind = _OPERATIONS[index % len(_OPERATIONS)]
    model = random.randrange(len(_MODELS))
    span.span_id = random.randbytes(8)
    span.name = name
    span.kind = kind
    span.start_time_unix_nano = start_ns
    span.end_time_unix_nano = start_ns + random.randrange(1_000_000, 3_000_000_000)
    span.flags = 0x101
    span.status.code = Status.STATUS_CODE_ERROR if random.random() < 0.02 else Status.STATUS_CODE_OK
    span.attributes.extend(
        [
            _text("gen_ai.operation.name", operation),
            _text("gen_ai.agent.name", random.choice(_AGENTS)),
            _text("gen_ai.request.model", _MODELS[model]),
            _text("gen_ai.system", _SYSTEMS[model]),
            _int("gen_ai.usage.input_tokens", random.randrange(20, 30_000)),
            _int("gen_ai.usage.output_tokens", random.randrange(1, 4_000)),
            KeyValue(key="gen_ai.request.temperature", value=AnyValue(double_value=0.7)),
            KeyValue(key="rak.streaming", value=AnyValue(bool_value=index % 2 == 0)),
        ]
    )
    if index % 4 == 0:
        event = span.events.add(time_unix_nano=start_ns + 500_000, name="gen_ai.choice")
        event.attributes.append(_text("finish_reason", "stop"))


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def _int(key: str, value: int) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(int_value=value))
