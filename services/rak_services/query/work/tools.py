"""`GET /api/v1/tools` and `/api/v1/tools/{tool}`."""

from typing import Any, Final

from rak_libs.model.time_text import format_time
from rak_services.query.endpoint import Question, Store
from rak_services.query.work.answers import Tool, ToolList, ToolPoint, ToolRow, UsingAgent
from rak_services.query.work.fields import WORK_COLUMNS, use_fields, work_fields
from rak_services.query.work.parts_sql import USER
from rak_services.query.work.reading import Columns, Row, read_page, read_single
from rak_services.query.work.requests import GetTool, ListTools
from rak_services.query.work.subjects import TOOLS

_COLUMNS: Final = Columns(
    row=(*WORK_COLUMNS, "retries", "resource_cpu_micros", "last_seen"),
    point=(*WORK_COLUMNS, "retries"),
)


async def list_tools(store: Store, question: Question, request: ListTools) -> ToolList:
    """Answer one page of tools."""
    page = await read_page(store, question, request, TOOLS, _COLUMNS)
    return ToolList(
        items=[ToolRow(**_fields(row)) for row in page.rows],
        step_ns=page.step_ns,
        next_cursor=page.next_cursor,
        complete=True,
    )


async def get_tool(
    store: Store,
    question: Question,  # noqa: ARG001 - handlers have one signature
    request: GetTool,
) -> Tool:
    """Answer one tool with the agents that called it."""
    single = await read_single(store, request, TOOLS, _COLUMNS.row, request.tool)
    return Tool(
        **_fields(single.row),
        step_ns=single.step_ns,
        used_by=[UsingAgent(agent_name=row[USER], **use_fields(row)) for row in single.users],
    )


def _fields(row: Row) -> dict[str, Any]:
    return {
        **work_fields(row),
        "tool_name": row["tool_name"],
        "services": row["service_name"],
        "agents": row["agent_name"],
        "calls": row["calls"],
        "retries": row["retries"],
        "resource_cpu_micros": row["resource_cpu_micros"],
        "last_seen": format_time(row["last_seen"]),
        "series": _series(row),
    }


def _series(row: Row) -> list[ToolPoint]:
    return [
        ToolPoint(
            timestamp=format_time(point["begin_ns"]),
            calls=point["calls"],
            retries=point["retries"],
            **work_fields(point),
        )
        for point in row.get("series", [])
    ]
