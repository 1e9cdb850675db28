"""The live tables are what the programs believe them to be."""

import re

import pytest

from rak_libs.clickhouse.statements import Statements
from rak_libs.model.ledger import LEDGER, SUMMARY_STATES, TRACE_TOTALS
from rak_libs.model.logs import LOGS
from rak_libs.model.metric_rollups import PROGRESS, ROLLUP_TABLES
from rak_libs.model.metrics import METRIC_TABLES
from rak_libs.model.pipeline import PIPELINE
from rak_libs.model.profiles import PROFILE_TABLES
from rak_libs.model.spans import SPANS
from rak_libs.model.table import Table
from rak_services.migrate.config import Target

TABLES = [
    SPANS,
    PIPELINE,
    LOGS,
    *METRIC_TABLES,
    *ROLLUP_TABLES,
    PROGRESS,
    *PROFILE_TABLES,
    LEDGER,
    TRACE_TOTALS,
    *SUMMARY_STATES,
]


@pytest.fixture(scope="module")
def migrated(shared: Target) -> Target:
    """One database for all tests here: they leave each other's rows alone."""
    return shared


def _columns(statements: Statements, table: str, *kinds: str) -> list[tuple[str, str]]:
    described = statements.rows(f"DESCRIBE TABLE {table}")
    return [(name, kind) for name, kind, default, *_ in described if default in kinds]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_stored_columns_are_those_of_the_model(
    statements: Statements, migrated: Target, table: Table
) -> None:
    """Names, types and order: an INSERT of the model's columns fills the table."""
    live = _columns(statements, migrated.qualified(table.name), "")
    assert live == [(column.name, column.type) for column in table.stored_columns]


def test_rows_of_the_account_replace_each_other(statements: Statements, migrated: Target) -> None:
    """By their key: the highest sequence stays, whatever comes later; other keys are left alone."""
    pipeline = migrated.qualified("pipeline")
    for boot, sequence, items in [("a", 1, 10), ("a", 3, 30), ("a", 2, 20), ("b", 1, 5)]:
        statements.execute(
            f"INSERT INTO {pipeline} (signal, hour, boot, sequence, items) "
            f"SELECT 'spans', toStartOfHour(now()), '{boot}', {sequence}, {items}"
        )
    rows = statements.rows(f"SELECT boot, items FROM {pipeline} FINAL ORDER BY boot")
    assert rows == [("a", 30), ("b", 5)]


def test_the_account_may_be_inserted_again(statements: Statements, migrated: Target) -> None:
    """The engine drops no repetition: one that it noted and then lost must not stay lost."""
    (engine,) = statements.rows(
        "SELECT engine_full FROM system.tables "
        f"WHERE database = '{migrated.database}' AND name = 'pipeline'"
    )
    assert "non_replicated_deduplication_window = 0" in engine[0]


def test_spans_have_two_computed_columns(statements: Statements, migrated: Target) -> None:
    """Analysts may read them; nothing can insert into them."""
    assert _columns(statements, migrated.qualified("spans"), "ALIAS") == [
        ("end_timestamp", "DateTime64(9, 'UTC')"),
        ("attributes", "String"),
    ]
    assert _columns(statements, migrated.qualified("spans"), "DEFAULT", "MATERIALIZED") == []


def test_logs_have_three_computed_columns(statements: Statements, migrated: Target) -> None:
    """Two to ask with, and one that the engine fills with its own time."""
    logs = migrated.qualified("logs")
    asked = [("body_folded", "String"), ("attributes", "String")]
    assert _columns(statements, logs, "ALIAS") == asked
    made = [("inserted_at", "DateTime64(3, 'UTC')")]
    assert _columns(statements, logs, "DEFAULT", "MATERIALIZED") == made


def test_trace_times_has_the_columns_that_lookups_read(
    statements: Statements, migrated: Target
) -> None:
    """The bounds merge by minimum and maximum."""
    assert _columns(statements, migrated.qualified("trace_times"), "") == [
        ("trace_id", "FixedString(32)"),
        ("day", "Date"),
        ("start", "SimpleAggregateFunction(min, DateTime64(9, 'UTC'))"),
        ("end", "SimpleAggregateFunction(max, DateTime64(9, 'UTC'))"),
        ("inserted_at", "DateTime64(3, 'UTC')"),
    ]


