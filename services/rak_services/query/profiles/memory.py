"""`GET /api/v1/memory` and `/api/v1/memory/allocators`: what heap profiles say of memory."""

from msgspec import Struct

from rak_libs.clickhouse.errors import ClickHouseError
from rak_libs.clickhouse.parameters import Parameters
from rak_libs.clickhouse.select import Row
from rak_libs.model.time_text import format_time
from rak_services.query.cursors import decode_cursor
from rak_services.query.endpoint import Question, Store
from rak_services.query.problems import hit_a_limit, invalid
from rak_services.query.profiles.answers import Allocator, AllocatorList, MemoryList, MemoryRow
from rak_services.query.profiles.memory_sql import (
    VALUES,
    MemoryPlace,
    allocators_sql,
    memory_profiles_sql,
    memory_sql,
    memory_steps_sql,
)
from rak_services.query.profiles.requests import ListAllocators, ListMemory
from rak_services.query.snapshots import Snapshot, take_snapshot
from rak_services.query.time_ranges import Range, StoredTime, resolve_range


class MemoryPosition(Struct, frozen=True, array_like=True):
    """Where a page of memory ended, and what the first page fixed for the whole walk."""

    since_ns: StoredTime | None
    until_ns: StoredTime | None
    snapshot: Snapshot
    place: MemoryPlace


async def list_memory(store: Store, question: Question, request: ListMemory) -> MemoryList:
    """Answer one page of memory over time, newest first."""
    step = None if request.step is None else int(request.step)
    if step == 0:
        raise invalid("step", "a duration of 1ns or more")
    after = None
    if request.cursor is None:
        period = resolve_range(request, store.now())
        snapshot = await take_snapshot(store)
    else:
        position = decode_cursor(request.cursor, question.digest, MemoryPosition)
        period = Range(position.since_ns, position.until_ns)
        snapshot, after = position.snapshot, position.place
    rows = store.page_rows(request.limit)
    try:
        found = await store.pool.select(
            *_statement(request, period, snapshot, step, after, rows + 1)
        )
    except ClickHouseError as error:
        if hit_a_limit(error):
            return MemoryList(step_ns=step, items=[], next_cursor=None, complete=False)
        raise
    cursor = None
    if len(found) > rows:
        place = MemoryPlace(*found[rows - 1][:4])
        position = MemoryPosition(period.since_ns, period.until_ns, snapshot, place)
        cursor = question.cursor_after(position)
    items = [_memory_row(row) for row in found[:rows]]
    return MemoryList(step_ns=step, items=items, next_cursor=cursor, complete=True)


def _statement(
    request: ListMemory,
    period: Range,
    snapshot: int,
    step: int | None,
    after: MemoryPlace | None,
    rows: int,
) -> tuple[str, Parameters]:
    if step is None:
        return memory_sql(request, period, snapshot, after, rows)
    return memory_steps_sql(request, period, snapshot, step, after, rows)


def _memory_row(row: Row) -> MemoryRow:
    begin_ns, service, agent, profile_id, invocation, profiles, *values = row
    return MemoryRow(
        timestamp=format_time(begin_ns),
        profiles=profiles,
        profile_id=profile_id,
        service_name=service,
        agent_name=agent,
        invocation_id=invocation,
        **dict(zip(VALUES, values, strict=True)),
    )


async def list_allocators(
    store: Store,
    question: Question,  # noqa: ARG001 - handlers have one signature
    request: ListAllocators,
) -> AllocatorList:
    """Answer the places that allocate most, of all heap profiles that match."""
    period = resolve_range(request, store.now())
    snapshot = await take_snapshot(store)
    rows = store.page_rows(request.limit)
    try:
        ((profiles,),) = await store.pool.select(*memory_profiles_sql(request, period, snapshot))
        found = await store.pool.select(
            *allocators_sql(request, period, snapshot, request.order, rows)
        )
    except ClickHouseError as error:
        if hit_a_limit(error):
            return AllocatorList(profiles=0, items=[], next_cursor=None, complete=False)
        raise
    return AllocatorList(
        profiles=profiles,
        items=[Allocator(*row) for row in found],
        next_cursor=None,
        complete=True,
    )
