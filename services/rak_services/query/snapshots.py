"""Up to which moment of storing a walk through pages sees traces.

The engine stamps each row of `trace_times` when it begins to write it (`inserted_at`), and the row
can be read only later. A moment before every INSERT that is still running is therefore one that
no row can join any more: what was taken before it is the same on every page of a walk.
"""

from typing import Annotated, Final

from msgspec import Meta

from rak_services.query.endpoint import Store

LONGEST_WAIT_MS: Final = 5_000
"""INSERTs that have been running for longer hold newer rows back no more."""

CLUSTER_LAG_MS: Final = 1_000
"""How far behind now a cluster is read: INSERTs of its other nodes, replicas and clocks are not
seen from one node."""

Snapshot = Annotated[int, Meta(ge=0, le=2**53)]
"""Rows taken before this moment are seen; milliseconds since 1970 by the engine's clock."""

_SQL: Final = """\
SELECT toUnixTimestamp64Milli(now64(3)), toUInt64(ceil(max(elapsed) * 1000))
FROM system.processes
WHERE query_kind = 'Insert' AND current_database = currentDatabase()
"""


async def take_snapshot(store: Store) -> int:
    """Return the latest moment that no row can join any more, in milliseconds since 1970.

    The engine reads its clock before it lists what is running, so an INSERT that is not in the
    list was either over, and its rows are seen, or takes a later stamp.

    Raises:
        ClickHouseError: The engine cannot be asked.
    """
    ((now_ms, longest_ms),) = await store.pool.select(_SQL)
    return snapshot_at(now_ms, longest_ms, clustered=store.clustered)


def snapshot_at(now_ms: int, longest_ms: int, *, clustered: bool) -> int:
    """Return the snapshot at a moment in which the oldest INSERT has run for `longest_ms`."""
    lag_ms = CLUSTER_LAG_MS if clustered else 0
    return now_ms - min(longest_ms, LONGEST_WAIT_MS) - lag_ms
