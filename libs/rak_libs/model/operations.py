"""What kind of operation a span is: an agent's run, a call of a model or tool, … or none.

An attribute that tells goes first, the preferred one before others; else the span's name does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rak_libs.model.attribute_facts import bounded
from rak_libs.model.semconv_generations import Generation

NO_OPERATION: Final = "none"
"""What an attribute states that is known and means none of the operations. It is stored as '', and
the span's name is not asked."""


@dataclass(frozen=True, slots=True)
class OperationSpelling:
    """An attribute that tells the operation.

    Attributes:
        key: The attribute's key.
        generation: Who spells it so.
        operations: Its known values to operations; any other value tells nothing.
    """

    key: str
    generation: Generation
    operations: Mapping[str, str]


OPERATION_SPELLINGS: Final = (
    OperationSpelling(
        "gen_ai.operation.name",
        Generation.UP_TO_1_36,
        {
            "invoke_agent": "agent",
            "create_agent": NO_OPERATION,
            "chat": "llm",
            "text_completion": "llm",
            "generate_content": "llm",
            "embeddings": "embedding",
            "execute_tool": "tool",
            # 1.37 to 1.41.
            "retrieval": "retrieval",
            "invoke_workflow": "workflow",
            # After 1.41.
            "plan": NO_OPERATION,
            "fetch_response": NO_OPERATION,
            "create_memory": NO_OPERATION,
            "search_memory": NO_OPERATION,
            "update_memory": NO_OPERATION,
            "upsert_memory": NO_OPERATION,
            "delete_memory": NO_OPERATION,
            "create_memory_store": NO_OPERATION,
            "delete_memory_store": NO_OPERATION,
            # OpenLLMetry, the Agent Development Kit and Semantic Kernel.
            "execute_task": NO_OPERATION,
            "vector_db_retrieve": "retrieval",
            "compact_events": NO_OPERATION,
            "chat.completions": "llm",
            "text.completions": "llm",
        },
    ),
    OperationSpelling(
        "openinference.span.kind",
        Generation.OPENINFERENCE,
        {
            "AGENT": "agent",
            "LLM": "llm",
            "TOOL": "tool",
            "EMBEDDING": "embedding",
            "RETRIEVER": "retrieval",
            "CHAIN": NO_OPERATION,
            "RERANKER": NO_OPERATION,
            "GUARDRAIL": NO_OPERATION,
            "EVALUATOR": NO_OPERATION,
            "PROMPT": NO_OPERATION,
            "DECISION": NO_OPERATION,
        },
    ),
    OperationSpelling(
        "traceloop.span.kind",
        Generation.OPENLLMETRY,
        {"agent": "agent", "tool": "tool", "workflow": "workflow", "task": NO_OPERATION},
    ),
    OperationSpelling(
        "llm.request.type",
        Generation.OPENLLMETRY,
        {"chat": "llm", "completion": "llm", "embedding": "embedding", "rerank": NO_OPERATION},
    ),
    OperationSpelling(
        "ai.operationId",
        Generation.VERCEL,
        {
            # The whole loop of calls of models and tools, each of which has a span of its own.
            "ai.generateText": "agent",
            "ai.streamText": "agent",
            "ai.generateObject": "agent",
            "ai.streamObject": "agent",
            "ai.generateText.doGenerate": "llm",
            "ai.streamText.doStream": "llm",
            "ai.generateObject.doGenerate": "llm",
            "ai.streamObject.doStream": "llm",
            "ai.toolCall": "tool",
            "ai.embed": NO_OPERATION,
            "ai.embedMany": NO_OPERATION,
            "ai.embed.doEmbed": "embedding",
            "ai.embedMany.doEmbed": "embedding",
        },
    ),
    OperationSpelling(
        "langfuse.observation.type",
        Generation.OTHER,
        {
            "agent": "agent",
            "generation": "llm",
            "tool": "tool",
            "embedding": "embedding",
            "retriever": "retrieval",
            "chain": NO_OPERATION,
            "evaluator": NO_OPERATION,
            "guardrail": NO_OPERATION,
        },
    ),
    OperationSpelling("mcp.method.name", Generation.FROM_1_37, {"tools/call": "tool"}),
)
"""The attributes that tell, the preferred one first."""

SPAN_NAMES: Final = {
    "agent.run": "agent",
    "agent_run": "agent",
    "agent run": "agent",
    "invoke_agent": "agent",
    "llm.generate": "llm",
    "llm_generate": "llm",
    "llm_request": "llm",
    "call_llm": "llm",
    "chat": "llm",
    "text_completion": "llm",
    "generate_content": "llm",
    "execute_tool": "tool",
    "tool.execute": "tool",
    "running tool": "tool",
    "tools/call": "tool",
    "embeddings": "embedding",
    "retrieval": "retrieval",
    "invoke_workflow": "workflow",
}
"""A span's whole name, or its first word, to the operation."""

NAMING: Final = frozenset({"invoke_agent", "agent_run", "execute_tool", "tools/call"})
"""First words of span names that the name of the agent or tool follows, be it in brackets."""

SENDING: Final = "MCP send "
"""What MCP's Python SDK puts before the name that the conventions give a client's span."""

NAME_COLUMNS: Final = {"agent": "agent_name", "tool": "tool_name"}
"""Operations to the column that has the name of what was run. Where no attribute of that column
tells, `entity_name` does, or else the span's name."""


def operation_of_name(span_name: str) -> str:
    """Return the operation that a span's name alone tells, '' for none."""
    known = SPAN_NAMES.get(span_name)
    return SPAN_NAMES.get(span_name.partition(" ")[0], "") if known is None else known


def subject_of_name(span_name: str) -> str:
    """Return the agent or tool that a span's name names: `search` of `execute_tool search`."""
    word, _, subject = span_name.removeprefix(SENDING).partition(" ")
    if word not in NAMING:
        return ""
    subject = subject.strip()
    if subject.startswith("[") and "]" in subject:
        subject = subject[1 : subject.rindex("]")]
    return bounded(subject)
