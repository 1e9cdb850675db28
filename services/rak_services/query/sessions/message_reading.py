"""From the JSON of messages to messages, whatever SDK wrote it; what is no JSON is a text."""

from collections.abc import Mapping
from typing import Any, Final

from rak_services.query.sessions.message_parts import (
    call_of,
    known_parts,
    parsed,
    part_of,
    text_at,
    without,
)
from rak_services.query.sessions.messages import (
    Message,
    Other,
    Part,
    Reasoning,
    Text,
    ToolResult,
)

_ROLES: Final = {"model": "assistant", "ai": "assistant", "human": "user", "function": "tool"}
"""What some SDKs call a role, and its name in the semantic conventions."""

_READ: Final = (
    "role",
    "parts",
    "content",
    "tool_calls",
    "function_call",
    "reasoning_content",
    "refusal",
)


def messages_of(value: Any, role: str) -> tuple[Message, ...]:
    """Return the messages of a list, of an object around one, or of a text that holds either.

    Args:
        value: JSON values, or JSON as text; any other text is one message.
        role: Of messages that do not tell theirs.
    """
    json = parsed(value)
    if isinstance(json, dict) and isinstance(json.get("messages"), list):
        json = json["messages"]
    found = json if isinstance(json, list) else [json]
    return tuple(part for item in found for part in message_of(item, role))


def message_of(value: Any, role: str) -> tuple[Message, ...]:
    """Return a message; none when it says nothing, several when it holds results of tools.

    Each result is a message of its own of the role `tool`, since some SDKs gather those of one
    step and others do not.
    """
    if value is None or value == "":
        return ()
    if isinstance(value, dict):
        if value.keys().isdisjoint(_READ):
            return (Message(role, (part_of(value),)),) if value else ()
        told = _role(text_at(value, "role") or role)
        return split(Message(told, _parts(value, told), without(value, *_used(value, told))))
    return (Message(role, (part_of(value),)),)


def instructions_of(value: Any) -> tuple[Message, ...]:
    """Return the system message of a list of parts, of a Gemini content, or of a text."""
    json = parsed(value)
    if json is None or json == "":
        return ()
    if isinstance(json, list) and not any(_is_message(item) for item in json):
        return (Message("system", tuple(part_of(item) for item in json)),) if json else ()
    return messages_of(json, "system")


def split(message: Message) -> tuple[Message, ...]:
    """Return a message with each result of a tool in a message of its own."""
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    if not results:
        return (message,) if message.parts else ()
    others = tuple(part for part in message.parts if not isinstance(part, ToolResult))
    rest = (Message(message.role, others, message.extra),) if others else ()
    extra = {} if others else message.extra
    return (*(Message("tool", (result,), extra) for result in results), *rest)


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and ("role" in value or "parts" in value)


def _role(role: str) -> str:
    return _ROLES.get(role, role)


def _parts(value: Mapping[str, Any], role: str) -> tuple[Part, ...]:
    parts: list[Part] = []
    reasoning = value.get("reasoning_content")
    if isinstance(reasoning, str) and reasoning:
        parts.append(Reasoning(reasoning))
    elif reasoning:
        parts.append(Other({"reasoning_content": reasoning}))
    told = parsed(value.get("parts"))
    if isinstance(told, list):
        parts += [part_of(item) for item in told]
    elif told is not None:
        parts.append(Other({"parts": told}))
    parts += _result(value) if _is_result(value, role) else content_parts(value.get("content"))
    if value.get("refusal"):
        parts.append(Other({"type": "refusal", "content": value["refusal"]}))
    return (*parts, *_calls(value))


def content_parts(content: Any) -> list[Part]:
    """Return the parts of the content of a message: a text, a list, or a Gemini content."""
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return list(known_parts(content) or [Text(content)])
    if isinstance(content, dict) and isinstance(content.get("parts"), list):
        return [part_of(item) for item in content["parts"]]
    if isinstance(content, list):
        return [part_of(item) for item in content]
    return [part_of(content)]


def _is_result(value: Mapping[str, Any], role: str) -> bool:
    """Whether the content is what a tool answered: it may itself be a list of parts."""
    return role == "tool" and "content" in value and not _holds_results(value["content"])


def _holds_results(content: Any) -> bool:
    parts = known_parts(content) if isinstance(content, str) else None
    if isinstance(content, list):
        parts = tuple(part_of(item) for item in content)
    if isinstance(content, dict) and isinstance(content.get("parts"), list):
        parts = tuple(part_of(item) for item in content["parts"])
    return any(isinstance(part, ToolResult) for part in parts or ())


def _result(value: Mapping[str, Any]) -> list[Part]:
    id_ = text_at(value, "tool_call_id", "id")
    return [ToolResult(id_, text_at(value, "name"), parsed(value["content"]))]


def _calls(value: Mapping[str, Any]) -> list[Part]:
    calls: list[Part] = []
    told = parsed(value.get("tool_calls"))
    if isinstance(told, list):
        calls += [call_of(call) if isinstance(call, dict) else Other(call) for call in told]
    elif told is not None:
        calls.append(Other({"tool_calls": told}))
    legacy = parsed(value.get("function_call"))
    if isinstance(legacy, dict):
        calls.append(call_of(legacy))
    elif legacy is not None:
        calls.append(Other({"function_call": legacy}))
    return calls


def _used(value: Mapping[str, Any], role: str) -> tuple[str, ...]:
    return (*_READ, "tool_call_id", "id", "name") if _is_result(value, role) else _READ