def test_tables_that_are_inserted_into_can_deduplicate(
    statements: Statements, migrated: Target
) -> None:
    """A view's target needs a window of its own, or a retry doubles its rows."""
    tables = ["trace_times", "attribute_keys", *(table.name for table in TABLES if table.by_batch)]
    names = ", ".join(f"'{table}'" for table in tables)
    engines = dict(
        statements.rows(
            "SELECT name, engine_full FROM system.tables "
            f"WHERE database = '{migrated.database}' AND name IN ({names})"
        )
    )
    assert sorted(engines) == sorted(tables)
    for engine in engines.values():
        assert "non_replicated_deduplication_window = 10000" in engine


def test_points_carry_the_engine_s_own_clock(statements: Statements, migrated: Target) -> None:
    """Nothing can insert it; what came since a moment is found by it."""
    for table in (table for table in METRIC_TABLES if table.by_batch):
        name = migrated.qualified(table.name)
        assert _columns(statements, name, "MATERIALIZED") == [
            ("inserted_at", "DateTime64(3, 'UTC')")
        ]
    samples = migrated.qualified("metric_samples")
    columns = "(metric_name, timestamp)"
    statements.execute(f"INSERT INTO {samples} {columns} SELECT 'old', now64(9) - 86400")
    fresh = (
        f"SELECT count() FROM {samples} WHERE inserted_at > now64(3) - 60 AND metric_name = 'old'"
    )
    assert statements.rows(fresh) == [(1,)]


def test_a_series_is_replaced_by_what_was_seen_last(
    statements: Statements, migrated: Target
) -> None:
    """One row a series and day, whatever was written last."""
    series = migrated.qualified("metric_series")
    for day, seen_at, description in [
        ("2026-05-01", 1, "old"),
        ("2026-05-01", 3, "newest"),
        ("2026-05-01", 2, "old"),
        ("2026-05-02", 1, "next day"),
    ]:
        statements.execute(
            f"INSERT INTO {series} (fingerprint, day, metric_name, metric_type, description, "
            f"seen_at) SELECT 7, '{day}', 'requests', 'COUNTER', '{description}', {seen_at}"
        )
    query = f"SELECT description, is_monotonic FROM {series} FINAL ORDER BY day"
    assert statements.rows(query) == [("newest", True), ("next day", True)]


def test_a_dashboard_of_an_hour_reads_the_end_of_a_day(
    statements: Statements, migrated: Target
) -> None:
    """The key begins with two hours: of 24 hours of a series' points, few granules are read."""
    samples = migrated.qualified("metric_samples")
    noon = "toDateTime64(toStartOfDay(now('UTC') - INTERVAL 1 DAY), 9, 'UTC')"
    statements.execute(
        f"INSERT INTO {samples} (metric_name, fingerprint, timestamp) "
        f"SELECT 'requests', number % 10, {noon} + intDiv(number, 10) * 4 FROM numbers(216000) "
        "SETTINGS max_insert_threads = 1, max_block_size = 216000"
    )
    plan = "\n".join(
        line
        for (line,) in statements.rows(
            f"EXPLAIN indexes = 1 SELECT value FROM {samples} WHERE metric_name = 'requests' "
            f"AND fingerprint IN (3, 4) AND timestamp >= {noon} + 82800 "
            f"AND timestamp < {noon} + 86400 SETTINGS use_query_condition_cache = 0"
        )
    )
    granules = re.findall(r"Granules: (\d+)/(\d+)", plan)
    assert int(granules[0][1]) >= 27, plan
    assert int(granules[-1][0]) <= 4, plan


def test_an_absent_id_equals_the_empty_text(statements: Statements, migrated: Target) -> None:
    """An id that is not given is the column's default, and `= ''` finds it."""
    spans = migrated.qualified("spans")
    statements.execute(f"INSERT INTO {spans} (trace_id, timestamp) SELECT repeat('a', 32), now64()")
    query = f"SELECT count() FROM {spans} WHERE parent_span_id = '' AND span_id = ''"
    assert statements.rows(query) == [(1,)]
