"""docs/schema.md is true: its columns are the tables', its example queries run as written."""

import re
from pathlib import Path
from typing import Any

import pytest

from rak_libs.clickhouse.connection import connect
from rak_libs.clickhouse.statements import Statements
from rak_libs.model.ledger import LEDGER, SUMMARY_STATES, TOKEN_KINDS, TRACE_TOTALS
from rak_libs.model.metrics import METRIC_TABLES
from rak_libs.model.profiles import PROFILE_TABLES
from rak_libs.model.table import Table
from rak_libs.runtime.settings import ClickHouseSettings
from rak_services.migrate.config import Target

DOCS = Path(__file__).parents[3] / "docs"
DOCUMENT = (DOCS / "schema.md").read_text()
LEDGER_PAGE = (DOCS / "ledger.md").read_text()

# Two services, two agents and two models within the last hour, and rows that each query must leave
# out: another session, two hours and two days ago.
SPANS = """
INSERT INTO {table} (trace_id, span_id, timestamp, duration_ns, service_name, span_name,
    status_code, session_id, agent_name, llm_model, attributes_int, attributes_string)
SELECT repeat(c.1, 32), repeat(c.1, 16), now64(9) - toIntervalSecond(c.2), c.3 * 1000000,
    'shop', c.4, c.5, c.6, c.7, c.8, if(c.9 = 0, map(), map('token_count', c.9)), map('k', '"\\n')
FROM (SELECT arrayJoin([
    ('1', 600, 1000, 'agent.run', 'OK', 'sess-123', 'planner', '', 0),
    ('1', 599, 300, 'llm.generate', 'OK', 'sess-123', '', 'gpt-5', 120),
    ('2', 500, 2000, 'agent.run', 'UNSET', 'sess-123', 'planner', '', 0),
    ('3', 400, 3000, 'agent.run', 'OK', 'sess-9', 'planner', '', 0),
    ('3', 399, 500, 'llm.generate', 'OK', 'sess-9', '', 'gpt-5', 80),
    ('4', 300, 6000, 'agent.run', 'ERROR', 'sess-9', 'planner', '', 0),
    ('5', 200, 7500, 'agent.run', 'OK', 'sess-9', 'coder', '', 0),
    ('5', 199, 900, 'llm.generate', 'OK', 'sess-9', '', 'llama', 0),
    ('6', 7200, 8000, 'agent.run', 'OK', 'sess-9', 'coder', '', 0),
    ('7', 172800, 9000, 'agent.run', 'ERROR', 'sess-9', 'coder', '', 0),
    ('7', 172800, 9000, 'llm.generate', 'ERROR', 'sess-9', '', 'gpt-5', 1000)]) AS c)
"""


DESCRIBED = ["spans", "trace_times", "attribute_keys", "pipeline", "logs", "metrics"]
DESCRIBED += [table.name for table in METRIC_TABLES]
DESCRIBED += [*(table.name for table in PROFILE_TABLES), "profile_samples"]


@pytest.fixture(scope="module")
def migrated(shared: Target) -> Target:
    """One database for all tests here: they leave each other's rows alone."""
    return shared


def _section(heading: str, document: str = DOCUMENT) -> str:
    level = heading.partition(" ")[0]
    text = document.split(f"\n{heading}\n", 1)[1]
    return re.split(rf"\n#{{1,{len(level)}}} ", text, maxsplit=1)[0]


def _documented_columns(heading: str, document: str = DOCUMENT) -> list[tuple[str, str]]:
    row = r"^\| `([a-z_.]+)` \| ([A-Z][^|]+) \|"
    return re.findall(row, _section(heading, document), re.MULTILINE)


def _live_columns(statements: Statements, table: str) -> list[tuple[str, str]]:
    described = statements.rows(f"DESCRIBE TABLE {table}")
    columns = [(name, kind) for name, kind, default, *_ in described if not default]
    simple = re.compile(r"SimpleAggregateFunction\(\w+, (.+)\)|(Enum8)\(.*\)")
    return [(name, simple.sub(lambda m: m[1] or m[2], kind)) for name, kind in columns]


