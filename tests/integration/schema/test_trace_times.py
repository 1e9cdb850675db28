"""`trace_times` bounds every trace, whatever arrives, how often and in which order."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rak_libs.clickhouse.statements import Statements
from rak_services.migrate.config import Target
from rak_services.migrate.files import SchemaFile
from rak_services.migrate.tables import Waits, migrate_tables

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
LAST_NANOSECOND = 2**63 - 1


def _insert(statements: Statements, target: Target, *spans: tuple[datetime, int]) -> None:
    """Store spans of one trace in one INSERT: (start, nanoseconds)."""
    rows = " UNION ALL ".join(
        f"SELECT '{TRACE}', parseDateTime64BestEffort('{start.isoformat()}', 9), "
        f"toUInt64({nanoseconds})"
        for start, nanoseconds in spans
    )
    table = target.qualified("spans")
    statements.execute(f"INSERT INTO {table} (trace_id, timestamp, duration_ns) {rows}")


def _bounds(statements: Statements, target: Target) -> list[tuple[Any, ...]]:
    """Read a trace's bounds in nanoseconds since 1970, as a lookup does."""
    return statements.rows(
        "SELECT toUnixTimestamp64Nano(min(t.start)), toUnixTimestamp64Nano(max(t.end)) "
        f"FROM {target.qualified('trace_times')} AS t WHERE trace_id = '{TRACE}' GROUP BY trace_id"
    )


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 10**9 + moment.microsecond * 1000


@pytest.fixture
def midnight() -> datetime:
    """The beginning of yesterday, UTC."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=1)


def test_a_span_that_arrives_twice_changes_nothing(
    statements: Statements, without_spans: Target, midnight: datetime
) -> None:
    """In one INSERT or in two, before and after a merge."""
    spans = [(midnight, 5_000_000_000), (midnight + timedelta(seconds=1), 1)]
    _insert(statements, without_spans, *spans)
    expected = [(_nanoseconds(midnight), _nanoseconds(midnight) + 5_000_000_000)]
    assert _bounds(statements, without_spans) == expected
    _insert(statements, without_spans, *spans, *spans)
    assert _bounds(statements, without_spans) == expected
    statements.execute(f"OPTIMIZE TABLE {without_spans.qualified('trace_times')} FINAL")
    assert _bounds(statements, without_spans) == expected


def test_later_and_earlier_spans_widen_the_bounds(
    statements: Statements, without_spans: Target, midnight: datetime
) -> None:
    """The order of arrival does not matter."""
    noon = midnight + timedelta(hours=12)
    for offset in (0, 60, -60):
        _insert(statements, without_spans, (noon + timedelta(seconds=offset), 1_000))
    first, last = noon - timedelta(seconds=60), noon + timedelta(seconds=60)
    assert _bounds(statements, without_spans) == [(_nanoseconds(first), _nanoseconds(last) + 1_000)]


def test_a_trace_across_midnight_has_a_row_a_day_and_one_pair_of_bounds(
    statements: Statements, without_spans: Target, midnight: datetime
) -> None:
    """A span that only ends after midnight belongs to the day it began."""
    before = midnight - timedelta(seconds=2)
    _insert(statements, without_spans, (before, 10 * 10**9), (midnight, 3 * 10**9))
    days = statements.rows(
        f"SELECT DISTINCT day FROM {without_spans.qualified('trace_times')} ORDER BY day"
    )
    assert days == [(before.date(),), (midnight.date(),)]
    assert _bounds(statements, without_spans) == [
        (_nanoseconds(before), _nanoseconds(before) + 10 * 10**9)
    ]


@pytest.mark.parametrize("nanoseconds", [2**63 - 1, 2**63, 2**64 - 1])
def test_no_duration_can_fail_an_insert(
    statements: Statements, without_spans: Target, midnight: datetime, nanoseconds: int
) -> None:
    """An end beyond 2262-04-11 is stored and read as the last nanosecond there is."""
    _insert(statements, without_spans, (midnight, nanoseconds))
    assert _bounds(statements, without_spans) == [(_nanoseconds(midnight), LAST_NANOSECOND)]
    ends = statements.rows(
        f"SELECT toUnixTimestamp64Nano(end_timestamp) FROM {without_spans.qualified('spans')}"
    )
    assert ends == [(LAST_NANOSECOND,)]


def test_a_day_outlives_its_last_span(
    statements: Statements, without_spans: Target, midnight: datetime
) -> None:
    """Spans expire by their own time, so the row of their day is kept one day longer."""
    _insert(statements, without_spans, (midnight + timedelta(hours=23, minutes=59), 1))
    expiry = dict(
        statements.rows(
            "SELECT table, delete_ttl_info_max FROM system.parts WHERE active "
            f"AND database = '{without_spans.database}' AND table IN ('spans', 'trace_times')"
        )
    )
    assert expiry["spans"] < expiry["trace_times"] <= expiry["spans"] + timedelta(days=1)


def _as_of(statements: Statements, target: Target) -> list[tuple[int, int]]:
    """Read what each INSERT brought, in the order of time: (milliseconds taken, its start)."""
    return statements.rows(
        "SELECT toUnixTimestamp64Milli(inserted_at) AS taken, toUnixTimestamp64Nano(start) "
        f"FROM {target.qualified('trace_times')} ORDER BY taken"
    )


def test_what_each_insert_brought_stays_apart(
    statements: Statements, without_spans: Target, midnight: datetime
) -> None:
    """A merge does not join rows of different INSERTs: a trace reads as it was at any moment."""
    moments = [midnight, midnight - timedelta(seconds=1), midnight - timedelta(seconds=2)]
    clock = "SELECT toUnixTimestamp64Milli(now64(3))"
    clocks: list[int] = []
    for moment in moments:
        clocks += [at for (at,) in statements.rows(clock)]
        _insert(statements, without_spans, (moment, 1))
    statements.execute(f"OPTIMIZE TABLE {without_spans.qualified('trace_times')} FINAL")
    found = _as_of(statements, without_spans)
    assert [start for _, start in found] == [_nanoseconds(moment) for moment in moments]
    assert clocks[0] <= found[0][0] <= clocks[1] <= found[1][0] <= clocks[2] <= found[2][0]


def test_rows_from_before_inserted_at_count_as_taken_in_1970(
    statements: Statements, target: Target, files: tuple[SchemaFile, ...], midnight: datetime
) -> None:
    """A database of the first release is changed in place, also when a file runs twice."""
    first_release = tuple(file for file in files if file.version <= 6)
    migrate_tables(statements, target, first_release, Waits(20, 20, 20), "test")
    _insert(statements, target, (midnight, 1))
    migrate_tables(statements, target, files, Waits(20, 20, 20), "test")
    for file in files:
        if file.version > 6 and not file.cluster_only:
            statements.execute(file.render(target))
    _insert(statements, target, (midnight - timedelta(seconds=1), 1))
    (old, _), (new, _) = _as_of(statements, target)
    assert old == 0 < new
    statements.execute(f"OPTIMIZE TABLE {target.qualified('trace_times')} FINAL")
    assert [taken for taken, _ in _as_of(statements, target)] == [old, new]
