"""What of a batch the table should hold, by the engine's partitions, and what it does hold."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rak_libs.model.batch import ColumnBatch
from rak_libs.model.table import BATCH_COLUMN
from rak_libs.model.time_window import DAY_NS, HOUR_NS
from rak_services.writer.signals import SignalTable

_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ExpectedRows:
    """The rows of a batch by day; the table has a partition a day.

    Attributes:
        by_day: Rows by days since 1970.
        oldest_ns: The earliest time of a row.
        newest_ns: The latest.
    """

    by_day: Mapping[int, int]
    oldest_ns: int
    newest_ns: int

    @classmethod
    def of(cls, times_ns: Sequence[int]) -> "ExpectedRows":
        """Count the rows of a batch, at least one, by the times in their partitioning column."""
        oldest, newest = min(times_ns), max(times_ns)
        day = oldest // DAY_NS
        if newest // DAY_NS == day:
            return cls({day: len(times_ns)}, oldest, newest)
        return cls(Counter(time // DAY_NS for time in times_ns), oldest, newest)

    @classmethod
    def of_table(cls, target: SignalTable, columns: ColumnBatch) -> "ExpectedRows":
        """Count the rows of one table, at least one; of a table that nobody counts, as one day."""
        return cls.of(target.times(columns) if target.time_column else [0] * columns.rows)

    def lasting_days(self, retention_days: int, now_ns: int) -> frozenset[int]:
        """Return the days whose rows the engine has no reason to have dropped by now.

        A partition goes when all of its rows have expired; rows that expire within the hour may be
        gone when they are looked for.
        """
        limit = now_ns - retention_days * DAY_NS + HOUR_NS
        return frozenset(day for day in self.by_day if self._newest_of(day) > limit)

    def _newest_of(self, day: int) -> int:
        return min(self.newest_ns, (day + 1) * DAY_NS - 1)


def count_query(target: SignalTable, batch_number: int, expected: ExpectedRows) -> str:
    """Return the SELECT of a batch's stored rows: partition id, rows."""
    first, last = expected.oldest_ns, expected.newest_ns
    time = target.time_column
    return (
        f"SELECT _partition_id, count() FROM {target.table.name} "  # noqa: S608 - names, numbers
        f"WHERE {BATCH_COLUMN.name} = {batch_number} "
        f"AND {time} >= fromUnixTimestamp64Nano({first}) "
        f"AND {time} <= fromUnixTimestamp64Nano({last}) GROUP BY _partition_id"
    )


def day_of_partition(partition_id: str) -> int:
    """Return the days since 1970 of a partition by `toDate`, whose id is `YYYYMMDD`."""
    midnight = datetime.strptime(partition_id, "%Y%m%d").replace(tzinfo=UTC)
    return int(midnight.timestamp()) * _SECOND_NS // DAY_NS


def rows_of_days(target: SignalTable, columns: ColumnBatch, days: frozenset[int]) -> list[bool]:
    """Tell of each row whether it belongs to one of the days."""
    return [time // DAY_NS in days for time in target.times(columns)]
