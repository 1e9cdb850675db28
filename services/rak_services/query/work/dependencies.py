"""`GET /api/v1/services/dependencies`: which service calls which."""

from typing import Final

from rak_libs.model.time_text import format_time
from rak_services.query.endpoint import Question, Store
from rak_services.query.work.answers import DependencyList, DependencyPoint, DependencyRow
from rak_services.query.work.fields import CALL_COLUMNS, call_fields
from rak_services.query.work.reading import Columns, Row, read_page
from rak_services.query.work.requests import ListDependencies
from rak_services.query.work.subjects import DEPENDENCIES

_COLUMNS: Final = Columns(row=(*CALL_COLUMNS, "last_seen"), point=CALL_COLUMNS)


async def list_dependencies(
    store: Store, question: Question, request: ListDependencies
) -> DependencyList:
    """Answer one page of pairs of services, of which the first calls the second."""
    page = await read_page(store, question, request, DEPENDENCIES, _COLUMNS)
    return DependencyList(
        items=[
            DependencyRow(
                caller_service=row["caller_service"],
                service_name=row["service_name"],
                calls=row["calls"],
                last_seen=format_time(row["last_seen"]),
                series=_series(row),
                **call_fields(row),
            )
            for row in page.rows
        ],
        step_ns=page.step_ns,
        next_cursor=page.next_cursor,
        complete=True,
    )


def _series(row: Row) -> list[DependencyPoint]:
    return [
        DependencyPoint(
            timestamp=format_time(point["begin_ns"]), calls=point["calls"], **call_fields(point)
        )
        for point in row.get("series", [])
    ]
