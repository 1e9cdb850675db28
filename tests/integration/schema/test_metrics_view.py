"""The view `metrics`: every kind of point in one table's columns, joined with its series."""

import math
from typing import Any

import pytest

from rak_libs.clickhouse.statements import Statements
from rak_services.migrate.config import Target

COLUMNS = [
    "metric_name",
    "metric_type",
    "timestamp",
    "value",
    "count",
    "sum",
    "min",
    "max",
    "buckets.upper_bound",
    "buckets.count",
    "service_name",
    "agent_name",
    "user_id",
    "session_id",
    "labels",
    "ingested_at",
]

SERIES = """
INSERT INTO {database}.metric_series (fingerprint, day, metric_name, metric_type, service_name,
    agent_name, user_id, session_id, labels, seen_at)
SELECT kind.1, day, 'agent.duration', kind.2, 'shop', 'planner', 'u-1', 'sess-1',
    map('n', toString(kind.1)), now64(3)
FROM (
    SELECT arrayJoin([today(), yesterday()]) AS day, arrayJoin([(1, 'COUNTER'), (2, 'HISTOGRAM'),
        (3, 'EXPONENTIAL_HISTOGRAM'), (4, 'SUMMARY')]) AS kind)
"""
POINT = "metric_name, fingerprint, timestamp"
POINTS = [
    f"""
INSERT INTO {{database}}.metric_samples ({POINT}, value, value_type, flags)
SELECT 'agent.duration', 1, now64(9) - number,
    if(number = 2, nan, 5.), if(number = 2, 'NONE', 'INT'), number = 2
FROM numbers(3)
""",
    f"""
INSERT INTO {{database}}.metric_histograms ({POINT}, count, sum, max, explicit_bounds,
    bucket_counts, flags)
SELECT 'agent.duration', 2, now64(9) - number, 3, 4.5, NULL,
    if(number = 0, [1., 2.], []), if(number = 0, [1, 0, 2], []), number = 2
FROM numbers(3)
""",
    f"""
INSERT INTO {{database}}.metric_exponential_histograms ({POINT}, count, scale, zero_count,
    zero_threshold, positive_offset, positive_counts, negative_offset, negative_counts)
SELECT 'agent.duration', 3, now64(9), 15, 1, 3, 0.25, -1, [1, 2], 2, [4, 5]
""",
    f"""
INSERT INTO {{database}}.metric_summaries ({POINT}, count, sum, quantiles, quantile_values)
SELECT 'agent.duration', 4, now64(9), 7, 8.5, [0.5], [1.]
""",
]


@pytest.fixture(scope="module")
def database(statements: Statements, shared: Target) -> str:
    """A database with two points of a counter, two of a histogram and one of the other kinds."""
    for sql in (SERIES, *POINTS):
        statements.execute(sql.format(database=shared.database))
    return shared.database


def _rows(statements: Statements, database: str, columns: str, kind: str) -> list[tuple[Any, ...]]:
    return statements.rows(
        f"SELECT {columns} FROM {database}.metrics WHERE metric_name = 'agent.duration' "
        f"AND metric_type = '{kind}' ORDER BY timestamp DESC"
    )


def test_it_has_the_columns_of_one_wide_table(statements: Statements, database: str) -> None:
    described = statements.rows(f"DESCRIBE TABLE {database}.metrics")
    assert [name for name, *_ in described] == COLUMNS


def test_a_point_has_what_its_series_says(statements: Statements, database: str) -> None:
    """Once, though the series has rows of several days."""
    columns = "value, count, service_name, agent_name, user_id, session_id, labels"
    row = (5.0, 0, "shop", "planner", "u-1", "sess-1", {"n": "1"})
    assert _rows(statements, database, columns, "COUNTER") == [row, row]


def test_a_point_without_a_value_is_left_out(statements: Statements, database: str) -> None:
    """An average stays a number."""
    query = f"SELECT avg(value), count() FROM {database}.metrics WHERE metric_type = 'COUNTER'"
    assert statements.rows(query) == [(5.0, 2)]


def test_buckets_have_upper_bounds(statements: Statements, database: str) -> None:
    """Those of a histogram end with infinity; one without buckets has none. What is absent is 0."""
    columns = "count, sum, max, buckets.upper_bound, buckets.count"
    assert _rows(statements, database, columns, "HISTOGRAM") == [
        (3, 4.5, 0.0, [1.0, 2.0, math.inf], [1, 0, 2]),
        (3, 4.5, 0.0, [], []),
    ]


def test_exponential_buckets_are_worked_out(statements: Statements, database: str) -> None:
    """Base is the root of 2: negative buckets from below, zero, positive ones."""
    columns = "buckets.upper_bound, buckets.count"
    ((bounds, counts),) = _rows(statements, database, columns, "EXPONENTIAL_HISTOGRAM")
    root = math.sqrt(2)
    assert bounds == pytest.approx([-(root**3), -(root**2), 0.25, 1, root])
    assert counts == [5, 4, 3, 1, 2]


def test_buckets_unfold(statements: Statements, database: str) -> None:
    query = (
        f"SELECT bucket.upper_bound, sum(bucket.count) FROM {database}.metrics "
        "ARRAY JOIN buckets AS bucket WHERE metric_type = 'HISTOGRAM' GROUP BY 1 ORDER BY 1"
    )
    assert statements.rows(query) == [(1.0, 1), (2.0, 0), (math.inf, 2)]


def test_a_summary_has_count_and_sum(statements: Statements, database: str) -> None:
    assert _rows(statements, database, "count, sum, value", "SUMMARY") == [(7, 8.5, 0.0)]


def test_a_name_and_a_time_reach_the_tables(statements: Statements, database: str) -> None:
    """The keys of points and of series are used, though they lie behind a join."""
    plan = "\n".join(
        line
        for (line,) in statements.rows(
            f"EXPLAIN indexes = 1 SELECT avg(value) FROM {database}.metrics WHERE metric_name = "
            "'agent.duration' AND timestamp > now() - INTERVAL 1 HOUR GROUP BY service_name"
        )
    )
    samples, _, rest = plan.partition("metric_samples")[2].partition("ReadFromMergeTree")
    assert "toStartOfInterval(timestamp, toIntervalHour(2)) in" in samples
    assert "metric_name in" in samples
    assert "metric_name in" in rest.partition("metric_series")[2]
