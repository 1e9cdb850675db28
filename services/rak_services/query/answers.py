"""What is answered: one struct for each answer, encoded as JSON as it stands.

Fields carry the names of the stored columns. Times are RFC 3339 in UTC with nanoseconds, durations
integers of nanoseconds, ids lower-case hex with "" for an absent one.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct

from rak_services.query.spending import Spending

Time = Annotated[
    str,
    Meta(description="RFC 3339, UTC, nine decimals.", extra_json_schema={"format": "date-time"}),
]
Nanoseconds = Annotated[int, Meta(description="Nanoseconds.")]
Attributes = Annotated[
    dict[str, Any],
    Meta(
        description="Values by key as plain JSON. An integer has no fraction, up to 64 bits "
        "(read it with a parser that keeps them); a double always has a fraction or an exponent. "
        'Bytes are {"bytesValue": "<base64>"}; NaN and the infinities {"doubleValue": "NaN"}; '
        'a map that looks like one of these {"kvlistValue": {...}}; an empty value null.'
    ),
]
NextCursor = Annotated[
    str | None, Meta(description="The `cursor` of the next page; null on the last one.")
]
Complete = Annotated[
    bool,
    Meta(
        description="False when a time or memory limit of the engine cut the answer: rows are "
        "missing and paging does not bring them. Ask for less time or with more filters."
    ),
]


Settled = Annotated[
    bool,
    Meta(
        description="Whether the ledger counts everything that is stored of the trace; until then "
        "tokens and cost are those it had counted before, or 0. It takes about a minute."
    ),
]


class TraceRow(Spending, frozen=True, kw_only=True):
    """A whole trace in one row, whatever the filters were."""

    trace_id: str
    root_service: str
    root_name: str
    timestamp: Time
    duration_ns: Nanoseconds
    spans: int
    errors: int
    services: list[str]
    agents: list[str]
    settled: Settled


class TraceList(Struct, frozen=True, kw_only=True):
    """A page of traces."""

    items: list[TraceRow]
    next_cursor: NextCursor
    complete: Complete


class Resource(Struct, frozen=True, kw_only=True):
    """The entity that produced a span."""

    attributes: Attributes
    dropped_attributes_count: int
    schema_url: str
    entity_refs: Any


class Scope(Struct, frozen=True, kw_only=True):
    """The instrumentation scope that produced a span."""

    name: str
    version: str
    attributes: Attributes
    dropped_attributes_count: int
    schema_url: str


class Event(Struct, frozen=True, kw_only=True):
    """Something that happened during a span."""

    timestamp: Time
    name: str
    attributes: Attributes
    dropped_attributes_count: int


class Link(Struct, frozen=True, kw_only=True):
    """A pointer from a span to another span."""

    trace_id: str
    span_id: str
    trace_state: str
    attributes: Attributes
    dropped_attributes_count: int
    flags: int


class Span(Struct, frozen=True, kw_only=True):
    """One span as it was received, with the columns that were filled from its attributes."""

    trace_id: str
    span_id: str
    parent_span_id: str
    trace_state: str
    flags: int
    timestamp: Time
    duration_ns: Nanoseconds
    service_name: str
    span_name: str
    span_kind: str
    status_code: str
    status_message: str
    operation: str
    invocation_id: str
    session_id: str
    user_id: str
    agent_name: str
    agent_type: str
    llm_model: str
    llm_system: str
    tool_name: str
    tool_call_id: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    token_count: int
    resource_cpu_micros: int
    resource_memory_bytes: int
    resource_memory_peak: int
    conversation_id: str
    llm_request_model: str
    llm_response_model: str
    llm_response_id: str
    finish_reason: Annotated[str, Meta(description="Several are separated by commas.")]
    time_to_first_token_ns: Nanoseconds
    promotion_version: Annotated[
        int, Meta(description="Of the rules that filled `operation` and what follows it.")
    ]
    attributes: Attributes
    dropped_attributes_count: int
    resource: Resource
    scope: Scope
    events: list[Event]
    dropped_events_count: int
    links: list[Link]
    dropped_links_count: int
    ingested_at: Time


class TracePage(Struct, frozen=True, kw_only=True):
    """A page of one trace's spans, by time, then span id."""

    trace_id: str
    items: list[Span]
    next_cursor: NextCursor
    complete: Complete


class ServiceRow(Struct, frozen=True, kw_only=True):
    """A service that sent spans in the time range; a span stored twice counts twice."""

    service_name: str
    spans: int
    errors: int
    last_seen: Time


