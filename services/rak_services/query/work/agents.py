"""`GET /api/v1/agents` and `/api/v1/agents/{agent}`."""

from typing import Any, Final

from rak_libs.model.time_text import format_time
from rak_services.query.endpoint import Question, Store
from rak_services.query.work.answers import (
    Agent,
    AgentList,
    AgentModel,
    AgentPoint,
    AgentRow,
    AgentTool,
)
from rak_services.query.work.fields import USE_COLUMNS, WORK_COLUMNS, use_fields, work_fields
from rak_services.query.work.reading import Columns, Row, read_page, read_single
from rak_services.query.work.requests import GetAgent, ListAgents
from rak_services.query.work.subjects import AGENT_MODELS, AGENT_TOOLS, AGENTS

_RESOURCES: Final = ("resource_cpu_micros", "resource_memory_bytes", "resource_memory_peak")
_COLUMNS: Final = Columns((*WORK_COLUMNS, *_RESOURCES, "last_seen"), WORK_COLUMNS)


async def list_agents(store: Store, question: Question, request: ListAgents) -> AgentList:
    """Answer one page of agents."""
    page = await read_page(store, question, request, AGENTS, _COLUMNS)
    return AgentList(
        items=[AgentRow(**_fields(row)) for row in page.rows],
        step_ns=page.step_ns,
        next_cursor=page.next_cursor,
        complete=True,
    )


async def get_agent(
    store: Store,
    question: Question,  # noqa: ARG001 - handlers have one signature
    request: GetAgent,
) -> Agent:
    """Answer one agent with the tools and models that it used."""
    single = await read_single(store, request, AGENTS, _COLUMNS.row, request.agent)
    tools = await single.used(AGENT_TOOLS, ("calls", "errors"))
    models = await single.used(AGENT_MODELS, USE_COLUMNS)
    return Agent(
        **_fields(single.row),
        step_ns=single.step_ns,
        tools=[AgentTool(**tool) for tool in tools],
        models=[AgentModel(llm_model=row["llm_model"], **use_fields(row)) for row in models],
    )


def _fields(row: Row) -> dict[str, Any]:
    return {
        **work_fields(row),
        **{name: row[name] for name in _RESOURCES},
        "agent_name": row["agent_name"],
        "services": row["service_name"],
        "runs": row["calls"],
        "last_seen": format_time(row["last_seen"]),
        "series": _series(row),
    }


def _series(row: Row) -> list[AgentPoint]:
    return [
        AgentPoint(
            timestamp=format_time(point["begin_ns"]), runs=point["calls"], **work_fields(point)
        )
        for point in row.get("series", [])
    ]
