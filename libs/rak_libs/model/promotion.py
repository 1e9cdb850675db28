"""Which attributes of a span are copied into columns of their own, as one versioned table.

Agents, SDK generations and semantic conventions spell the same fact differently; a column takes
the first of its spellings that is present with a usable value. Raise `PROMOTION_VERSION` with
every change of the rules, here and in `rak_libs.model.operations`: `rak-derive` reads rows of an
older version anew from their attributes (`rak_libs.model.renormalise`).

The names are those of RAK's agents, of the OpenTelemetry semantic conventions for generative AI
(https://opentelemetry.io/docs/specs/semconv/registry/attributes/gen-ai/, since 1.42
https://github.com/open-telemetry/semantic-conventions-genai) and of instrumentations.
"""

from dataclasses import dataclass
from typing import Final, Literal

from rak_libs.model.attribute_facts import Reading
from rak_libs.model.semconv_generations import Generation

PROMOTION_VERSION: Final = 2

SERVICE_NAME_KEY: Final = "service.name"
UNKNOWN_SERVICE: Final = "unknown_service"
"""The service of a resource without `service.name`, as the resource conventions name it."""

_RAK = Generation.RAK
_OTEL = Generation.OPENTELEMETRY
_OLD = Generation.UP_TO_1_36
_NEW = Generation.FROM_1_37
_NEWEST = Generation.AFTER_1_41
_INFERENCE = Generation.OPENINFERENCE
_LLMETRY = Generation.OPENLLMETRY
_VERCEL = Generation.VERCEL
_ADK = Generation.GOOGLE_ADK
_PYDANTIC = Generation.PYDANTIC_AI
_OTHER = Generation.OTHER


@dataclass(frozen=True, slots=True)
class Spelling:
    """One key of an attribute that states a fact.

    Attributes:
        key: The attribute's key.
        generation: Who spells it so.
        reading: How its value is read.
    """

    key: str
    generation: Generation
    reading: Reading


