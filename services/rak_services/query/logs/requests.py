"""What can be asked about logs: one struct for each endpoint, its fields the parameters."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from rak_services.query.logs.severity import Severity
from rak_services.query.parameter_types import (
    AttributeFilters,
    Duration,
    SpanId,
    TimePoint,
    TraceId,
)
from rak_services.query.requests import DEFAULT_PAGE, CursorText, Limit, Name, Start

LogOrder = Literal["newest", "oldest"]
LogFormat = Literal["json", "otlp"]

Format = Annotated[
    LogFormat,
    Meta(
        description="`otlp` answers with an `ExportLogsServiceRequest` in OTLP JSON, which a "
        "receiver accepts; the next page is then in the headers `Link` and `Next-Cursor`."
    ),
]
LogEnd = Annotated[
    TimePoint,
    Meta(
        description="Before this time (exclusive). Default: open, so that records of clocks that "
        "run ahead are found.",
        examples=["now"],
    ),
]


class RecordFilters(Struct, frozen=True, kw_only=True):
    """Conditions on log records: a record must meet all of them."""

    service: Annotated[Name, Meta(description="`service_name` of the record.")] | None = None
    severity: (
        Annotated[
            Severity,
            Meta(
                description="The least `severity_number`, as a name or a number; records that do "
                "not tell theirs (0) are left out.",
                examples=["WARN"],
            ),
        ]
        | None
    ) = None
    q: (
        Annotated[
            Name,
            Meta(
                description="Text contained, in any case (Unicode's full case folding), in the "
                "record's `body`; of a structured body in its JSON text. An index finds texts of "
                "four letters or more.",
                examples=["connection refused"],
            ),
        ]
        | None
    ) = None
    event: Annotated[Name, Meta(description="`event_name` of the record.")] | None = None
    agent: Annotated[Name, Meta(description="`agent_name` of the record.")] | None = None
    session: Annotated[Name, Meta(description="`session_id` of the record.")] | None = None
    invocation: Annotated[Name, Meta(description="`invocation_id` of the record.")] | None = None
    user: Annotated[Name, Meta(description="`user_id` of the record.")] | None = None
    model: Annotated[Name, Meta(description="`llm_model` of the record.")] | None = None
    tool: Annotated[Name, Meta(description="`tool_name` of the record.")] | None = None
    trace_id: Annotated[TraceId, Meta(description="The record's trace.")] | None = None
    span_id: Annotated[SpanId, Meta(description="The record's span.")] | None = None
    attr: Annotated[
        AttributeFilters,
        Meta(
            description="`attr.<key>=<text>`: the record has this attribute with this value, "
            "written as an answer shows it. May be given for several keys; all must hold.",
        ),
    ] = field(default_factory=AttributeFilters)


class SearchLogs(RecordFilters, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/logs`."""

    start: (
        Annotated[
            TimePoint,
            Meta(
                description="From this time on (inclusive). Default: one hour before `end`; with "
                "`trace_id`, everything that is stored.",
                examples=["now-1h"],
            ),
        ]
        | None
    ) = None
    end: LogEnd | None = None
    order: Annotated[
        LogOrder,
        Meta(description="Which comes first, by `timestamp`."),
    ] = "newest"
    format: Format = "json"
    limit: Limit = DEFAULT_PAGE
    cursor: CursorText | None = None


class CountLogs(RecordFilters, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/logs/histogram`."""

    start: Start | None = None
    end: LogEnd | None = None
    step: (
        Annotated[
            Duration,
            Meta(
                description="How much time each count is of. Default: what divides the range into "
                "60 parts or fewer.",
                examples=["1m"],
            ),
        ]
        | None
    ) = None


class GetTraceLogs(Struct, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/traces/{trace_id}/logs`."""

    trace_id: Annotated[TraceId, Meta(description="32 hexadecimal digits, in either case.")]
    format: Format = "json"
    limit: Limit | None = None
    cursor: CursorText | None = None


class TailLogs(RecordFilters, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/logs/tail`."""

    start: (
        Annotated[
            TimePoint,
            Meta(
                description="Records that were stored from this time on, whatever time they are "
                "of. Default: now.",
                examples=["now-5m"],
            ),
        ]
        | None
    ) = None
    duration: (
        Annotated[
            Duration,
            Meta(
                description="The tail ends after this time, having sent everything that was stored "
                "until then. Default: when the client leaves.",
                examples=["10s"],
            ),
        ]
        | None
    ) = None
    cursor: (
        Annotated[
            str,
            Meta(
                min_length=1,
                description="Goes on behind the event with this `id`; `start` has no meaning then. "
                "The header `Last-Event-ID`, which browsers send, does the same and goes first.",
            ),
        ]
        | None
    ) = None
