"""The log records of one invocation: those that name it, and those written in its spans."""

import asyncio
from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec import Struct

from rak_libs.clickhouse.errors import ClickHouseError
from rak_services.query.budget import Budget
from rak_services.query.endpoint import Store
from rak_services.query.invocations.spans_sql import Traces
from rak_services.query.logs.answers import LogRecord
from rak_services.query.logs.pages import read_page
from rak_services.query.logs.places import OLDEST_FIRST, RecordPlace, passed_at
from rak_services.query.logs.record_answers import records_of
from rak_services.query.logs.record_sql import Selection, keys_sql, row_key, row_mapping
from rak_services.query.logs.requests import RecordFilters
from rak_services.query.problems import hit_a_limit
from rak_services.query.snapshots import Snapshot, take_snapshot
from rak_services.query.span_conditions import Conditions
from rak_services.query.time_ranges import Range


class RecordsPosition(Struct, frozen=True, array_like=True):
    """Where a page of records ended, and the snapshot of the walk."""

    snapshot: Snapshot
    place: RecordPlace


class RecordsPage(NamedTuple):
    """Records, oldest first; where the next page begins (None: there is none); if all are there."""

    items: list[LogRecord]
    next_position: RecordsPosition | None
    complete: bool


@dataclass(frozen=True, slots=True)
class Records:
    """The records that name an invocation, or name none and were written in one of its spans.

    Attributes:
        invocation_id: The invocation.
        traces: Its traces; None without any.
    """

    invocation_id: str
    traces: Traces | None

    def add_to(self, conditions: Conditions) -> None:
        """Keep these records."""
        if self.traces is None:
            named = "invocation_id = %(invocation)s"
            conditions.add(named, invocation=self.invocation_id)
        else:
            self.traces.add_inside(conditions, self.invocation_id)


@dataclass(frozen=True, slots=True)
class _Selection(Selection):
    """A selection whose `filters` and `period` leave none out."""

    records: Records = field(kw_only=True)

    def conditions(self) -> Conditions:
        """Return the conditions that hold for these records and no others."""
        conditions = Selection.conditions(self)
        self.records.add_to(conditions)
        return conditions


async def records_of_invocation(
    store: Store, budget: Budget, records: Records, after: RecordsPosition | None, rows: int
) -> RecordsPage:
    """Return a page of the records of an invocation.

    Raises:
        ClickHouseError: The engine cannot be asked.
    """
    try:
        return await _page(store, budget, records, after, rows)
    except ClickHouseError as error:
        if hit_a_limit(error):
            return RecordsPage([], None, complete=False)
        raise


async def _page(
    store: Store, budget: Budget, records: Records, after: RecordsPosition | None, rows: int
) -> RecordsPage:
    snapshot = await take_snapshot(store) if after is None else after.snapshot
    place = None if after is None else after.place
    selection = _Selection(RecordFilters(), Range(None, None), snapshot, records=records)
    found = await budget.ask(*keys_sql(selection, OLDEST_FIRST, place, rows + 1))
    stored = await read_page(budget.ask, selection, OLDEST_FIRST, place, found[:rows])
    position = None
    if stored and len(found) > len(stored):
        keys = [row_key(row) for row in stored]
        position = RecordsPosition(snapshot, RecordPlace(keys[-1], passed_at(keys, place)))
    items = await asyncio.to_thread(records_of, [row_mapping(row) for row in stored])
    return RecordsPage(items, position, complete=True)
