"""What is answered about sessions and users: one struct for each answer."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from rak_services.query.answers import Complete, Nanoseconds, NextCursor, Time
from rak_services.query.spending import Spending

Count = Annotated[int, Meta(ge=0)]
Cut = Annotated[bool, Meta(description="Whether there was more than `max_content`.")]
Beyond = Annotated[
    dict[str, Any], Meta(description="What was told beside the other fields, as it was told.")
]


class ActivityPoint(Spending, frozen=True, kw_only=True):
    """Work of the traces that began in one window; a window without any is left out."""

    timestamp: Annotated[
        str,
        Meta(description="Begin of the window.", extra_json_schema={"format": "date-time"}),
    ]
    traces: Count
    spans: Count
    errors: Count
    agent_runs: Count
    llm_calls: Count
    tool_calls: Count


class Activity(Spending, frozen=True, kw_only=True):
    """What the traces of a session, or of a user, that began in the time range sum up to."""

    first_seen: Annotated[
        str,
        Meta(description="When its first span began.", extra_json_schema={"format": "date-time"}),
    ]
    last_seen: Annotated[
        str,
        Meta(description="When its last span ended.", extra_json_schema={"format": "date-time"}),
    ]
    traces: Count
    spans: Count
    errors: Annotated[int, Meta(ge=0, description="Spans whose status is ERROR.")]
    services: list[str]
    agents: list[str]
    models: list[str]
    tools: list[str]
    agent_runs: Annotated[
        int, Meta(ge=0, description="Runs of agents; one that several spans tell of counts once.")
    ]
    llm_calls: Annotated[int, Meta(ge=0, description="Calls of models, counted likewise.")]
    tool_calls: Annotated[int, Meta(ge=0, description="Calls of tools, counted likewise.")]
    series: Annotated[
        list[ActivityPoint], Meta(description="Work over time, with `step`; else empty.")
    ]


class SessionRow(Activity, frozen=True, kw_only=True):
    """A session."""

    session_id: str
    duration_ns: Annotated[int, Meta(description="From `first_seen` to `last_seen`.")]
    users: list[str]


class SessionList(Struct, frozen=True, kw_only=True):
    """A page of sessions."""

    items: list[SessionRow]
    next_cursor: NextCursor
    complete: Complete


class UserRow(Activity, frozen=True, kw_only=True):
    """A user."""

    user_id: str
    sessions: Count


class UserList(Struct, frozen=True, kw_only=True):
    """A page of users."""

    items: list[UserRow]
    next_cursor: NextCursor
    complete: Complete


class SessionTrace(Spending, frozen=True, kw_only=True):
    """What of one trace belongs to a session."""

    trace_id: str
    root_service: str
    root_name: str
    timestamp: Time
    duration_ns: Nanoseconds
    spans: Count
    errors: Count
    agents: list[str]
    models: list[str]
    tools: list[str]
    agent_runs: Count
    llm_calls: Count
    tool_calls: Count


class SessionTraces(Struct, frozen=True, kw_only=True):
    """A page of a session's traces, by the time they began, then trace id."""

    items: list[SessionTrace]
    next_cursor: NextCursor
    complete: Complete


class TextPart(Struct, frozen=True, kw_only=True, tag="text", tag_field="type"):
    """What was written."""

    text: str
    cut: Cut
    extra: Beyond


class ReasoningPart(Struct, frozen=True, kw_only=True, tag="reasoning", tag_field="type"):
    """What a model thought before it answered."""

    text: str
    cut: Cut
    extra: Beyond


class ToolCallPart(Struct, frozen=True, kw_only=True, tag="tool_call", tag_field="type"):
    """A model's wish that a tool be called."""

    id: str
    name: str
    arguments: Annotated[
        Any, Meta(description="JSON; a text where they are no JSON, or the begin of it when cut.")
    ]
    cut: Cut
    extra: Beyond


class ToolResultPart(Struct, frozen=True, kw_only=True, tag="tool_result", tag_field="type"):
    """What a tool answered."""

    id: str
    name: str
    result: Annotated[
        Any, Meta(description="JSON; a text where it is no JSON, or the begin of it when cut.")
    ]
    cut: Cut
    extra: Beyond


class OtherPart(Struct, frozen=True, kw_only=True, tag="other", tag_field="type"):
    """A part of another kind: an image, a file, or what is not known."""

    raw: Annotated[Any, Meta(description="JSON as it was told, or the begin of its text when cut.")]
    cut: Cut


MessagePart = TextPart | ReasoningPart | ToolCallPart | ToolResultPart | OtherPart


class TranscriptMessage(Struct, frozen=True, kw_only=True):
    """One message of a conversation, or one call of a tool or its result."""

    timestamp: Annotated[
        str,
        Meta(
            description="When the span that first told it began, of what went into it, or ended, "
            "of what came out of it.",
            extra_json_schema={"format": "date-time"},
        ),
    ]
    trace_id: str
    span_id: str
    agent_name: str
    role: Annotated[
        str, Meta(description="`system`, `user`, `assistant`, `tool`, or as it was told.")
    ]
    parts: list[MessagePart]
    extra: Beyond


class Transcript(Struct, frozen=True, kw_only=True):
    """A page of what was said in a session: by trace, then time; nothing is told twice."""

    items: list[TranscriptMessage]
    next_cursor: NextCursor
    complete: Complete


class SessionPage(Struct, frozen=True, kw_only=True):
    """A session: what it sums up to, its traces, and what was said."""

    session: SessionRow
    traces: SessionTraces | None
    transcript: Transcript | None
