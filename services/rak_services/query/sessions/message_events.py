"""Messages that SDKs told in events of one message each, before the conventions' version 1.37.

An event is one of the span, whose attributes hold all of it, or a log record with a body, or, as
pydantic-ai wrote them, an object in a list that an attribute of the span holds.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from rak_services.query.sessions.message_parts import parsed
from rak_services.query.sessions.message_reading import (
    content_parts,
    message_of,
    messages_of,
    split,
)
from rak_services.query.sessions.messages import Message, Told
from rak_services.query.sessions.span_content import (
    ALL_EVENTS_KEY,
    ALL_MESSAGES_KEY,
    CHOICE_EVENT,
    EVENTS_KEY,
    MESSAGE_EVENTS,
    ContentEvent,
    SpanContent,
)

_CONTENT_ATTRIBUTE: Final = "gen_ai.event.content"
"""Where some SDKs put the whole body as JSON text."""

_ABOUT_THE_EVENT: Final = frozenset(
    {"event.name", "gen_ai.system", "gen_ai.provider.name", "gen_ai.message.index"}
)


def told_by_events(span: SpanContent) -> Told:
    """Read `gen_ai.user.message` and its like and `gen_ai.choice`."""
    return _told((event.name, _body_of(event)) for event in span.events)


def calls_by_events(span: SpanContent) -> list[Told]:
    """Return each call that events tell: what is said after a choice goes into the next one.

    A span has events of several when SDKs write them into the span around their own.
    """
    calls: list[list[ContentEvent]] = []
    chosen = True
    for event in span.events:
        is_choice = event.name == CHOICE_EVENT
        if not is_choice and event.name not in MESSAGE_EVENTS:
            continue
        if chosen and not (is_choice and calls):
            calls.append([])
        calls[-1].append(event)
        chosen = is_choice
    return [_call(events) for events in calls]


def _call(events: Sequence[ContentEvent]) -> Told:
    told = _told((event.name, _body_of(event)) for event in events)
    return Told(told.inputs, told.outputs, (events[0].timestamp, events[-1].timestamp))


def told_by_pydantic(span: SpanContent) -> Told:
    """Read what pydantic-ai writes: events of a call, or all messages of a run."""
    events = _event_list(span.attributes.get(EVENTS_KEY))
    if events:
        return _told(events)
    run = _told(_event_list(span.attributes.get(ALL_EVENTS_KEY))).inputs
    run = run or messages_of(span.attributes.get(ALL_MESSAGES_KEY), "user")
    if run and run[-1].role == "assistant":
        return Told(run[:-1], run[-1:])
    return Told(run)


def _told(events: Iterable[tuple[str, Any]]) -> Told:
    inputs: list[Message] = []
    outputs: list[Message] = []
    for name, body in events:
        if name == CHOICE_EVENT:
            outputs += _choice(body)
        elif name in MESSAGE_EVENTS:
            inputs += message_of(body, MESSAGE_EVENTS[name])
    return Told(tuple(inputs), tuple(outputs))


def _choice(body: Any) -> tuple[Message, ...]:
    """Return what a model chose to say: under `message`, or beside its finish reason."""
    body = parsed(body)
    if not isinstance(body, Mapping):
        return message_of(body, "assistant")
    extra = {key: body[key] for key in body if key != "message" and body[key] not in (0, None, "")}
    message = parsed(body.get("message"))
    if isinstance(message, Mapping):
        return message_of({**extra, **message}, "assistant")
    if message is None:
        return message_of(extra, "assistant")
    return split(Message("assistant", tuple(content_parts(message)), extra))


def _body_of(event: ContentEvent) -> Any:
    if event.body is not None:
        return parsed(event.body)
    whole = event.attributes.get(_CONTENT_ATTRIBUTE)
    if whole is not None:
        return parsed(whole)
    return _without_about(event.attributes)


def _without_about(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in attributes.items() if key not in _ABOUT_THE_EVENT}


def _event_list(value: Any) -> list[tuple[str, Any]]:
    """Return names and bodies of a list of events; none of anything else by that name."""
    items = parsed(value)
    if not isinstance(items, list):
        return []
    return [
        (item["event.name"], _without_about(item))
        for item in items
        if isinstance(item, dict) and isinstance(item.get("event.name"), str)
    ]
