"""What one span tells of a conversation, by each way in which SDKs tell it.

A source is a pure function from a span to what it tells. Of the inputs, and of the outputs, the
first source that tells any is taken: the others tell the same of the same span.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from rak_services.query.sessions.message_events import (
    calls_by_events,
    told_by_events,
    told_by_pydantic,
)
from rak_services.query.sessions.message_parts import parsed, text_at
from rak_services.query.sessions.message_reading import instructions_of, messages_of
from rak_services.query.sessions.messages import Message, Told, ToolCall, ToolResult
from rak_services.query.sessions.numbered_keys import told_by_numbered_keys
from rak_services.query.sessions.span_content import (
    ARGUMENT_KEYS,
    CHOICE_EVENT,
    COMPLETION_KEY,
    DETAILS_EVENT,
    INPUT_KEY,
    INSTRUCTIONS_KEY,
    OUTPUT_KEY,
    PROMPT_KEY,
    REQUEST_KEY,
    RESPONSE_KEY,
    RESULT_KEYS,
    TOOL_EVENT,
    SpanContent,
)

_NOTHING: Final = frozenset({"", "{}", "N/A", "<not specified>"})
"""What Google's ADK writes where there is nothing to tell, or where it may not be told."""

_ADK_ERRORS: Final = ("error_code", "error_message")

_MERGED_TOOLS: Final = "(merged tools)"
"""The tool of a span that repeats several calls, each of which has a span of its own."""


def told_by(span: SpanContent) -> list[Told]:
    """Return what a span tells: of a call of a tool the call and its result.

    Nearly always of one piece of work; of several, in their order, when its events do.
    """
    if span.operation == "embedding":
        return []
    if span.operation == "tool":
        return [told_by_tool(span)]
    inputs: tuple[Message, ...] = ()
    outputs: tuple[Message, ...] = ()
    for source in _SOURCES:
        if source is told_by_events and not inputs and not outputs:
            calls = calls_by_events(span)
            if len(calls) > 1:
                return calls
        told = source(span)
        inputs, outputs = inputs or told.inputs, outputs or told.outputs
        if inputs and outputs:
            break
    return [Told(inputs, outputs)]


def told_by_conventions(span: SpanContent) -> Told:
    """Read `gen_ai.input.messages` and its like: attributes of the span, or of the event about it.

    Each is JSON text or a structured value.
    """
    holders = [event.attributes for event in span.events if event.name == DETAILS_EVENT]
    bodies = [event.body for event in span.events if event.name == DETAILS_EVENT]
    told = [span.attributes, *holders, *(body for body in bodies if isinstance(body, Mapping))]
    return Told(
        (
            *instructions_of(_first(told, INSTRUCTIONS_KEY)),
            *messages_of(_first(told, INPUT_KEY), "user"),
        ),
        messages_of(_first(told, OUTPUT_KEY), "assistant"),
    )


def told_by_prompts(span: SpanContent) -> Told:
    """Read `gen_ai.prompt` and `gen_ai.completion`, of the span or of an event of it."""
    told = [span.attributes, *(event.attributes for event in span.events)]
    return Told(
        messages_of(_first(told, PROMPT_KEY), "user"),
        messages_of(_first(told, COMPLETION_KEY), "assistant"),
    )


def told_by_adk(span: SpanContent) -> Told:
    """Read the request and the response of a model that Google's ADK writes."""
    request = _adk_value(span, REQUEST_KEY)
    response = _adk_value(span, RESPONSE_KEY)
    if isinstance(request, Mapping) and "contents" in request:
        config = request.get("config")
        instruction = config.get("system_instruction") if isinstance(config, Mapping) else None
        inputs = (*instructions_of(instruction), *messages_of(request["contents"], "user"))
    else:
        inputs = messages_of(request, "user")
    if isinstance(response, Mapping):
        if response.get("content"):
            response = response["content"]
        else:
            response = {key: response[key] for key in _ADK_ERRORS if response.get(key)} or None
    return Told(inputs, messages_of(response, "assistant"))


def told_by_tool(span: SpanContent) -> Told:
    """Return the call of a tool and its result, of the attributes of its span or of its events."""
    if span.tool_name == _MERGED_TOOLS:
        return Told()
    id_ = "" if span.tool_call_id in _NOTHING else span.tool_call_id
    arguments = _first([span.attributes], *ARGUMENT_KEYS)
    result = _first([span.attributes], *RESULT_KEYS)
    if (
        isinstance(result, str)
        and result in _NOTHING
        and span.attributes.get(RESULT_KEYS[0]) is None
    ):
        result = None
    if arguments is None and result is None:
        arguments, result, told_id = _tool_events(span)
        id_ = id_ or told_id
    call = ToolCall(id_, span.tool_name, parsed(arguments))
    inputs = () if arguments is None else (Message("assistant", (call,)),)
    if result is None:
        return Told(inputs)
    answer = ToolResult(id_, span.tool_name, parsed(result))
    return Told(inputs, (Message("tool", (answer,)),))


def _tool_events(span: SpanContent) -> tuple[Any, Any, str]:
    """Return arguments, result and id of a call whose span tells them in events.

    With a choice beside it the message holds the arguments, as Strands writes them; alone it is
    the result.
    """
    messages = [event.attributes for event in span.events if event.name == TOOL_EVENT]
    choices = [event.attributes for event in span.events if event.name == CHOICE_EVENT]
    id_ = next((found for told in (*messages, *choices) if (found := text_at(told, "id"))), "")
    content = _first(messages, "content")
    if choices:
        return content, _first(choices, "message", "content"), id_
    return None, content, id_


def _first(holders: Sequence[Mapping[str, Any]], *keys: str) -> Any:
    return next(_found(holders, keys), None)


def _found(holders: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> Iterator[Any]:
    for holder in holders:
        for key in keys:
            if holder.get(key) is not None:
                yield holder[key]


def _adk_value(span: SpanContent, key: str) -> Any:
    value = span.attributes.get(key)
    return None if isinstance(value, str) and value in _NOTHING else parsed(value)


_SOURCES: Final[tuple[Callable[[SpanContent], Told], ...]] = (
    told_by_conventions,
    told_by_events,
    told_by_pydantic,
    told_by_adk,
    told_by_prompts,
    told_by_numbered_keys,
)
