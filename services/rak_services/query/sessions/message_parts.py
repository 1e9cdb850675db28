"""From the JSON of one part of a message to a part.

The shapes are those of the semantic conventions (`type` with `content`), of OpenAI (`type:
function`), Anthropic (`tool_use`), Gemini (`function_call`, without a type) and Bedrock
(`toolUse`). Anything else is kept as it is.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from rak_services.query.sessions.messages import Other, Part, Reasoning, Text, ToolCall, ToolResult

Json = Mapping[str, Any]

_MARGIN: Final = 100
"""So many levels fewer are read than could be."""

_decode: Final = msgspec.json.Decoder().decode


def parsed(value: Any) -> Any:
    """Return the JSON that a text holds when that is an array or an object, else the value."""
    if not isinstance(value, str) or not value.lstrip().startswith(("[", "{")):
        return value
    try:
        return _decoded(value)
    except (ValueError, RecursionError):
        return value


def _decoded(text: str) -> Any:
    """Parse JSON; what is nested too deeply to be written within an answer counts as none."""
    if text.count("[") + text.count("{") < _MARGIN:
        return _decode(text)
    value = _decode("[" * _MARGIN + text + "]" * _MARGIN)
    for _ in range(_MARGIN):
        (value,) = value
    return value


def part_of(value: Any) -> Part:
    """Return a part; one of no known shape is `Other`."""
    if isinstance(value, str):
        return Text(value)
    if not isinstance(value, dict):
        return Other(value)
    kind = value.get("type")
    if isinstance(kind, str):
        read = _BY_TYPE.get(kind)
        return (read(value) if read else None) or Other(value)
    for key, read_content in _BY_KEY.items():
        content = value.get(key)
        if isinstance(content, dict):
            return read_content(content, without(value, key))
    return _plain_text(value) or Other(value)


def known_parts(value: Any) -> tuple[Part, ...] | None:
    """Return the parts that a text holds as JSON; None unless every one has a known shape.

    Only so is a list that a text holds told from a text that happens to be JSON.
    """
    items = parsed(value)
    if not isinstance(items, list) or not items:
        return None
    parts = tuple(part_of(item) for item in items if isinstance(item, dict))
    if len(parts) < len(items) or any(isinstance(part, Other) for part in parts):
        return None
    return parts


def without(value: Json, *keys: str) -> dict[str, Any]:
    """Return what an object says beyond some keys; what is null or empty says nothing."""
    return {
        key: content
        for key, content in value.items()
        if key not in keys and content is not None and content not in ("", [], {})
    }


def text_at(value: Json, *keys: str) -> str:
    """Return the first text under one of some keys, or ''."""
    return next((text for key in keys if isinstance(text := value.get(key), str) and text), "")


def call_of(value: Json) -> ToolCall:
    """Return the call of `{id, name, arguments}`, or `{id, function: {name, arguments}}`."""
    function = value.get("function")
    if isinstance(function, dict):
        return ToolCall(
            text_at(value, "id"),
            text_at(function, "name"),
            parsed(function.get("arguments")),
            {**without(value, "id", "type", "function"), **without(function, "name", "arguments")},
        )
    arguments = next((value[key] for key in ("arguments", "input", "args") if key in value), None)
    return ToolCall(
        text_at(value, "call_id", "id"),
        text_at(value, "name"),
        parsed(arguments),
        without(value, "type", "id", "call_id", "name", "arguments", "input", "args"),
    )


def _text_part(value: Json) -> Part | None:
    for key in ("content", "text"):
        if isinstance(text := value.get(key), str):
            return Text(text, without(value, "type", key))
    # Told without its content, as SDKs do that may not tell it.
    return None if "content" in value or "text" in value else Text("", without(value, "type"))


def _reasoning_part(value: Json) -> Part | None:
    for key in ("content", "thinking", "text", "reasoning"):
        if isinstance(text := value.get(key), str):
            return Reasoning(text, without(value, "type", key))
    return None


def _result_part(value: Json) -> Part | None:
    for key in ("response", "result", "content", "output"):
        if key in value:
            return ToolResult(
                text_at(value, "call_id", "tool_use_id", "tool_call_id", "id"),
                text_at(value, "name"),
                parsed(value[key]),
                without(value, "type", "id", "tool_use_id", "tool_call_id", "call_id", "name", key),
            )
    return None


def _server_call(value: Json) -> Part | None:
    return ToolCall(
        text_at(value, "id"),
        text_at(value, "name"),
        value.get("server_tool_call"),
        without(value, "id", "name", "server_tool_call"),
    )


def _server_result(value: Json) -> Part | None:
    return ToolResult(
        text_at(value, "id"),
        text_at(value, "name"),
        value.get("server_tool_call_response"),
        without(value, "id", "name", "server_tool_call_response"),
    )


def _gemini_call(content: Json, extra: Json) -> Part:
    return ToolCall(
        text_at(content, "id"),
        text_at(content, "name"),
        content.get("args"),
        {**extra, **without(content, "id", "name", "args")},
    )


def _gemini_result(content: Json, extra: Json) -> Part:
    return ToolResult(
        text_at(content, "id"),
        text_at(content, "name"),
        content.get("response"),
        {**extra, **without(content, "id", "name", "response")},
    )


def _bedrock_call(content: Json, extra: Json) -> Part:
    return ToolCall(
        text_at(content, "toolUseId"),
        text_at(content, "name"),
        content.get("input"),
        {**extra, **without(content, "toolUseId", "name", "input")},
    )


def _bedrock_result(content: Json, extra: Json) -> Part:
    return ToolResult(
        text_at(content, "toolUseId"),
        text_at(content, "name"),
        content.get("content"),
        {**extra, **without(content, "toolUseId", "name", "content")},
    )


def _plain_text(value: Json) -> Part | None:
    """Return the text of Gemini and Bedrock, whose parts have no type."""
    text = value.get("text")
    if not isinstance(text, str):
        return None
    if value.get("thought") is True:
        return Reasoning(text, without(value, "text", "thought"))
    return Text(text, without(value, "text"))


_BY_TYPE: Final[dict[str, Callable[[Json], Part | None]]] = {
    **dict.fromkeys(("text", "input_text", "output_text"), _text_part),
    **dict.fromkeys(("reasoning", "thinking"), _reasoning_part),
    **dict.fromkeys(("tool_call", "function", "tool_use", "function_call"), call_of),
    **dict.fromkeys(("tool_call_response", "tool_result", "function_call_output"), _result_part),
    "server_tool_call": _server_call,
    "server_tool_call_response": _server_result,
}
_BY_KEY: Final[dict[str, Callable[[Json, Json], Part]]] = {
    "function_call": _gemini_call,
    "functionCall": _gemini_call,
    "function_response": _gemini_result,
    "functionResponse": _gemini_result,
    "toolUse": _bedrock_call,
    "toolResult": _bedrock_result,
}