class ServiceList(Struct, frozen=True, kw_only=True):
    """A page of services, by name."""

    items: list[ServiceRow]
    next_cursor: NextCursor
    complete: Complete


class OperationRow(Struct, frozen=True, kw_only=True):
    """A kind of span of one service in the time range; a span stored twice counts twice."""

    span_name: str
    span_kind: str
    spans: int
    errors: int
    last_seen: Time
    duration_p50_ns: Annotated[int, Meta(description="Estimated median of `duration_ns`.")]
    duration_p95_ns: Annotated[int, Meta(description="Estimated 95th percentile.")]


class OperationList(Struct, frozen=True, kw_only=True):
    """A page of operations, by name and kind."""

    items: list[OperationRow]
    next_cursor: NextCursor
    complete: Complete


class Unaccounted(Struct, frozen=True, kw_only=True):
    """Items of which nobody can say where they came from or where they are, by what is missing."""

    never_arrived: Annotated[
        int, Meta(description="Accepted, and read by no writer although the hour is settled.")
    ]
    unexplained: Annotated[
        int, Meta(description="Read by a writer, and neither stored nor set aside.")
    ]
    not_found: Annotated[
        int, Meta(description="Stored as a writer says, and not in the table any more.")
    ]
    unreported: Annotated[
        int,
        Meta(description="Came from a receiver that fell silent before it said so: a crash."),
    ]


class SilentReceiver(Struct, frozen=True, kw_only=True):
    """One run of a receiver that ended without closing its account."""

    boot: str
    started_at: Time | None
    last_seen: Annotated[
        Time | None, Meta(description="Its last status record; what it did after it is unknown.")
    ]
    release: str


class PipelineHour(Struct, frozen=True, kw_only=True):
    """What became of the items of one signal that the broker took in one hour.

    received + duplicated + unreported = stored + dead_lettered + rejected + waiting + expired
    + never_arrived + unexplained + not_found, the last ones and unreported being `unaccounted`.
    """

    signal: str
    hour: Annotated[Time, Meta(description="Begin of the hour.")]
    settled: Annotated[
        bool,
        Meta(
            description="True when writers have read everything of the hour and receivers have "
            "said all; until then `waiting` may become stored, and receivers may report more."
        ),
    ]
    received: Annotated[int, Meta(description="`accepted` and `rejected`.")]
    accepted: Annotated[int, Meta(description="Acknowledged by the broker.")]
    rejected: int
    rejected_by_reason: dict[str, int]
    failed: Annotated[
        int,
        Meta(
            description="Sent to the broker and not acknowledged, so that the agent was told to "
            "repeat them; those that landed all the same are among `accepted`."
        ),
    ]
    stored: Annotated[int, Meta(description="Rows in the table.")]
    dead_lettered: int
    dead_lettered_by_reason: dict[str, int]
    waiting: Annotated[int, Meta(description="Accepted, and not yet accounted for by a writer.")]
    expired: Annotated[int, Meta(description="Stored, and dropped by the table's retention.")]
    duplicated: Annotated[int, Meta(description="Rows beyond what was received.")]
    unaccounted: Annotated[int, Meta(description="The sum of `unaccounted_by`.")]
    unaccounted_by: Unaccounted
    receivers_gone: Annotated[
        list[SilentReceiver],
        Meta(description="What they rejected after their last status record is not known."),
    ]
    freshness_p50_ns: Annotated[
        int | None,
        Meta(
            description="Median over items, from the receipt of the oldest item of a batch until "
            "the batch could be queried; null when nothing arrived."
        ),
    ]
    freshness_max_ns: Annotated[int | None, Meta(description="The same, the longest.")]


class PipelinePartition(Struct, frozen=True, kw_only=True):
    """How far writers have come in one partition."""

    signal: str
    topic: str
    partition: int
    lag: Annotated[int, Meta(description="Messages not yet written.")]
    oldest_unwritten: Annotated[
        Time | None,
        Meta(description="When the broker took the oldest of them; null when none is known."),
    ]
    written_until: Annotated[
        Time | None, Meta(description="Everything that the broker took before is written.")
    ]
    as_of: Annotated[Time, Meta(description="When a writer last said so.")]
    writer: Annotated[str, Meta(description="The run of the writer that did.")]


class PipelineList(Struct, frozen=True, kw_only=True):
    """A page of the account, newest hour first, and where writers are now."""

    items: list[PipelineHour]
    now: list[PipelinePartition]
    next_cursor: NextCursor
    complete: Complete