@pytest.mark.parametrize("table", DESCRIBED)
def test_every_column_is_described(statements: Statements, migrated: Target, table: str) -> None:
    """In the table's order, with its type."""
    live = _live_columns(statements, migrated.qualified(table))
    assert _documented_columns(f"## {table}") == live


@pytest.mark.parametrize("table", [LEDGER, TRACE_TOTALS, *SUMMARY_STATES], ids=lambda t: t.name)
def test_every_column_of_the_ledger_is_described(
    statements: Statements, migrated: Target, table: Table
) -> None:
    live = _live_columns(statements, migrated.qualified(table.name))
    assert _documented_columns(f"## {table.name}", LEDGER_PAGE) == live


@pytest.mark.parametrize(
    "view", ["agent_execution_summary", "llm_call_summary", "tool_execution_summary"]
)
def test_the_views_of_summaries_have_finished_columns(
    statements: Statements, migrated: Target, view: str
) -> None:
    """Described, and the same under both names."""
    columns = _live_columns(statements, migrated.qualified(view))
    assert columns == _live_columns(statements, migrated.qualified(f"{view}_mv"))
    kinds = {kind.partition("(")[0] for _, kind in columns}
    assert not kinds & {"Map", "AggregateFunction", "Nullable"}
    named = _section("## agent_execution_summary_states", LEDGER_PAGE)
    named += _section(f"## {view}_states", LEDGER_PAGE)
    told = {name for name, _ in columns if name not in {"hour", *TOKEN_KINDS}}
    assert [name for name in told if f"`{name}`" not in named] == []


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("spans", ["end_timestamp", "attributes"]),
        ("logs", ["inserted_at", "body_folded", "attributes"]),
        ("metric_series", ["is_monotonic"]),
        ("metric_samples", ["inserted_at"]),
        ("cpu_profiles", ["inserted_at", "samples.labels"]),
        ("memory_profiles", ["inserted_at"]),
        ("profile_stacks", ["locations"]),
    ],
)
def test_computed_columns_are_described(
    statements: Statements, migrated: Target, table: str, columns: list[str]
) -> None:
    """Beside the columns that they are made of."""
    described = statements.rows(f"DESCRIBE TABLE {migrated.qualified(table)}")
    computed = [name for name, _, default, *_ in described if default]
    assert computed == columns
    assert [name for name in computed if f"`{name}`" not in _section(f"## {table}")] == []


def test_every_placeholder_is_described(target: Target) -> None:
    """Under the names that schema files use."""
    listed = re.findall(
        r"^\| `\$\{(\w+)\}`", _section("## One set of files, two forms"), re.MULTILINE
    )
    assert sorted(listed) == sorted(target.placeholders())


@pytest.fixture
def answers(
    engine: ClickHouseSettings, statements: Statements, migrated: Target
) -> list[list[tuple[Any, ...]]]:
    """Rows of the example queries 1 to 4, each sent as it is printed."""
    statements.execute(SPANS.format(table=migrated.qualified("spans")))
    queries = re.findall(r"```sql\n(.*?)```", _section("## Example queries"), re.DOTALL)
    assert len(queries) == 5
    client = connect(engine, database=migrated.database)
    try:
        return [client.execute(query) for query in queries[:4]]
    finally:
        client.disconnect()


def test_example_queries_give_the_right_numbers(answers: list[list[tuple[Any, ...]]]) -> None:
    """Session, agents of a day, slow runs of an hour, tokens of a day."""
    session, agents, slow, tokens = answers
    assert [(row[0], row[1], row[3], row[4]) for row in session] == [
        ("1" * 32, "agent.run", 1.0, "OK"),
        ("1" * 32, "llm.generate", 0.3, "OK"),
        ("2" * 32, "agent.run", 2.0, "UNSET"),
    ]
    assert agents == [
        ("planner", 4, 3.0, pytest.approx(5.55), 25.0),
        ("coder", 2, 7.75, pytest.approx(7.975), 0.0),
    ]
    assert [(row[0], row[1], row[2], row[4]) for row in slow] == [
        ("5" * 32, "shop", "coder", 7.5),
        ("4" * 32, "shop", "planner", 6.0),
    ]
    assert sorted(tokens) == [("gpt-5", 2, 200, 0.4), ("llama", 1, 0, 0.9)]


