"""What is stored of a span and its events that may tell of a conversation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple


class ContentEvent(NamedTuple):
    """An event of a span, or a log record that was written in it.

    `body` holds JSON values; of a span's event, whose attributes are all there is, it is None.
    """

    timestamp: int
    name: str
    attributes: Mapping[str, Any]
    body: Any = None


@dataclass(frozen=True, slots=True)
class SpanContent:
    """One span of a trace; times in nanoseconds since 1970.

    Attributes:
        operation: `agent`, `llm`, `tool`, …; '' for none.
        agent: The agent that it belongs to; '' outside any.
        repeats: Whether another span below tells of the same work.
        attributes: Those that may hold messages, as answers show them.
        events: Its events and its log records that may, in order of time.
    """

    trace_id: str
    span_id: str
    timestamp: int
    end: int
    operation: str = ""
    agent: str = ""
    tool_name: str = ""
    tool_call_id: str = ""
    repeats: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[ContentEvent, ...] = ()


INPUT_KEY: Final = "gen_ai.input.messages"
OUTPUT_KEY: Final = "gen_ai.output.messages"
INSTRUCTIONS_KEY: Final = "gen_ai.system_instructions"
PROMPT_KEY: Final = "gen_ai.prompt"
COMPLETION_KEY: Final = "gen_ai.completion"
REQUEST_KEY: Final = "gcp.vertex.agent.llm_request"
RESPONSE_KEY: Final = "gcp.vertex.agent.llm_response"
EVENTS_KEY: Final = "events"
ALL_EVENTS_KEY: Final = "all_messages_events"
ALL_MESSAGES_KEY: Final = "pydantic_ai.all_messages"
ARGUMENT_KEYS: Final = (
    "gen_ai.tool.call.arguments",
    "gcp.vertex.agent.tool_call_args",
    "tool_arguments",
)
RESULT_KEYS: Final = (
    "gen_ai.tool.call.result",
    "gcp.vertex.agent.tool_response",
    "tool_response",
)
NUMBERED_KEYS: Final = (f"{PROMPT_KEY}.", f"{COMPLETION_KEY}.")
"""How the keys begin under which a message has a number: `gen_ai.prompt.0.content`."""

CONTENT_KEYS: Final = (
    INPUT_KEY,
    OUTPUT_KEY,
    INSTRUCTIONS_KEY,
    PROMPT_KEY,
    COMPLETION_KEY,
    REQUEST_KEY,
    RESPONSE_KEY,
    EVENTS_KEY,
    ALL_EVENTS_KEY,
    ALL_MESSAGES_KEY,
    *ARGUMENT_KEYS,
    *RESULT_KEYS,
)
"""Attributes of spans that may hold messages, beside the numbered ones."""

DETAILS_EVENT: Final = "gen_ai.client.inference.operation.details"
CHOICE_EVENT: Final = "gen_ai.choice"
TOOL_EVENT: Final = "gen_ai.tool.message"
MESSAGE_EVENTS: Final = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    TOOL_EVENT: "tool",
}
"""Events of one message each, and whose it is."""

PROMPT_EVENT: Final = "gen_ai.content.prompt"
COMPLETION_EVENT: Final = "gen_ai.content.completion"
CONTENT_EVENTS: Final = (
    *MESSAGE_EVENTS,
    CHOICE_EVENT,
    DETAILS_EVENT,
    PROMPT_EVENT,
    COMPLETION_EVENT,
)
"""Events, of spans and of log records, that may tell of messages."""
