"""What is answered about logs."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from rak_services.query.answers import (
    Attributes,
    Complete,
    Nanoseconds,
    NextCursor,
    Resource,
    Scope,
    Time,
)


class LogRecord(Struct, frozen=True, kw_only=True):
    """One log record as it was received, with the columns that were filled from its attributes."""

    timestamp: Annotated[
        Time,
        Meta(description="When it happened or, of a record that does not say, was observed."),
    ]
    time_is_observed: Annotated[bool, Meta(description="Whether `timestamp` is the latter.")]
    observed_timestamp: Annotated[
        Time | None, Meta(description="When it was observed; null when nobody said.")
    ]
    trace_id: str
    span_id: str
    flags: int
    service_name: str
    severity_number: Annotated[
        int,
        Meta(
            description="1 to 4 is TRACE, 5 to 8 DEBUG, 9 to 12 INFO, 13 to 16 WARN, 17 to 20 "
            "ERROR, 21 to 24 FATAL; 0 when nobody said."
        ),
    ]
    severity_text: str
    event_name: str
    body: Annotated[
        Any,
        Meta(description="Text, or any value in the form of attributes; null for none."),
    ]
    invocation_id: str
    session_id: str
    user_id: str
    agent_name: str
    llm_model: str
    tool_name: str
    attributes: Attributes
    dropped_attributes_count: int
    resource: Resource
    scope: Scope
    ingested_at: Time


class LogList(Struct, frozen=True, kw_only=True):
    """A page of log records; those of one time in the order in which they were received."""

    items: list[LogRecord]
    next_cursor: NextCursor
    complete: Complete


class TraceLogs(Struct, frozen=True, kw_only=True):
    """A page of the log records of one trace, by time."""

    trace_id: str
    items: list[LogRecord]
    next_cursor: NextCursor
    complete: Complete


class LogCounts(Struct, frozen=True, kw_only=True):
    """How many records there are in one step of time; a record stored twice counts twice."""

    timestamp: Annotated[Time, Meta(description="Begin of the step, a multiple of `step_ns`.")]
    records: int
    unspecified: Annotated[int, Meta(description="Of no severity, or of one that OTLP lacks.")]
    trace: int
    debug: int
    info: int
    warn: int
    error: int
    fatal: int


class LogHistogram(Struct, frozen=True, kw_only=True):
    """Counts by severity over time; a step without records is left out."""

    step_ns: Nanoseconds
    items: list[LogCounts]
    next_cursor: NextCursor
    complete: Complete
