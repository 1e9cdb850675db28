"""What can be asked: one struct for each endpoint, its fields the parameters.

Descriptions, bounds and defaults here are what the parser enforces, the error messages name and
the OpenAPI document and the documentation page show.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from rak_services.query.parameter_types import AttributeFilters, Duration, TimePoint, TraceId

Name = Annotated[str, Meta(min_length=1)]
Kind = Literal["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]
Status = Literal["UNSET", "OK", "ERROR"]
TraceOrder = Literal["-start", "start", "-duration", "duration"]
TraceFormat = Literal["json", "otlp"]
PipelineSignal = Literal["spans", "metrics", "logs", "profiles"]

DEFAULT_PAGE = 50

Limit = Annotated[
    int,
    Meta(
        ge=1,
        le=1_000_000,
        description="Rows on a page. More than `[query] max_result_rows` is cut to that.",
        examples=[20],
    ),
]
CursorText = Annotated[
    str,
    Meta(
        min_length=1,
        description="`next_cursor` of the page before, with the same other parameters.",
    ),
]
Start = Annotated[
    TimePoint,
    Meta(
        description="From this time on (inclusive). Default: one hour before `end`.",
        examples=["now-1h"],
    ),
]
End = Annotated[
    TimePoint,
    Meta(
        description="Before this time (exclusive). Default: open, so that spans of clocks that "
        "run ahead are found.",
        examples=["now"],
    ),
]


class TimeRange(Struct, frozen=True, kw_only=True):
    """The time range that questions share."""

    start: Start | None = None
    end: End | None = None


class SpanFilters(TimeRange, frozen=True, kw_only=True):
    """Conditions on spans: one span must meet all of them; durations are its trace's."""

    service: Annotated[Name, Meta(description="`service_name` of the span.")] | None = None
    name: Annotated[Name, Meta(description="`span_name` of the span.")] | None = None
    kind: Annotated[Kind, Meta(description="`span_kind`, in any case.")] | None = None
    status: Annotated[Status, Meta(description="`status_code`, in any case.")] | None = None
    min_duration: (
        Annotated[
            Duration,
            Meta(description="The trace lasts at least this long.", examples=["250ms"]),
        ]
        | None
    ) = None
    max_duration: (
        Annotated[Duration, Meta(description="The trace lasts at most this long.", examples=["5s"])]
        | None
    ) = None
    agent: Annotated[Name, Meta(description="`agent_name` of the span.")] | None = None
    session: Annotated[Name, Meta(description="`session_id` of the span.")] | None = None
    invocation: Annotated[Name, Meta(description="`invocation_id` of the span.")] | None = None
    user: Annotated[Name, Meta(description="`user_id` of the span.")] | None = None
    model: Annotated[Name, Meta(description="`llm_model` of the span.")] | None = None
    tool: Annotated[Name, Meta(description="`tool_name` of the span.")] | None = None
    trace_id: (
        Annotated[
            TraceId,
            Meta(description="The span's trace. Without `start`, every stored time is searched."),
        ]
        | None
    ) = None
    attr: Annotated[
        AttributeFilters,
        Meta(
            description="`attr.<key>=<text>`: the span has this attribute with this value, "
            "written as an answer shows it: a string as it is, an integer (`42`), a double "
            "(`0.5`, `NaN`), `true`, or the JSON of an array or a map. May be given for several "
            "keys; all must hold.",
        ),
    ] = field(default_factory=AttributeFilters)
    q: (
        Annotated[
            Name,
            Meta(
                description="Text contained, in any case (Unicode's full case folding), in the "
                "span's name, its status message or one of its string attributes.",
            ),
        ]
        | None
    ) = None


class EntryFilters(SpanFilters, frozen=True, kw_only=True):
    """Conditions on entries of the ledger: one entry must meet all of them.

    An entry has agent, session, invocation and user of the spans above it when its span has none.
    """

    min_duration: (
        Annotated[
            Duration, Meta(description="The span lasts at least this long.", examples=["250ms"])
        ]
        | None
    ) = None
    max_duration: (
        Annotated[Duration, Meta(description="The span lasts at most this long.", examples=["5s"])]
        | None
    ) = None


class SearchTraces(SpanFilters, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/traces`."""

    order: Annotated[
        TraceOrder,
        Meta(
            description="By the trace's `timestamp` or `duration_ns`, `-` for descending; ties by "
            "`trace_id`. Default: newest first."
        ),
    ] = "-start"
    limit: Limit = DEFAULT_PAGE
    cursor: CursorText | None = None


class GetTrace(Struct, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/traces/{trace_id}`."""

    trace_id: Annotated[TraceId, Meta(description="32 hexadecimal digits, in either case.")]
    format: Annotated[
        TraceFormat,
        Meta(
            description="`otlp` answers with an `ExportTraceServiceRequest` in OTLP JSON, which a "
            "receiver accepts; the next page is then in the headers `Link` and `Next-Cursor`."
        ),
    ] = "json"
    limit: Limit | None = None
    cursor: CursorText | None = None


class ListServices(TimeRange, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/services`."""

    limit: Limit = DEFAULT_PAGE
    cursor: CursorText | None = None


class ListOperations(TimeRange, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/services/operations`."""

    service: Annotated[Name, Meta(description="`service_name` of the spans.")]
    limit: Limit = DEFAULT_PAGE
    cursor: CursorText | None = None


class GetPipeline(Struct, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/pipeline`."""

    start: (
        Annotated[
            TimePoint,
            Meta(
                description="From the hour that holds this time on. Default: a day before `end`.",
                examples=["now-6h"],
            ),
        ]
        | None
    ) = None
    end: (
        Annotated[
            TimePoint,
            Meta(description="Hours that begin before this time. Default: now.", examples=["now"]),
        ]
        | None
    ) = None
    signal: Annotated[PipelineSignal, Meta(description="One signal alone.")] | None = None
    limit: Limit = DEFAULT_PAGE
    cursor: CursorText | None = None
