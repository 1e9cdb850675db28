"""Which `gen_ai.*` attributes are known: what is promoted, and what is left alone on purpose.

An attribute that is left alone stays where every attribute is, and is read there by those who want
it: messages by transcripts, parameters of requests by people. Any other key under `PREFIX` is one
that no rule knows: a new convention, or a spelling that should be promoted.
"""

from dataclasses import dataclass
from typing import Final

from rak_libs.model.operations import OPERATION_SPELLINGS
from rak_libs.model.promotion import PROMOTIONS
from rak_libs.model.semconv_generations import Generation

PREFIX: Final = "gen_ai."


@dataclass(frozen=True, slots=True)
class KnownKey:
    """What is known of an attribute's key.

    Attributes:
        generation: Who spells it so, the first that did.
        column: The promoted column that it fills; '' for one that is left alone.
    """

    generation: Generation
    column: str


_LEFT_ALONE: Final = {
    Generation.UP_TO_1_36: (
        "agent.description",
        "agent.id",
        "completion",
        "data_source.id",
        "evaluation.explanation",
        "evaluation.name",
        "evaluation.score.label",
        "evaluation.score.value",
        "openai.request.response_format",
        "openai.request.seed",
        "openai.request.service_tier",
        "openai.response.service_tier",
        "openai.response.system_fingerprint",
        "output.type",
        "prompt",
        "request.choice.count",
        "request.encoding_formats",
        "request.frequency_penalty",
        "request.is_stream",
        "request.max_tokens",
        "request.presence_penalty",
        "request.seed",
        "request.stop_sequences",
        "request.temperature",
        "request.top_k",
        "request.top_p",
        "token.type",
        "tool.description",
        "tool.type",
    ),
    Generation.FROM_1_37: (
        "agent.version",
        "embeddings.dimension.count",
        "input.messages",
        "output.messages",
        "prompt.name",
        "request.stream",
        "retrieval.documents",
        "retrieval.query.text",
        "system_instructions",
        "tool.call.arguments",
        "tool.call.result",
        "tool.definitions",
        "workflow.name",
    ),
    Generation.AFTER_1_41: (
        "conversation.compacted",
        "main_agent.id",
        "memory.query.text",
        "memory.record.count",
        "memory.record.id",
        "memory.records",
        "memory.store.id",
        "prompt.version",
        "request.previous_response.id",
        "request.reasoning.level",
        "request.stream_cursor",
        "response.status",
        "retrieval.top_k",
        "skill.description",
        "skill.name",
        "skill.resource.name",
        "skill.source.uri",
        "token.cache",
        "token.modality",
        "token.phase",
        "usage.audio.cache_read.input_tokens",
        "usage.audio.input_tokens",
        "usage.audio.output_tokens",
        "usage.image.cache_read.input_tokens",
        "usage.image.input_tokens",
        "usage.image.output_tokens",
        "usage.text.cache_read.input_tokens",
        "usage.text.input_tokens",
        "usage.text.output_tokens",
        "usage.video.input_tokens",
    ),
    Generation.OPENLLMETRY: (
        "content.completion.chunk",
        "headers",
        "is_streaming",
        "openai.api_base",
        "openai.api_type",
        "openai.api_version",
        "openai.system_fingerprint",
        "request.max_completion_tokens",
        "request.n",
        "request.reasoning_effort",
        "request.reasoning_summary",
        "request.repetition_penalty",
        "request.structured_output_schema",
        "response.reasoning_effort",
        "task.id",
        "task.input",
        "task.kind",
        "task.name",
        "task.output",
        "task.parent.id",
        "task.status",
        "usage.token_type",
        "workflow.edges",
        "workflow.nodes",
    ),
    Generation.GOOGLE_ADK: (
        "tool.version",
        "usage.experimental.reasoning_tokens_limit",
        "usage.experimental.system_instruction_tokens",
        "workflow.nested",
    ),
    Generation.PYDANTIC_AI: ("agent.call.id",),
    Generation.OTHER: (
        "event.end_time",
        "event.start_time",
        "latency.e2e",
        "latency.time_in_model_decode",
        "latency.time_in_model_execute",
        "latency.time_in_model_forward",
        "latency.time_in_model_inference",
        "latency.time_in_model_prefill",
        "latency.time_in_queue",
        "latency.time_in_scheduler",
        "request.id",
        "server.request.duration",
        "server.time_per_output_token",
        "usage.num_sequences",
    ),
}

LEFT_ALONE_PREFIXES: Final = {
    "gen_ai.prompt.variable.": Generation.AFTER_1_41,
    "gen_ai.prompt.": Generation.OPENLLMETRY,
    "gen_ai.completion.": Generation.OPENLLMETRY,
    "gen_ai.compaction.": Generation.GOOGLE_ADK,
    "gen_ai.usage.details.": Generation.PYDANTIC_AI,
    "gen_ai.aggregated_usage.": Generation.PYDANTIC_AI,
}
"""Beginnings of keys that go on with a number, a name or a kind of token: anybody's choice."""


def _known() -> dict[str, KnownKey]:
    known = {
        PREFIX + name: KnownKey(generation, "")
        for generation, names in _LEFT_ALONE.items()
        for name in names
    }
    for rule in PROMOTIONS:
        known |= {each.key: KnownKey(each.generation, rule.column) for each in rule.spellings}
    known |= {each.key: KnownKey(each.generation, "operation") for each in OPERATION_SPELLINGS}
    return {key: what for key, what in known.items() if key.startswith(PREFIX)}


KNOWN_KEYS: Final = _known()
"""Every known key under `PREFIX`, but for those that begin like one of `LEFT_ALONE_PREFIXES`."""


def known_key(key: str) -> KnownKey | None:
    """Return what is known of a key under `PREFIX`; None for one that no rule knows."""
    if known := KNOWN_KEYS.get(key):
        return known
    for prefix, generation in LEFT_ALONE_PREFIXES.items():
        if key.startswith(prefix):
            return KnownKey(generation, "")
    return None
