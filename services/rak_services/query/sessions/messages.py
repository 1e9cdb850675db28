"""The one form that messages of every SDK and convention are brought to.

Nothing is lost on the way: what a part or a message says beyond the fields here is kept in `extra`,
and a part of a kind that is not known is kept whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rak_libs.model.json_text import json_to_text

Extra = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Text:
    """What was written."""

    text: str
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reasoning:
    """What a model thought before it answered."""

    text: str
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's wish that a tool be called; `id` and `name` are '' where they are not told.

    `arguments` are JSON values, or the text that was to be JSON and is not.
    """

    id: str
    name: str
    arguments: Any
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool answered to the call of this `id`; JSON values, or text."""

    id: str
    name: str
    result: Any
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Other:
    """A part of another kind (an image, a file), as it was told."""

    raw: Any


Part = Text | Reasoning | ToolCall | ToolResult | Other


@dataclass(frozen=True, slots=True)
class Message:
    """What one side said: `system`, `user`, `assistant`, `tool`, or a role as it was told."""

    role: str
    parts: tuple[Part, ...]
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of one piece of work: what went into it, and what came out of it.

    `times`, in nanoseconds since 1970, are those of input and output where they are not the begin
    and the end of the span that tells it.
    """

    inputs: tuple[Message, ...] = ()
    outputs: tuple[Message, ...] = ()
    times: tuple[int, int] | None = None


def message_key(message: Message) -> str:
    """Return what is equal of a message wherever it is told again.

    An answer comes back as history without its finish reason and often without what the model
    thought; a call or a result with an id is known by that.
    """
    keys = [key for part in message.parts if (key := _part_key(part)) is not None]
    if not keys:
        keys = [["reasoning", _text_of(part)] for part in message.parts]
    return json_to_text([message.role, *keys])


def content_key(part: ToolCall | ToolResult) -> str:
    """Return what is equal of a call or a result whose id is not told everywhere."""
    content = part.arguments if isinstance(part, ToolCall) else part.result
    return json_to_text([part.name, content])


def _part_key(part: Part) -> list[Any] | None:
    match part:
        case Text():
            return ["text", part.text.strip()]
        case ToolCall():
            return ["call", part.id] if part.id else ["call", part.name, part.arguments]
        case ToolResult():
            return ["result", part.id] if part.id else ["result", part.result]
        case Other():
            return ["other", part.raw]
        case _:
            return None


def _text_of(part: Part) -> str:
    return part.text if isinstance(part, Reasoning) else ""
