"""Which traces are read together, and which rows are stored together."""

from ledger_spans import HOUR, MINUTE
from rak_libs.model.ledger import TRACE_TOTALS
from rak_libs.model.time_window import DAY_NS
from rak_services.derive.ledger.rows import TraceTotal
from rak_services.derive.ledger.storing import MOST_DAYS, Changes
from rak_services.derive.ledger.traces import FEW_TRACES, Trace, groups_by_time

NOON = 20_000 * DAY_NS + 12 * HOUR
_NOTHING = {name: "" if kind is str else 0 for name, kind in TraceTotal.__annotations__.items()}


def trace(number: int, begin: int, lasting: int = MINUTE) -> Trace:
    return Trace(f"{number:032x}", begin, begin + lasting)


def total(day: int, spans: int = 1) -> TraceTotal:
    facts = {**_NOTHING, "trace_id": "a", "timestamp": day * DAY_NS, "spans": spans}
    return TraceTotal(**facts)


def changes() -> Changes:
    return Changes(TRACE_TOTALS, lambda row: row.timestamp)


def test_an_old_trace_does_not_widen_the_range_of_others() -> None:
    now, old = [trace(n, NOON + n) for n in range(3)], trace(9, NOON - 30 * HOUR)
    assert list(groups_by_time([old, *now])) == [[old], now]


def span_of(group: list[Trace]) -> int:
    return max(each.last_ns for each in group) - min(each.first_ns for each in group)


def test_spans_of_many_traces_lie_within_two_hours() -> None:
    traces = [trace(n, NOON + n * MINUTE // 3, n % 60 * MINUTE) for n in range(1_000)]
    groups = list(groups_by_time(traces))
    assert sorted(each for group in groups for each in group) == sorted(traces)
    assert all(span_of(group) < 2 * HOUR for group in groups if len(group) > FEW_TRACES)
    assert max(map(len, groups)) == 180


def test_few_traces_of_a_day_are_read_at_once() -> None:
    traces = [trace(n, NOON - 11 * HOUR + n * 20 * HOUR) for n in range(200)]
    groups = list(groups_by_time(traces))
    assert sorted(each for group in groups for each in group) == sorted(traces)
    assert len(groups) == len({each.first_ns // DAY_NS for each in traces})
    assert all(span_of(group) < 25 * HOUR for group in groups)


def test_long_traces_are_read_by_themselves_a_few_at_a_time() -> None:
    long = [trace(n, NOON, 3 * HOUR) for n in range(FEW_TRACES + 1)]
    groups = list(groups_by_time([*long, trace(999, NOON)]))
    assert [len(group) for group in groups] == [1, FEW_TRACES, 1]


def test_what_differs_is_written_and_what_is_no_more_is_deleted() -> None:
    changing = changes()
    changing.add([total(1), total(2, 5), total(3)], [total(1), total(2, 4), total(4)])
    assert list(changing.taken()) == [([total(2, 5), total(3)], 0), ([total(4)], 1)]
    assert list(changing.taken()) == []


def test_an_insert_touches_no_more_days_than_the_engine_takes() -> None:
    changing = changes()
    rows = [total(day) for day in range(2 * MOST_DAYS + 1)]
    changing.add(rows, [])
    parts = [part for part, _ in changing.taken()]
    assert [len(part) for part in parts] == [MOST_DAYS, MOST_DAYS, 1]
    assert sorted(row for part in parts for row in part) == rows
