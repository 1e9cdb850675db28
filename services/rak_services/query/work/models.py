"""`GET /api/v1/llm` and `/api/v1/llm/{model}`."""

from typing import Any, Final

from rak_libs.model.time_text import format_time
from rak_services.query.endpoint import Question, Store
from rak_services.query.work.answers import Model, ModelList, ModelPoint, ModelRow, UsingAgent
from rak_services.query.work.fields import (
    FIRST_TOKEN_COLUMNS,
    WORK_COLUMNS,
    average,
    quantile,
    use_fields,
    work_fields,
)
from rak_services.query.work.parts_sql import USER
from rak_services.query.work.reading import Columns, Row, read_page, read_single
from rak_services.query.work.requests import GetModel, ListModels
from rak_services.query.work.subjects import MODELS

_COLUMNS: Final = Columns(
    row=(
        *WORK_COLUMNS,
        *FIRST_TOKEN_COLUMNS,
        "retries",
        "finish_reasons",
        "unpriced_calls",
        "last_seen",
    ),
    point=(*WORK_COLUMNS, "retries", "first_token_calls", "first_tokens"),
)


async def list_models(store: Store, question: Question, request: ListModels) -> ModelList:
    """Answer one page of models."""
    page = await read_page(store, question, request, MODELS, _COLUMNS)
    return ModelList(
        items=[ModelRow(**_fields(row)) for row in page.rows],
        step_ns=page.step_ns,
        next_cursor=page.next_cursor,
        complete=True,
    )


async def get_model(
    store: Store,
    question: Question,  # noqa: ARG001 - handlers have one signature
    request: GetModel,
) -> Model:
    """Answer one model with the agents that called it."""
    single = await read_single(store, request, MODELS, _COLUMNS.row, request.model)
    return Model(
        **_fields(single.row),
        step_ns=single.step_ns,
        used_by=[UsingAgent(agent_name=row[USER], **use_fields(row)) for row in single.users],
    )


def _fields(row: Row) -> dict[str, Any]:
    return {
        **work_fields(row),
        "llm_model": row["llm_model"],
        "llm_systems": [name for name in row["llm_system"] if name],
        "services": row["service_name"],
        "agents": row["agent_name"],
        "calls": row["calls"],
        "retries": row["retries"],
        "first_token_calls": row["first_token_calls"],
        "first_token_avg_ns": average(row["first_token_ns_sum"], row["first_token_calls"]),
        **_first_tokens(row),
        "finish_reasons": row["finish_reasons"],
        "unpriced_calls": row["unpriced_calls"],
        "last_seen": format_time(row["last_seen"]),
        "series": _series(row),
    }


def _first_tokens(row: Row) -> dict[str, Any]:
    median, high, _ = row["first_tokens"]
    calls = row["first_token_calls"]
    return {
        "first_token_p50_ns": quantile(median, calls),
        "first_token_p95_ns": quantile(high, calls),
    }


def _series(row: Row) -> list[ModelPoint]:
    return [
        ModelPoint(
            timestamp=format_time(point["begin_ns"]),
            calls=point["calls"],
            retries=point["retries"],
            **_first_tokens(point),
            **work_fields(point),
        )
        for point in row.get("series", [])
    ]