@dataclass(frozen=True, slots=True)
class Promotion:
    """One promoted column.

    Attributes:
        column: The column of the spans table; `ENTITY_NAME` is none of any table.
        kind: `text` columns hold text, '' for none; `count` columns a whole number, 0 for none.
        spellings: The attributes that state it, the preferred one first.
    """

    column: str
    kind: Literal["text", "count"]
    spellings: tuple[Spelling, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The attributes' keys, the preferred one first."""
        return tuple(spelling.key for spelling in self.spellings)


_Keys = tuple[Generation, str]


def _texts(column: str, *keys: _Keys) -> Promotion:
    spellings = tuple(Spelling(key, generation, "text") for generation, key in keys)
    return Promotion(column, "text", spellings)


def _counts(column: str, *keys: _Keys) -> Promotion:
    spellings = tuple(Spelling(key, generation, "count") for generation, key in keys)
    return Promotion(column, "count", spellings)


def _lists(column: str, *keys: _Keys) -> Promotion:
    spellings = tuple(Spelling(key, generation, "list") for generation, key in keys)
    return Promotion(column, "text", spellings)


ENTITY_NAME: Final = "entity_name"
"""Names what a span is about, whatever that is: see `rak_libs.model.operations.NAME_COLUMNS`."""

PROMOTIONS: Final = (
    _texts(
        "invocation_id",
        (_RAK, "invocation_id"),
        (_RAK, "invocation.id"),
        (_ADK, "gcp.vertex.agent.invocation_id"),
        (_RAK, "rak.invocation_id"),
    ),
    _texts(
        "session_id",
        (_RAK, "session_id"),
        (_OTEL, "session.id"),
        (_ADK, "gcp.vertex.agent.session_id"),
        (_LLMETRY, "traceloop.association.properties.session_id"),
        (_VERCEL, "ai.telemetry.metadata.sessionId"),
        (_OTHER, "langfuse.session.id"),
    ),
    _texts("conversation_id", (_OLD, "gen_ai.conversation.id")),
    _texts(
        "user_id",
        (_RAK, "user_id"),
        (_OTEL, "user.id"),
        (_OTEL, "enduser.id"),
        (_LLMETRY, "gen_ai.user"),
        (_LLMETRY, "llm.user"),
        (_LLMETRY, "traceloop.association.properties.user_id"),
        (_VERCEL, "ai.telemetry.metadata.userId"),
        (_OTHER, "langfuse.user.id"),
    ),
    _texts(
        "agent_name",
        (_RAK, "agent_name"),
        (_RAK, "agent.name"),
        (_OLD, "gen_ai.agent.name"),
        (_VERCEL, "ai.telemetry.functionId"),
    ),
    _texts("agent_type", (_RAK, "agent_type"), (_RAK, "agent.type"), (_RAK, "workflow_type")),
    _texts(
        "llm_response_model",
        (_OLD, "gen_ai.response.model"),
        (_INFERENCE, "llm.response.model_name"),
        (_LLMETRY, "llm.response.model"),
        (_VERCEL, "ai.response.model"),
    ),
    _texts(
        "llm_response_id",
        (_OLD, "gen_ai.response.id"),
        (_VERCEL, "ai.response.id"),
    ),
    _texts(
        "llm_request_model",
        (_OLD, "gen_ai.request.model"),
        (_INFERENCE, "llm.request.model_name"),
        (_LLMETRY, "llm.request.model"),
        (_VERCEL, "ai.model.id"),
    ),
    _texts(
        "llm_model",
        (_RAK, "llm_model"),
        (_INFERENCE, "llm.model_name"),
        (_INFERENCE, "embedding.model_name"),
        (_PYDANTIC, "model_name"),
        (_OTHER, "langfuse.observation.model.name"),
    ),
    _texts(
        "llm_system",
        (_NEW, "gen_ai.provider.name"),
        (_OLD, "gen_ai.system"),
        (_INFERENCE, "llm.provider"),
        (_INFERENCE, "llm.system"),
        (_LLMETRY, "llm.vendor"),
        (_VERCEL, "ai.model.provider"),
    ),
    _texts(
        "tool_name",
        (_OLD, "gen_ai.tool.name"),
        (_RAK, "tool_name"),
        (_RAK, "tool.name"),
        (_VERCEL, "ai.toolCall.name"),
    ),
    _texts(
        "tool_call_id",
        (_OLD, "gen_ai.tool.call.id"),
        (_RAK, "tool_call_id"),
        (_INFERENCE, "tool.id"),
        (_VERCEL, "ai.toolCall.id"),
    ),
    _texts(ENTITY_NAME, (_LLMETRY, "traceloop.entity.name")),
    _counts(
        "input_tokens",
        (_OLD, "gen_ai.usage.input_tokens"),
        (_OLD, "gen_ai.usage.prompt_tokens"),
        (_PYDANTIC, "gen_ai.aggregated_usage.input_tokens"),
        (_INFERENCE, "llm.token_count.prompt"),
        (_LLMETRY, "llm.usage.prompt_tokens"),
        (_VERCEL, "ai.usage.inputTokens"),
        (_VERCEL, "ai.usage.promptTokens"),
        (_VERCEL, "ai.usage.tokens"),
    ),
    _counts(
        "output_tokens",
        (_OLD, "gen_ai.usage.output_tokens"),
        (_OLD, "gen_ai.usage.completion_tokens"),
        (_PYDANTIC, "gen_ai.aggregated_usage.output_tokens"),
        (_INFERENCE, "llm.token_count.completion"),
        (_LLMETRY, "llm.usage.completion_tokens"),
        (_VERCEL, "ai.usage.outputTokens"),
        (_VERCEL, "ai.usage.completionTokens"),
    ),
    _counts(
        "cache_read_tokens",
        (_NEW, "gen_ai.usage.cache_read.input_tokens"),
        (_LLMETRY, "gen_ai.usage.cache_read_input_tokens"),
        (_OTHER, "gen_ai.usage.cache_read_tokens"),
        (_OTHER, "gen_ai.usage.cached_tokens"),
        (_OTHER, "gen_ai.usage.input_tokens_details.cached_tokens"),
        (_OTHER, "gen_ai.usage.input_tokens.cached"),
        (_OTHER, "gen_ai.usage.prompt_tokens_details.cached_tokens"),
        (_PYDANTIC, "gen_ai.usage.details.cache_read_tokens"),
        (_PYDANTIC, "gen_ai.usage.details.cache_read_input_tokens"),
        (_PYDANTIC, "gen_ai.aggregated_usage.cache_read.input_tokens"),
        (_PYDANTIC, "gen_ai.aggregated_usage.details.cache_read_tokens"),
        (_INFERENCE, "llm.token_count.prompt_details.cache_read"),
        (_LLMETRY, "llm.usage.cache_read_input_tokens"),
        (_VERCEL, "ai.usage.inputTokenDetails.cacheReadTokens"),
        (_VERCEL, "ai.usage.cachedInputTokens"),
    ),
    _counts(
        "cache_write_tokens",
        (_NEWEST, "gen_ai.usage.cache_write.input_tokens"),
        (_NEW, "gen_ai.usage.cache_creation.input_tokens"),
        (_LLMETRY, "gen_ai.usage.cache_creation_input_tokens"),
        (_OTHER, "gen_ai.usage.cache_creation_tokens"),
        (_OTHER, "gen_ai.usage.cache_write_tokens"),
        (_OTHER, "gen_ai.usage.cache_write_input_tokens"),
        (_OTHER, "gen_ai.usage.input_tokens.cache_write"),
        (_PYDANTIC, "gen_ai.usage.details.cache_write_tokens"),
        (_PYDANTIC, "gen_ai.usage.details.cache_creation_input_tokens"),
        (_PYDANTIC, "gen_ai.aggregated_usage.cache_creation.input_tokens"),
        (_PYDANTIC, "gen_ai.aggregated_usage.details.cache_write_tokens"),
        (_INFERENCE, "llm.token_count.prompt_details.cache_write"),
        (_LLMETRY, "llm.usage.cache_creation_input_tokens"),
        (_VERCEL, "ai.usage.inputTokenDetails.cacheWriteTokens"),
    ),
    _counts(
        "reasoning_tokens",
        (_NEW, "gen_ai.usage.reasoning.output_tokens"),
        (_LLMETRY, "gen_ai.usage.reasoning_tokens"),
        (_OTHER, "gen_ai.usage.reasoning_output_tokens"),
        (_OTHER, "gen_ai.usage.reasoning"),
        (_OTHER, "gen_ai.usage.output_tokens_details.reasoning_tokens"),
        (_OTHER, "gen_ai.usage.output_tokens.reasoning"),
        (_OTHER, "gen_ai.usage.completion_tokens_details.reasoning_tokens"),
        (_PYDANTIC, "gen_ai.usage.details.reasoning_tokens"),
        (_PYDANTIC, "gen_ai.aggregated_usage.details.reasoning_tokens"),
        (_OTHER, "gen_ai.usage.thoughts_tokens"),
        (_ADK, "gen_ai.usage.experimental.reasoning_tokens"),
        (_INFERENCE, "llm.token_count.completion_details.reasoning"),
        (_LLMETRY, "llm.usage.reasoning_tokens"),
        (_VERCEL, "ai.usage.outputTokenDetails.reasoningTokens"),
        (_VERCEL, "ai.usage.reasoningTokens"),
    ),
    _counts(
        "token_count",
        (_RAK, "token_count"),
        (_LLMETRY, "gen_ai.usage.total_tokens"),
        (_LLMETRY, "llm.usage.total_tokens"),
        (_INFERENCE, "llm.token_count.total"),
        (_VERCEL, "ai.usage.totalTokens"),
    ),
    _lists(
        "finish_reason",
        (_OLD, "gen_ai.response.finish_reasons"),
        (_LLMETRY, "gen_ai.response.finish_reason"),
        (_LLMETRY, "gen_ai.response.stop_reason"),
        (_RAK, "finish_reason"),
        (_OTHER, "anthropic.message.stop_reason"),
        (_INFERENCE, "llm.finish_reason"),
        (_LLMETRY, "llm.response.finish_reason"),
        (_LLMETRY, "llm.response.stop_reason"),
        (_VERCEL, "ai.response.finishReason"),
        (_VERCEL, "ai.finishReason"),
    ),
    Promotion(
        "time_to_first_token_ns",
        "count",
        (
            Spelling("gen_ai.response.time_to_first_chunk", _NEW, "seconds"),
            # A metric of the conventions too, which Pydantic AI puts on spans.
            Spelling("gen_ai.client.operation.time_to_first_chunk", _OTHER, "seconds"),
            # A metric of the conventions, in seconds; Strands puts milliseconds on spans.
            Spelling("gen_ai.server.time_to_first_token", _OTHER, "seconds or milliseconds"),
            Spelling("gen_ai.latency.time_to_first_token", _OTHER, "seconds"),
            Spelling("ai.response.msToFirstChunk", _VERCEL, "milliseconds"),
            Spelling("ai.stream.msToFirstChunk", _VERCEL, "milliseconds"),
        ),
    ),
    _counts(
        "resource_cpu_micros",
        (_RAK, "resource_cpu_micros"),
        (_RAK, "resource.cpu_micros"),
        (_RAK, "resource.cpu.micros"),
    ),
    _counts(
        "resource_memory_bytes",
        (_RAK, "resource_memory_bytes"),
        (_RAK, "resource.memory_bytes"),
        (_RAK, "resource.memory.bytes"),
    ),
    _counts(
        "resource_memory_peak",
        (_RAK, "resource_memory_peak"),
        (_RAK, "resource.memory_peak"),
        (_RAK, "resource.memory.peak"),
        (_RAK, "resource.memory_peak_bytes"),
    ),
)
"""Every promoted column but `operation`, which `rak_libs.model.operations` is about."""

PREFERENCES: Final = {
    "llm_model": ("llm_response_model", "llm_request_model", "llm_model"),
    "session_id": ("session_id", "conversation_id"),
}
"""Columns that take the first of several that is not '', as attributes alone fill these."""


def whole_model_name(model: str, asked: str) -> str:
    """Return a model's name with the owner that an instrumentation may have cut off.

    Args:
        model: As it was told: `Llama-3.1-70B`, from OpenLLMetry.
        asked: The model that was asked: `meta-llama/Llama-3.1-70B`.
    """
    return asked if model and asked.endswith(f"/{model}") else model