def test_the_query_of_trace_times_runs_as_written(
    engine: ClickHouseSettings, statements: Statements, migrated: Target
) -> None:
    """With two rows for its trace."""
    (query,) = re.findall(r"```sql\n(.*?)```", _section("## trace_times"), re.DOTALL)
    (trace,) = re.findall(r"'([0-9a-f]{32})'", query)
    for _ in range(2):
        statements.execute(
            f"INSERT INTO {migrated.qualified('spans')} (trace_id, timestamp, duration_ns) "
            f"SELECT '{trace}', now64(9), 1000000"
        )
    client = connect(engine, database=migrated.database)
    try:
        ((found, start, end),) = client.execute(query)
    finally:
        client.disconnect()
    assert found == trace
    assert start < end


# Two series of one gauge, one of them of another service; a value that was sent twice, and the end
# of a series.
SERIES = """
INSERT INTO {table} (fingerprint, day, metric_name, metric_type, service_name, labels, seen_at)
SELECT fingerprint, day, 'agent.queue.length', 'GAUGE', if(fingerprint = 1, 'checkout', 'cart'),
    map('tool', if(fingerprint = 1, 'search', 'fetch')), now64(3)
FROM (SELECT arrayJoin([1, 2]) AS fingerprint, arrayJoin([today(), yesterday()]) AS day)
"""
SAMPLES = """
INSERT INTO {table} (fingerprint, metric_name, timestamp, value, value_type, flags)
SELECT c.1, 'agent.queue.length', toStartOfMinute(now64(9)) - toIntervalSecond(c.2), c.3,
    if(c.4 = 1, 'NONE', 'DOUBLE'), c.4
FROM (SELECT arrayJoin([
    (1, 70, 2., 0), (1, 80, 4., 0), (1, 80, 4., 0), (2, 70, 8., 0), (1, 60, nan, 1)]) AS c)
"""


def test_the_queries_of_metrics_run_as_written(
    engine: ClickHouseSettings, statements: Statements, migrated: Target
) -> None:
    """Over the view, where a point that was sent twice counts twice, and over the tables."""
    statements.execute(SERIES.format(table=migrated.qualified("metric_series")))
    statements.execute(SAMPLES.format(table=migrated.qualified("metric_samples")))
    (by_hand,) = re.findall(r"```sql\n(.*?)```", _section("## metrics"), re.DOTALL)
    (exact,) = re.findall(r"```sql\n(.*?)```", _section("## metric_samples"), re.DOTALL)
    client = connect(engine, database=migrated.database)
    try:
        assert [row[1:] for row in client.execute(by_hand)] == [
            ("fetch", 8.0),
            ("search", pytest.approx(10 / 3)),
        ]
        assert client.execute(exact) == [({"tool": "search"}, 3.0)]
    finally:
        client.disconnect()


def test_the_query_of_logs_runs_as_written(
    engine: ClickHouseSettings, statements: Statements, migrated: Target
) -> None:
    """It finds the error whose text holds the words, whatever their case."""
    (query,) = re.findall(r"```sql\n(.*?)```", _section("## logs"), re.DOTALL)
    texts = ["tcp: Connection REFUSED (111)", "connection closed"]
    for severity, text in [(9, texts[0]), (17, texts[0]), (17, texts[1])]:
        statements.execute(
            f"INSERT INTO {migrated.qualified('logs')} (timestamp, severity_number, body) "
            f"SELECT now64(9), {severity}, '{text}'"
        )
    client = connect(engine, database=migrated.database)
    try:
        assert [row[3] for row in client.execute(query)] == texts[:1]
    finally:
        client.disconnect()
