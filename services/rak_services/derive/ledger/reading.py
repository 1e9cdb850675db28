"""Reads traces: their spans, and what is stored of them, a trace at a time.

Everything comes in the order of trace ids and as a stream, so that the largest trace is all that
has to fit in memory: neither counts nor guesses of how many spans traces have are needed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, Final, NamedTuple

from rak_libs.model.promotion import PROMOTION_VERSION
from rak_services.derive.config import LedgerLimits
from rak_services.derive.ledger.columns import ENTRY_COLUMNS, SPAN_COLUMNS, TOTAL_COLUMNS
from rak_services.derive.ledger.older_spans import OLDER_COLUMNS, TRACE_ID_AT, older_span
from rak_services.derive.ledger.rows import Entry, SpanFacts, TraceTotal
from rak_services.derive.ledger.traces import Trace, id_list
from rak_services.derive.progress import Streaming

MOST_SPANS: Final = 500_000
"""Rows of spans that a trace may have to be computed; each takes 1.5 KB of memory."""

_ROWS_AT_ONCE: Final = 8_192

_SPANS: Final = """\
SELECT {columns}
FROM spans
WHERE trace_id IN ({ids})
    AND timestamp >= fromUnixTimestamp64Nano({first}, 'UTC')
    AND timestamp <= fromUnixTimestamp64Nano({last}, 'UTC')
    AND promotion_version {versions} {version}
ORDER BY trace_id"""

_ANY_OLDER: Final = """\
SELECT 1
FROM spans
WHERE promotion_version < {version}
    AND timestamp >= fromUnixTimestamp64Nano({first}, 'UTC')
    AND timestamp <= fromUnixTimestamp64Nano({last}, 'UTC')
LIMIT 1"""

_ENTRIES: Final = """\
SELECT {columns}
FROM ledger FINAL
WHERE trace_id IN ({ids})
    AND slot >= toStartOfFiveMinutes(fromUnixTimestamp64Nano({first}, 'UTC'))
    AND slot <= fromUnixTimestamp64Nano({last}, 'UTC')
ORDER BY trace_id"""

_TOTALS: Final = """\
SELECT {columns}
FROM trace_totals FINAL
WHERE trace_id IN ({ids})
    AND timestamp >= toStartOfHour(fromUnixTimestamp64Nano({first}, 'UTC'))
    AND timestamp <= fromUnixTimestamp64Nano({last}, 'UTC')
ORDER BY trace_id"""


_PLACE: Final = itemgetter(0, 1)


class StoredTrace(NamedTuple):
    """What the tables have of one trace: rows of its spans, and what was made of them before.

    Of each, `MOST_SPANS` and one more at most.
    """

    trace_id: str
    spans: list[SpanFacts]
    entries: list[Entry]
    totals: list[TraceTotal]


class _Source(NamedTuple):
    """A SELECT, in which column of its rows the trace's id is, and what a row becomes."""

    sql: str
    id_at: int
    make: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """Reads groups of traces.

    Attributes:
        engine: Where they are.
        limits: What one statement may take.
    """

    engine: Streaming
    limits: LedgerLimits

    def stored(self, traces: Sequence[Trace]) -> Iterator[StoredTrace]:
        """Yield what there is of each of some traces, in the order of their ids.

        Args:
            traces: At least one; between the first and the last time of all of them is read.

        Raises:
            ClickHouseError: Also in the middle.
        """
        streams = [self._by_trace(*source) for source in self._sources(traces)]
        for trace_id, found in groupby(merge(*streams, key=_PLACE), key=itemgetter(0)):
            parts: tuple[list[Any], ...] = ([], [], [])
            for _, place, rows in found:
                parts[place].extend(rows)
            yield StoredTrace(trace_id, *parts)

    def _sources(self, traces: Sequence[Trace]) -> Iterator[tuple[int, _Source]]:
        """Yield what to read, each with the place of its rows in a `StoredTrace` after the id."""
        values = {
            "ids": id_list(sorted(trace.trace_id for trace in traces)),
            "first": min(trace.first_ns for trace in traces),
            "last": max(trace.last_ns for trace in traces),
            "version": PROMOTION_VERSION,
        }

        def source(
            sql: str, columns: str, id_at: int, make: Callable[[Any], Any], **more: Any
        ) -> _Source:
            return _Source(sql.format(columns=columns, **values, **more), id_at, make)

        yield 0, source(_SPANS, SPAN_COLUMNS, _id_at(SpanFacts), SpanFacts._make, versions=">=")
        if any(self.engine.stream(_ANY_OLDER.format(**values), {})):
            yield 0, source(_SPANS, OLDER_COLUMNS, TRACE_ID_AT, older_span, versions="<")
        yield 1, source(_ENTRIES, ENTRY_COLUMNS, _id_at(Entry), Entry._make)
        yield 2, source(_TOTALS, TOTAL_COLUMNS, _id_at(TraceTotal), _total)

    def _by_trace(self, place: int, source: _Source) -> Iterator[tuple[str, int, list[Any]]]:
        rows_of_all = self.engine.stream(source.sql, self._settings())
        for trace_id, rows in groupby(rows_of_all, itemgetter(source.id_at)):
            yield trace_id, place, list(islice(map(source.make, rows), MOST_SPANS + 1))

    def _settings(self) -> Mapping[str, Any]:
        return {
            "max_block_size": _ROWS_AT_ONCE,
            # There are several such statements at once.
            "max_threads": 1,
            "max_memory_usage": self.limits.memory_bytes,
            # Sorts what does not fit on the disk.
            "max_bytes_before_external_sort": self.limits.memory_bytes // 4,
            # Rows of one key are of one day.
            "do_not_merge_across_partitions_select_final": 1,
        }


def _id_at(row: type[NamedTuple]) -> int:
    return row._fields.index("trace_id")


def _total(row: tuple[Any, ...]) -> TraceTotal:
    return TraceTotal._make(tuple(each) if isinstance(each, list) else each for each in row)
