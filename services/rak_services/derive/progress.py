"""How far derived rows have come, and up to which moment rows can be seen.

A row gets its `inserted_at` when the engine begins to write it, and can be read only later. What is
computed therefore names a moment, `seen_until`, before which no row is still on its way.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from rak_libs.clickhouse.parameters import Parameters, bind
from rak_libs.model.ledger import LEDGER, SUMMARY_STATES, TRACE_TOTALS
from rak_libs.model.metric_rollups import PROGRESS, ROLLUP_TABLES


class Engine(Protocol):
    """Runs statements, one at a time."""

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Return a statement's rows; none for one without a result."""


class Streaming(Engine, Protocol):
    """Runs SELECTs whose rows are read as they come, beside others."""

    def stream(self, sql: str, settings: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
        """Yield a SELECT's rows under some settings of the engine."""


@dataclass(frozen=True, slots=True, order=True)
class Progress:
    """Rows taken before a moment are counted in the windows that ended by another.

    Attributes:
        seen_until_ms: The moment by the engine's clock, unix milliseconds.
        complete_until_ns: End of the last window, a full minute, unix nanoseconds.
    """

    seen_until_ms: int
    complete_until_ns: int


LONGEST_INSERT_MS: Final = 600_000
"""An INSERT that has been running for longer is not waited for: `rak-derive rebuild`
counts its rows."""

CLUSTER_LAG_MS: Final = 10_000
"""How far behind now a cluster is read: INSERTs of its other nodes, replicas and clocks are not
seen from one node."""

_DERIVED_TABLES: Final = (*ROLLUP_TABLES, PROGRESS, LEDGER, TRACE_TOTALS, *SUMMARY_STATES)
# What is derived is derived from nothing that is derived itself: its INSERTs are not waited for.
_DERIVED: Final = f"^INSERT INTO ({'|'.join(table.name for table in _DERIVED_TABLES)}) "
_MOMENT: Final = """\
SELECT toUnixTimestamp64Milli(now64(3)), toUInt64(ceil(max(elapsed) * 1000))
FROM system.processes
WHERE query_kind = 'Insert' AND current_database = currentDatabase()
    AND NOT match(query, %(derived)s)"""

_READ: Final = """\
SELECT toUnixTimestamp64Milli(seen_until), toUnixTimestamp64Nano(complete_until)
FROM derive_progress
WHERE name = %(name)s
ORDER BY seen_until DESC, complete_until DESC
LIMIT 1"""

_NOTE: Final = """\
INSERT INTO derive_progress (name, seen_until, complete_until, noted_at)
SETTINGS async_insert = 0, insert_deduplicate = 0
SELECT
    %(name)s, fromUnixTimestamp64Milli(%(seen)s, 'UTC'),
    fromUnixTimestamp64Nano(%(complete)s, 'UTC'), now64(3, 'UTC')"""


def settled_moment(engine: Engine, *, clustered: bool) -> int:
    """Return the latest moment that no row can join any more, in unix ms by the engine's clock.

    The engine reads its clock before it lists what is running: an INSERT that is not in the list
    is either over, and its rows are seen, or gives its rows a later time.

    Raises:
        ClickHouseError: The engine cannot be asked.
    """
    now_ms: int
    longest_ms: int
    ((now_ms, longest_ms),) = engine.execute(bind(_MOMENT, {"derived": _DERIVED}))
    lag_ms = CLUSTER_LAG_MS if clustered else 1
    return now_ms - min(longest_ms, LONGEST_INSERT_MS) - lag_ms


def read_progress(engine: Engine, name: str) -> Progress | None:
    """Return the progress of `name` that says most, or None before the first.

    Raises:
        ClickHouseError: The engine cannot be asked.
    """
    for seen_ms, complete_ns in engine.execute(bind(_READ, {"name": name})):
        return Progress(seen_ms, complete_ns)
    return None


def note_progress(engine: Engine, name: str, progress: Progress) -> None:
    """Store a progress of `name` beside those before it.

    Raises:
        ClickHouseError: It may or may not be stored.
    """
    values: Parameters = {
        "name": name,
        "seen": progress.seen_until_ms,
        "complete": progress.complete_until_ns,
    }
    engine.execute(bind(_NOTE, values))
