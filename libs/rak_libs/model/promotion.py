"""Which attributes of a span are copied into columns of their own, as one versioned table.

Agents, SDK generations and semantic conventions spell the same fact differently; a column takes
the first of its spellings that is present with a usable value. Raise `PROMOTION_VERSION` with
every change of the rules, since rows stored before it keep what they were given.
Names are from RAK's agents and from the OpenTelemetry semantic conventions for generative AI
(https://opentelemetry.io/docs/specs/semconv/registry/attributes/gen-ai/), old and new.
"""

from dataclasses import dataclass
from typing import Final, Literal

PROMOTION_VERSION: Final = 2

SERVICE_NAME_KEY: Final = "service.name"
UNKNOWN_SERVICE: Final = "unknown_service"
"""The service of a resource without `service.name`, as the resource conventions name it."""

MAX_COUNT: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Promotion:
    """One promoted column.

    Attributes:
        column: The column of the spans table.
        kind: `text` columns hold the value's text; `count` columns hold a whole number, where
            numeric text counts and a negative or unreadable value is 0.
        keys: Attribute keys, the preferred one first.
    """

    column: str
    kind: Literal["text", "count"]
    keys: tuple[str, ...]


PROMOTIONS: Final = (
    Promotion(
        "invocation_id",
        "text",
        (
            "invocation_id",
            "invocation.id",
            "gcp.vertex.agent.invocation_id",
            "rak.invocation_id",
        ),
    ),
    Promotion(
        "session_id",
        "text",
        ("session_id", "session.id", "gcp.vertex.agent.session_id", "gen_ai.conversation.id"),
    ),
    Promotion("user_id", "text", ("user_id", "user.id", "enduser.id")),
    Promotion("agent_name", "text", ("agent_name", "agent.name", "gen_ai.agent.name")),
    Promotion("agent_type", "text", ("agent_type", "agent.type", "workflow_type")),
    Promotion("llm_model", "text", ("gen_ai.response.model", "gen_ai.request.model", "llm_model")),
    Promotion("llm_system", "text", ("gen_ai.provider.name", "gen_ai.system")),
    Promotion("tool_name", "text", ("gen_ai.tool.name", "tool_name", "tool.name")),
    Promotion("tool_call_id", "text", ("gen_ai.tool.call.id", "tool_call_id")),
    Promotion("input_tokens", "count", ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")),
    Promotion(
        "output_tokens", "count", ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")
    ),
    Promotion(
        "cache_read_tokens",
        "count",
        (
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.usage.cache_read_input_tokens",
            "gen_ai.usage.cache_read_tokens",
            "gen_ai.usage.cached_tokens",
            "gen_ai.usage.input_tokens_details.cached_tokens",
            "gen_ai.usage.input_tokens.cached",
            "gen_ai.usage.prompt_tokens_details.cached_tokens",
            "gen_ai.usage.details.cache_read_tokens",
            "gen_ai.usage.details.cache_read_input_tokens",
        ),
    ),
    Promotion(
        "cache_write_tokens",
        "count",
        (
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.cache_creation_input_tokens",
            "gen_ai.usage.cache_creation_tokens",
            "gen_ai.usage.cache_write_tokens",
            "gen_ai.usage.cache_write_input_tokens",
            "gen_ai.usage.input_tokens.cache_write",
            "gen_ai.usage.details.cache_write_tokens",
            "gen_ai.usage.details.cache_creation_input_tokens",
        ),
    ),
    Promotion(
        "reasoning_tokens",
        "count",
        (
            "gen_ai.usage.reasoning_tokens",
            "gen_ai.usage.reasoning.output_tokens",
            "gen_ai.usage.reasoning_output_tokens",
            "gen_ai.usage.reasoning",
            "gen_ai.usage.output_tokens_details.reasoning_tokens",
            "gen_ai.usage.output_tokens.reasoning",
            "gen_ai.usage.completion_tokens_details.reasoning_tokens",
            "gen_ai.usage.details.reasoning_tokens",
            "gen_ai.usage.thoughts_tokens",
        ),
    ),
    Promotion("token_count", "count", ("token_count",)),
    Promotion(
        "resource_cpu_micros",
        "count",
        ("resource_cpu_micros", "resource.cpu_micros", "resource.cpu.micros"),
    ),
    Promotion(
        "resource_memory_bytes",
        "count",
        ("resource_memory_bytes", "resource.memory_bytes", "resource.memory.bytes"),
    ),
    Promotion(
        "resource_memory_peak",
        "count",
        (
            "resource_memory_peak",
            "resource.memory_peak",
            "resource.memory.peak",
            "resource.memory_peak_bytes",
        ),
    ),
)

OPERATION_NAME_KEY: Final = "gen_ai.operation.name"

OPERATIONS: Final = {
    "invoke_agent": "agent",
    "create_agent": "agent",
    "chat": "llm",
    "text_completion": "llm",
    "generate_content": "llm",
    "embeddings": "llm",
    "execute_tool": "tool",
}
"""`gen_ai.operation.name` to the kind of operation; it goes before the span's name."""

SPAN_NAMES: Final = {
    "agent.run": "agent",
    "invoke_agent": "agent",
    "llm.generate": "llm",
    "call_llm": "llm",
    "chat": "llm",
    "execute_tool": "tool",
    "tool.execute": "tool",
}
"""A span's whole name, or its first word, to the kind of operation."""


def operation_of(operation_name: str, span_name: str) -> str:
    """Return `agent`, `llm`, `tool`, or '' for a span that is none of them.

    Args:
        operation_name: The value of `gen_ai.operation.name`, or ''.
        span_name: The span's name, such as `execute_tool search`.
    """
    known = OPERATIONS.get(operation_name)
    return known or SPAN_NAMES.get(span_name.partition(" ")[0], "")
