"""What is answered about agents, models, tools and calls between services."""

from typing import Annotated

from msgspec import Meta, Struct

from rak_services.query.answers import Complete, NextCursor, Time
from rak_services.query.spending import Spending

Errors = Annotated[int, Meta(description="Those whose span has status ERROR.")]
ErrorRate = Annotated[
    float | None, Meta(description="Errors by all, 0 to 1; null where there are none at all.")
]
Quantile = Annotated[
    int | None,
    Meta(description="Nanoseconds; null where there is nothing. Quantiles are within 1 %."),
]
StepLength = Annotated[
    int | None, Meta(description="The length of a step of the series; null without `step`.")
]
StepBegin = Annotated[Time, Meta(description="Begin of the step.")]
Services = Annotated[list[str], Meta(description="`service_name` of the spans.")]
Agents = Annotated[list[str], Meta(description="Names of the agents; '' is work outside any.")]
LastSeen = Annotated[Time, Meta(description="When the latest span of it began.")]
Retries = Annotated[
    int,
    Meta(description="Calls after an error of the call before of the same in one run of an agent."),
]


class Work(Spending, frozen=True, kw_only=True):
    """What became of runs or calls, how long they took, and what was spent."""

    errors: Errors
    error_rate: ErrorRate
    duration_avg_ns: Quantile
    duration_p50_ns: Quantile
    duration_p95_ns: Quantile
    duration_p99_ns: Quantile


class AgentPoint(Work, frozen=True, kw_only=True):
    """What an agent did in one step of time."""

    timestamp: StepBegin
    runs: int


class AgentRow(Work, frozen=True, kw_only=True):
    """An agent: its runs, and what was spent in its name, within them or not."""

    agent_name: Annotated[str, Meta(description="'' is work outside any agent.")]
    services: Services
    runs: int
    resource_cpu_micros: int
    resource_memory_bytes: Annotated[int, Meta(description="Added up over runs.")]
    resource_memory_peak: Annotated[int, Meta(description="The largest of a run.")]
    last_seen: LastSeen
    series: Annotated[list[AgentPoint], Meta(description="By time, with `step`; else empty.")]


class AgentList(Struct, frozen=True, kw_only=True):
    """A page of agents."""

    items: list[AgentRow]
    step_ns: StepLength
    next_cursor: NextCursor
    complete: Complete


class AgentTool(Struct, frozen=True, kw_only=True):
    """A tool that an agent called."""

    tool_name: str
    calls: int
    errors: Errors


class AgentModel(Spending, frozen=True, kw_only=True):
    """A model that an agent called, and what the agent spent on it."""

    llm_model: str
    calls: int
    errors: Errors


class Agent(AgentRow, frozen=True, kw_only=True):
    """An agent with all that it used."""

    step_ns: int
    tools: Annotated[list[AgentTool], Meta(description="Most calls first.")]
    models: Annotated[list[AgentModel], Meta(description="Most calls first.")]


class UsingAgent(Spending, frozen=True, kw_only=True):
    """An agent that called a model or a tool, and what it spent on it."""

    agent_name: Annotated[str, Meta(description="'' is work outside any agent.")]
    calls: int
    errors: Errors


class ModelPoint(Work, frozen=True, kw_only=True):
    """What a model was asked in one step of time."""

    timestamp: StepBegin
    calls: int
    retries: Retries
    first_token_p50_ns: Quantile
    first_token_p95_ns: Quantile


class ModelRow(Work, frozen=True, kw_only=True):
    """A model: calls of it, embeddings among them, and what was spent on it."""

    llm_model: Annotated[
        str, Meta(description="'' where spans tell of calls or tokens and of no model.")
    ]
    llm_systems: Annotated[list[str], Meta(description="`llm_system`: who provides it.")]
    services: Services
    agents: Agents
    calls: int
    retries: Retries
    first_token_calls: Annotated[
        int, Meta(description="Calls that tell when the first token came.")
    ]
    first_token_avg_ns: Quantile
    first_token_p50_ns: Quantile
    first_token_p95_ns: Quantile
    finish_reasons: Annotated[
        dict[str, int], Meta(description="How many calls ended so, of those that tell.")
    ]
    unpriced_calls: Annotated[int, Meta(description="Calls with tokens that no price covers.")]
    last_seen: LastSeen
    series: Annotated[list[ModelPoint], Meta(description="By time, with `step`; else empty.")]


class ModelList(Struct, frozen=True, kw_only=True):
    """A page of models."""

    items: list[ModelRow]
    step_ns: StepLength
    next_cursor: NextCursor
    complete: Complete


class Model(ModelRow, frozen=True, kw_only=True):
    """A model with the agents that called it."""

    step_ns: int
    used_by: Annotated[list[UsingAgent], Meta(description="Most calls first.")]


class ToolPoint(Work, frozen=True, kw_only=True):
    """What a tool did in one step of time."""

    timestamp: StepBegin
    calls: int
    retries: Retries


class ToolRow(Work, frozen=True, kw_only=True):
    """A tool; tokens and cost are those of its calls and everything below them."""

    tool_name: Annotated[str, Meta(description="'' where spans do not tell which.")]
    services: Services
    agents: Agents
    calls: int
    retries: Retries
    resource_cpu_micros: int
    last_seen: LastSeen
    series: Annotated[list[ToolPoint], Meta(description="By time, with `step`; else empty.")]


class ToolList(Struct, frozen=True, kw_only=True):
    """A page of tools."""

    items: list[ToolRow]
    step_ns: StepLength
    next_cursor: NextCursor
    complete: Complete


class Tool(ToolRow, frozen=True, kw_only=True):
    """A tool with the agents that called it."""

    step_ns: int
    used_by: Annotated[list[UsingAgent], Meta(description="Most calls first.")]


class DependencyPoint(Struct, frozen=True, kw_only=True):
    """What one service asked of another in one step of time."""

    timestamp: StepBegin
    calls: int
    errors: Errors
    error_rate: ErrorRate
    duration_avg_ns: Quantile
    duration_p50_ns: Quantile
    duration_p95_ns: Quantile
    duration_p99_ns: Quantile


class DependencyRow(Struct, frozen=True, kw_only=True):
    """What one service asked of another, as the spans of the one that was asked tell."""

    caller_service: str
    service_name: str
    calls: int
    errors: Errors
    error_rate: ErrorRate
    duration_avg_ns: Quantile
    duration_p50_ns: Quantile
    duration_p95_ns: Quantile
    duration_p99_ns: Quantile
    last_seen: LastSeen
    series: Annotated[list[DependencyPoint], Meta(description="By time, with `step`; else empty.")]


class DependencyList(Struct, frozen=True, kw_only=True):
    """A page of calls between services."""

    items: list[DependencyRow]
    step_ns: StepLength
    next_cursor: NextCursor
    complete: Complete
