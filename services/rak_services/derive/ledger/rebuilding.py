"""Computes every trace of a range of time again, and every slot of the summaries in it.

This is how new rules, new prices, spans that were deleted and tables that were damaged come to be
right: whatever is stored is compared with what the spans give now.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from rak_libs.model.ledger import SLOT_SECONDS, SUMMARY_STATES
from rak_libs.model.time_text import SECOND_NS
from rak_libs.model.time_window import DAY_NS
from rak_services.derive.ledger.accounts import Accounts
from rak_services.derive.ledger.traces import Trace, with_times
from rak_services.derive.times import MS_NS, ceiling_to, floor_to

SLOT_NS: Final = SLOT_SECONDS * SECOND_NS

# Of what is stored, also that of which no span is left.
_ROWS: Final = """\
(
    SELECT trace_id, timestamp FROM spans WHERE {range}
    UNION ALL
    SELECT trace_id, timestamp FROM ledger WHERE {range}
    UNION ALL
    SELECT trace_id, timestamp FROM trace_totals WHERE {range}
)"""

_RANGE: Final = """\
timestamp >= fromUnixTimestamp64Nano({begin}, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano({end}, 'UTC')"""

_COUNT: Final = "SELECT uniq(trace_id) FROM {rows}"

_TRACES: Final = """\
SELECT
    trace_id,
    toUnixTimestamp64Nano(min(timestamp)),
    toUnixTimestamp64Nano(max(timestamp))
FROM {rows}
WHERE cityHash64(trace_id) % {shares} = {share}
GROUP BY trace_id"""

_SLOTS: Final = """\
SELECT DISTINCT toUnixTimestamp(slot) FROM {table} WHERE slot >= {begin} AND slot < {end}"""


@dataclass(slots=True)
class LedgerRebuild:
    """Computes a range of time again.

    Attributes:
        accounts: Computes traces.
    """

    accounts: Accounts
    _reaching_on: dict[str, int] = field(default_factory=dict, init=False)

    def run(self, begin_ns: int, end_ns: int) -> tuple[int, int]:
        """Compute every trace with a span in a range of time, whole, and every slot of the range.

        Returns:
            The range that was computed: full slots that have not begun to expire.

        Raises:
            Stopped: Some of it may be done.
            ClickHouseError: Likewise.
        """
        seen = self.accounts.settled_moment()
        oldest = ceiling_to(self.accounts.edge_ns(seen), SLOT_NS)
        since = max(floor_to(begin_ns, SLOT_NS), oldest)
        until = ceiling_to(min(end_ns, seen * MS_NS + DAY_NS), SLOT_NS)
        begin, step = since, DAY_NS
        while begin < until:
            end = min(begin + step, until)
            while end - begin > SLOT_NS and self._count(begin, end) > self.accounts.limits.traces:
                end = begin + ceiling_to((end - begin) // 2, SLOT_NS)
            self._window(begin, end, until)
            step = min(2 * (end - begin), DAY_NS)
            begin = end
        return since, max(since, until)

    def _window(self, begin: int, end: int, until: int) -> None:
        """Compute the traces and slots of a part of the range that ends at `until`."""
        seen = self.accounts.settled_moment()
        for traces in self._traces(begin, end):
            self.accounts.compute(traces, seen)
        later = range(end // SECOND_NS, until // SECOND_NS)
        touched = (slot for slot in self.accounts.touched_slots(seen) if slot not in later)
        self.accounts.sum_up(self._stored_slots(begin, end).union(touched))
        self._reaching_on = {
            trace_id: last for trace_id, last in self._reaching_on.items() if last >= end
        }

    def _traces(self, begin: int, end: int) -> Iterator[list[Trace]]:
        """Yield the traces of a window, those left out that an earlier one had."""
        rows = _ROWS.format(range=_RANGE.format(begin=begin, end=end))
        shares = max(-(-self._count(begin, end) // self.accounts.limits.traces), 1)
        for share in range(shares):
            sql = _TRACES.format(rows=rows, share=share, shares=shares)
            found = [Trace(*row) for row in self.accounts.engine.stream(sql, {})]
            new = [trace for trace in found if trace.trace_id not in self._reaching_on]
            traces = with_times(self.accounts.engine, new)
            self._reaching_on |= {
                trace.trace_id: trace.last_ns for trace in traces if trace.last_ns >= end
            }
            yield traces

    def _stored_slots(self, begin: int, end: int) -> set[int]:
        """Return the slots of a window of which there is something to sum up, or a sum."""
        tables = ("ledger", *(table.name for table in SUMMARY_STATES))
        slots = [
            _SLOTS.format(table=table, begin=begin // SECOND_NS, end=end // SECOND_NS)
            for table in tables
        ]
        return {slot for (slot,) in self.accounts.engine.execute(" UNION DISTINCT ".join(slots))}

    def _count(self, begin: int, end: int) -> int:
        rows = _ROWS.format(range=_RANGE.format(begin=begin, end=end))
        count: int
        ((count,),) = self.accounts.engine.execute(_COUNT.format(rows=rows))
        return count
