"""What can be asked about agents, models, tools and calls between services."""

from typing import Annotated, Final, Literal

from msgspec import Meta

from rak_services.query.parameter_types import Duration
from rak_services.query.requests import DEFAULT_PAGE, CursorText, EntryFilters, Limit, Name

AgentOrder = Literal[
    "-runs",
    "runs",
    "name",
    "-name",
    "errors",
    "-errors",
    "duration",
    "-duration",
    "tokens",
    "-tokens",
    "cost",
    "-cost",
    "last_seen",
    "-last_seen",
]
CallOrder = Literal[
    "-calls",
    "calls",
    "name",
    "-name",
    "errors",
    "-errors",
    "duration",
    "-duration",
    "tokens",
    "-tokens",
    "cost",
    "-cost",
    "last_seen",
    "-last_seen",
]
DependencyOrder = Literal[
    "-calls",
    "calls",
    "name",
    "-name",
    "errors",
    "-errors",
    "duration",
    "-duration",
    "last_seen",
    "-last_seen",
]

_STEP: Final = (
    "of at least one entry; steps begin at multiples of it since 1970. Multiples of five minutes "
    "are answered soonest."
)
Step = Annotated[
    Duration,
    Meta(
        description=f"Give every item its `series`: a point for each such part of the time {_STEP}",
        examples=["5m"],
    ),
]
DetailStep = Annotated[
    Duration,
    Meta(
        description=f"The `series` has a point for each such part of the time {_STEP} "
        "Default: one that divides the range into 100 parts or fewer.",
        examples=["5m"],
    ),
]

_ORDERED: Final = (
    "`-` for descending; ties by name. `duration` is the average, `tokens` are input, output and "
    "unsplit ones."
)


class ListAgents(EntryFilters, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/agents`."""

    step: Step | None = None
    order: Annotated[AgentOrder, Meta(description=_ORDERED)] = "-runs"
    limit: Limit = DEFAULT_PAGE
    cursor: CursorText | None = None


class GetAgent(EntryFilters, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/agents/{agent}`."""

    agent: Annotated[Name, Meta(description="`agent_name`.", examples=["planner"])]
    step: DetailStep | None = None


class ListModels(EntryFilters, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/llm`."""

    step: Step | None = None
    order: Annotated[CallOrder, Meta(description=_ORDERED)] = "-calls"
    limit: Limit = DEFAULT_PAGE
    cursor: CursorText | None = None


class GetModel(EntryFilters, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/llm/{model}`."""

    model: Annotated[
        Name,
        Meta(
            description="`llm_model`: the model that answered, or else the one that was asked.",
            examples=["meta-llama/Llama-3.1-70B"],
        ),
    ]
    step: DetailStep | None = None


class ListTools(EntryFilters, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/tools`."""

    step: Step | None = None
    order: Annotated[CallOrder, Meta(description=_ORDERED)] = "-calls"
    limit: Limit = DEFAULT_PAGE
    cursor: CursorText | None = None


class GetTool(EntryFilters, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/tools/{tool}`."""

    tool: Annotated[Name, Meta(description="`tool_name`.", examples=["search"])]
    step: DetailStep | None = None


class ListDependencies(EntryFilters, frozen=True, kw_only=True):
    """Parameters of `GET /api/v1/services/dependencies`."""

    service: (
        Annotated[Name, Meta(description="The service that calls, or the one that is called.")]
        | None
    ) = None
    step: Step | None = None
    order: Annotated[
        DependencyOrder,
        Meta(
            description="`-` for descending; ties by `caller_service`, then `service_name`, as "
            "`name` orders. `duration` is the average."
        ),
    ] = "-calls"
    limit: Limit = DEFAULT_PAGE
    cursor: CursorText | None = None
