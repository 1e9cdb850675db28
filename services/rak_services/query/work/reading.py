"""Reading pages of rows, and single ones, with their series."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from msgspec import Meta, Struct

from rak_libs.model.ledger import TOKEN_KINDS
from rak_libs.model.time_text import format_time
from rak_services.query.budget import Budget
from rak_services.query.cursors import decode_cursor
from rak_services.query.endpoint import Question, Store
from rak_services.query.problems import NotFound
from rak_services.query.requests import EntryFilters
from rak_services.query.span_conditions import check_durations
from rak_services.query.time_ranges import Range, StoredTime, resolve_range
from rak_services.query.work.parts_sql import IS_STEP, Reading
from rak_services.query.work.requests import (
    GetAgent,
    GetModel,
    GetTool,
    ListAgents,
    ListDependencies,
    ListModels,
    ListTools,
)
from rak_services.query.work.sources import SLOT_NS, checked_step, default_step, sources_of
from rak_services.query.work.subjects import Subject
from rak_services.query.work.work_sql import (
    After,
    Part,
    last_seen_sql,
    rows_sql,
    series_sql,
    single_sql,
)

Row = dict[str, Any]


class WorkPosition(Struct, frozen=True, array_like=True):
    """Where a page ended, and the range that its relative times meant."""

    since_ns: StoredTime | None
    until_ns: StoredTime | None
    key: Annotated[str, Meta(pattern=r"^[0-9]{1,26}(\.[0-9]{1,12})?$")]
    name: str
    other_name: str = ""


@dataclass(frozen=True, slots=True)
class WorkPage:
    """A page of rows, each with its points in `series` when there is a step."""

    rows: list[Row]
    step_ns: int | None
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Columns:
    """Which values of the summary a row and a point of its series have."""

    row: tuple[str, ...]
    point: tuple[str, ...]


async def read_page(
    store: Store,
    question: Question,
    request: ListAgents | ListModels | ListTools | ListDependencies,
    subject: Subject,
    columns: Columns,
) -> WorkPage:
    """Return one page.

    Raises:
        InvalidParameters: The range is empty, or parameters do not fit each other.
        ClickHouseError: The engine cannot be asked, or a limit was hit.
    """
    check_durations(request)
    now = store.now()
    period = resolve_range(request, now, open_start=request.trace_id is not None)
    after = None
    if request.cursor is not None:
        position = decode_cursor(request.cursor, question.digest, WorkPosition)
        period = Range(position.since_ns, position.until_ns)
        names = (position.name, position.other_name)[: len(subject.by)]
        after = After(position.key, names)
    step_ns = checked_step(_whole(request.step), period, now, _most_steps(store))
    limit = store.page_rows(request.limit)
    budget = Budget(store)
    reading = _reading(subject, columns.row, request, period)
    found = await budget.ask(*rows_sql(reading, Part(request.order, after, limit + 1)))
    rows = [dict(zip(reading.row_names, row[:-1], strict=True)) for row in found[:limit]]
    cursor = None
    if len(found) > limit:
        names = tuple(rows[-1][name] for name in subject.by)
        last = WorkPosition(period.since_ns, period.until_ns, found[limit - 1][-1], *names)
        cursor = question.cursor_after(last)
    if step_ns is not None and rows:
        of_points = replace(subject, listed=())
        points = _reading(of_points, columns.point, request, period, step_ns)
        await _add_series(budget, points, step_ns, rows)
    return WorkPage(rows, step_ns, cursor)


@dataclass(frozen=True, slots=True)
class Single:
    """One row with its series, what used it, and what further questions about it need.

    Attributes:
        users: Most calls first.
    """

    row: Row
    users: list[Row]
    step_ns: int
    budget: Budget
    request: EntryFilters
    period: Range
    most: int

    async def used(self, subject: Subject, columns: tuple[str, ...]) -> list[Row]:
        """Return the rows of something that it used, most calls first."""
        reading = _reading(subject, columns, self.request, self.period)
        found = await self.budget.ask(*rows_sql(reading, Part("-calls", None, self.most)))
        return _in_use(dict(zip(reading.row_names, row[:-1], strict=True)) for row in found)


async def read_single(
    store: Store,
    request: GetAgent | GetModel | GetTool,
    subject: Subject,
    columns: tuple[str, ...],
    name: str,
) -> Single:
    """Return the row of one name, whose points have the same columns.

    Raises:
        NotFound: Nothing of that name meets the filters.
        InvalidParameters: The range is empty, or parameters do not fit each other.
        ClickHouseError: The engine cannot be asked, or a limit was hit.
    """
    check_durations(request)
    now = store.now()
    period = resolve_range(request, now, open_start=request.trace_id is not None)
    most = _most_steps(store)
    step_ns = checked_step(_whole(request.step), period, now, most)
    step_ns = step_ns or default_step(period, now, most)
    budget = Budget(store)
    reading = _reading(subject, columns, request, period, step_ns)
    rows = store.page_rows(None)
    found = await budget.ask(*single_sql(reading, step_ns, rows))
    if not found:
        raise await _not_found(budget, subject, name)
    row, *others = [dict(zip(reading.single_names, row, strict=True)) for row in found]
    row["series"] = [other for other in others if other[IS_STEP]]
    users = _in_use(other for other in others if not other[IS_STEP])
    return Single(row, users, step_ns, budget, request, period, rows)


def _in_use(rows: Iterable[Row]) -> list[Row]:
    """Keep rows of some use.

    What tokens belong to is told without calls too, so that the parts add up.
    """
    return [row for row in rows if row["calls"] or any(row.get(kind) for kind in TOKEN_KINDS)]


def _reading(
    subject: Subject,
    columns: tuple[str, ...],
    filters: EntryFilters,
    period: Range,
    step_ns: int = SLOT_NS,
) -> Reading:
    summarised = subject.is_summarised(filters) and step_ns % SLOT_NS == 0
    return Reading(subject, columns, filters, sources_of(period, summarised=summarised))


async def _add_series(budget: Budget, reading: Reading, step_ns: int, rows: Sequence[Row]) -> None:
    """Give each row its points, by time."""
    by = reading.subject.by
    names = [tuple(row[name] for name in by) for row in rows]
    series: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for point in await budget.ask(*series_sql(reading, step_ns, names)):
        series[point[: len(by)]].append(dict(zip(reading.point_names, point, strict=True)))
    for row, key in zip(rows, names, strict=True):
        row["series"] = series[key]


async def _not_found(budget: Budget, subject: Subject, name: str) -> NotFound:
    """Return the problem that names what was asked and says when it was there."""
    what = {"agent_name": "agent", "llm_model": "model", "tool_name": "tool"}[subject.by[0]]
    ((last_seen,),) = await budget.ask(*last_seen_sql(subject, name))
    if last_seen:
        return NotFound(
            f"nothing of {what} {name!r} in this time meets the filters; expected a range that "
            f"holds some of it: it was last seen at {format_time(last_seen)}"
        )
    return NotFound(f"no {what} {name!r} is stored; expected a name as the list of {what}s has it")


def _most_steps(store: Store) -> int:
    """Return how many parts a range may have: it touches a step more, and the row comes beside."""
    return max(store.page_rows(None) - 2, 1)


def _whole(step: int | None) -> int | None:
    return None if step is None else int(step)
