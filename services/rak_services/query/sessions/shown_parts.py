"""From messages to what is answered of them, long contents cut."""

from typing import Any

from rak_libs.model.json_text import json_to_text
from rak_libs.model.time_text import format_time
from rak_services.query.sessions.answers import (
    MessagePart,
    OtherPart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    TranscriptMessage,
)
from rak_services.query.sessions.messages import Part, Reasoning, Text, ToolCall, ToolResult
from rak_services.query.sessions.transcript import Line


def shown(line: Line, max_content: int) -> TranscriptMessage:
    """Return a line of a transcript as it is answered."""
    return TranscriptMessage(
        timestamp=format_time(line.timestamp),
        trace_id=line.trace_id,
        span_id=line.span_id,
        agent_name=line.agent,
        role=line.message.role,
        parts=[_part(part, max_content) for part in line.message.parts],
        extra=_extra(line.message.extra, max_content),
    )


def _part(part: Part, most: int) -> MessagePart:
    match part:
        case Text():
            text = part.text[:most]
            return TextPart(
                text=text, cut=len(text) < len(part.text), extra=_extra(part.extra, most)
            )
        case Reasoning():
            text = part.text[:most]
            return ReasoningPart(
                text=text, cut=len(text) < len(part.text), extra=_extra(part.extra, most)
            )
        case ToolCall():
            arguments, cut = _content(part.arguments, most)
            extra = _extra(part.extra, most)
            return ToolCallPart(
                id=part.id, name=part.name, arguments=arguments, cut=cut, extra=extra
            )
        case ToolResult():
            result, cut = _content(part.result, most)
            extra = _extra(part.extra, most)
            return ToolResultPart(id=part.id, name=part.name, result=result, cut=cut, extra=extra)
        case _:
            raw, cut = _content(part.raw, most)
            return OtherPart(raw=raw, cut=cut)


def _content(value: Any, most: int) -> tuple[Any, bool]:
    """Return JSON values whose text is not too long, else the begin of that, and whether cut."""
    text = value if isinstance(value, str) else json_to_text(value)
    return (text[:most], True) if len(text) > most else (value, False)


def _extra(extra: Any, most: int) -> dict[str, Any]:
    return {key: _content(value, most)[0] for key, value in extra.items()}
