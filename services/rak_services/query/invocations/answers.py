"""What is answered about one invocation: everything, in every signal."""

from typing import Annotated

from msgspec import Meta, Struct

from rak_services.query.answers import Complete, Time, TraceList
from rak_services.query.logs.answers import LogList
from rak_services.query.metrics.answers import Exemplar, Labels
from rak_services.query.profiles.answers import ProfileList
from rak_services.query.spending import Spending


class InvocationWork(Spending, frozen=True, kw_only=True):
    """What was done in an invocation, as the ledger has it."""

    first_seen: Annotated[
        Time | None, Meta(description="When its first span began; null without spans.")
    ]
    last_seen: Annotated[Time | None, Meta(description="When its last span ended.")]
    traces: int
    spans: Annotated[int, Meta(description="Spans that name the invocation themselves.")]
    entries: Annotated[
        int,
        Meta(description="Entries of the ledger: operations inside it, named by a span above too."),
    ]
    errors: Annotated[int, Meta(description="Of these spans, those whose status is ERROR.")]
    agent_runs: int
    llm_calls: int
    tool_calls: int
    services: list[str]
    agents: list[str]
    models: list[str]
    tools: list[str]
    sessions: list[str]
    users: list[str]


class InvocationExemplar(Exemplar, frozen=True, kw_only=True):
    """A single measurement that was made in the invocation."""

    metric_name: str


class InvocationSeries(Struct, frozen=True, kw_only=True):
    """A series of a metric one of whose labels names the invocation."""

    metric_name: str
    metric_type: str
    unit: str
    service_name: str
    labels: Labels
    fingerprint: Annotated[str, Meta(description="The series, as `match=fingerprint=` takes it.")]


class InvocationMetrics(Struct, frozen=True, kw_only=True):
    """What metrics know of an invocation; the first of each."""

    series: list[InvocationSeries]
    exemplars: list[InvocationExemplar]
    complete: Complete


class InvocationLinks(Struct, frozen=True, kw_only=True):
    """Where there is more, each over all that is stored."""

    traces: str
    logs: str
    profiles: str
    flamegraph: str


class Invocation(Struct, frozen=True, kw_only=True):
    """Everything that belongs to one invocation; with a cursor, the next page of one list."""

    invocation_id: str
    work: InvocationWork
    traces: TraceList | None
    logs: LogList | None
    metrics: InvocationMetrics | None
    profiles: ProfileList | None
    links: InvocationLinks
