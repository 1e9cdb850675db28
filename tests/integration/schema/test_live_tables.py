"""The live tables are what the programs believe them to be."""

from rak_libs.clickhouse.statements import Statements
from rak_libs.model.spans import SPANS
from rak_services.migrate.config import Target


def _columns(statements: Statements, table: str, *kinds: str) -> list[tuple[str, str]]:
    described = statements.rows(f"DESCRIBE TABLE {table}")
    return [(name, kind) for name, kind, default, *_ in described if default in kinds]


def test_the_stored_columns_of_spans_are_those_of_the_model(
    statements: Statements, migrated: Target
) -> None:
    """Names, types and order: an INSERT of the model's columns fills the table."""
    live = _columns(statements, migrated.qualified("spans"), "")
    assert live == [(column.name, column.type) for column in SPANS.columns]


def test_spans_have_two_computed_columns(statements: Statements, migrated: Target) -> None:
    """Analysts may read them; nothing can insert into them."""
    assert _columns(statements, migrated.qualified("spans"), "ALIAS") == [
        ("end_timestamp", "DateTime64(9, 'UTC')"),
        ("attributes", "String"),
    ]
    assert _columns(statements, migrated.qualified("spans"), "DEFAULT", "MATERIALIZED") == []


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
    engines = dict(
        statements.rows(
            "SELECT name, engine_full FROM system.tables "
            f"WHERE database = '{migrated.database}' AND name IN ('spans', 'trace_times')"
        )
    )
    assert sorted(engines) == ["spans", "trace_times"]
    for engine in engines.values():
        assert "non_replicated_deduplication_window = 1000" in engine


def test_an_absent_id_equals_the_empty_text(statements: Statements, migrated: Target) -> None:
    """An id that is not given is the column's default, and `= ''` finds it."""
    spans = migrated.qualified("spans")
    statements.execute(f"INSERT INTO {spans} (trace_id, timestamp) SELECT repeat('a', 32), now64()")
    query = f"SELECT count() FROM {spans} WHERE parent_span_id = '' AND span_id = ''"
    assert statements.rows(query) == [(1,)]
