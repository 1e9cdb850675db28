"""Lookups read few granules: the engine's own account of each, kept under golden/.

After a deliberate change of keys or indexes, or of the engine, run
`RAK_UPDATE_GOLDEN=1 python -m pytest tests/integration/schema/test_lookups.py` and review the
difference.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from rak_libs.clickhouse.statements import Statements
from rak_services.migrate.config import Target
from rak_services.migrate.files import SchemaFile
from rak_services.migrate.tables import Waits, migrate_tables

GOLDEN = Path(__file__).parent / "golden"
UPDATE = os.environ.get("RAK_UPDATE_GOLDEN") == "1"
ROWS = 245_760  # 30 granules of 8,192 rows

# 12,288 traces of 20 spans over 8 services; 4 traces a session; 6 agents a service, joined by a
# seventh in the second half; errors in the 13 traces that leave 77 of 1,000, one span of each slow.
# One hour of yesterday, so one partition; one INSERT, so one part.
FILL = f"""
INSERT INTO {{table}} (trace_id, span_id, timestamp, duration_ns, service_name, span_name,
    status_code, invocation_id, session_id, user_id, agent_name)
WITH intDiv(number, 20) AS trace, trace % 8 AS service
SELECT
    lower(hex(MD5(toString(trace)))),
    substring(lower(hex(MD5(concat('span', toString(number))))), 1, 16),
    toDateTime64(toStartOfDay(now('UTC') - INTERVAL 1 DAY) + INTERVAL 10 HOUR, 9, 'UTC')
        + toIntervalMillisecond(intDiv(number * 3600000, {ROWS})),
    if(trace % 1000 = 77 AND number % 20 = 0, 60, number % 20) * 1000000000,
    concat('service-', toString(service)),
    if(number % 20 = 0, 'agent.run', 'llm.generate'),
    if(trace % 1000 = 77, 'ERROR', 'OK'),
    concat('inv-', lower(hex(MD5(concat('invocation', toString(trace)))))),
    concat('sess-', toString(intDiv(trace, 32) * 8 + service)),
    concat('user-', toString(trace % 3000)),
    concat('agent-', toString(service), '-', toString(intDiv(trace, 8) % 6 + intDiv(trace, 6144)))
FROM numbers({ROWS})
SETTINGS max_block_size = {ROWS}, min_insert_block_size_rows = {ROWS}, max_insert_threads = 1
"""

TRACE = "lower(hex(MD5('4321')))"
LOOKUPS = {
    "trace": (f"trace_id = {TRACE}", "idx_trace_id"),
    "invocation": (
        "invocation_id = concat('inv-', lower(hex(MD5('invocation4321'))))",
        "idx_invocation_id",
    ),
    "session": ("session_id = 'sess-1081'", "idx_session_id"),
    "user": ("user_id = 'user-1321'", "idx_user_id"),
    "agent": ("agent_name = 'agent-3-6'", "idx_agent_name"),
    "status": ("status_code = 'ERROR'", "idx_status_code"),
    "duration": ("duration_ns > 5e10", "idx_duration_ns"),
}
MATCHES = {
    "trace": 20,
    "invocation": 20,
    "session": 80,
    "user": 80,
    "agent": 2_560,
    "status": 260,
    "duration": 13,
}


@pytest.fixture(scope="module")
def spans(statements: Statements, files: tuple[SchemaFile, ...]) -> Iterator[str]:
    """A table of 30 granules in one part."""
    target = Target(
        database="schema_lookups",
        cluster="",
    )
    migrate_tables(statements, target, files, Waits(20, 20, 20), "test")
    table = target.qualified("spans")
    statements.execute(FILL.format(table=table))
    parts = statements.rows(
        "SELECT rows, marks FROM system.parts "
        "WHERE active AND database = 'schema_lookups' AND table = 'spans'"
    )
    assert parts == [(ROWS, ROWS // 8192 + 1)]
    yield table
    statements.execute("DROP DATABASE schema_lookups SYNC")


def _explain(statements: Statements, table: str, condition: str) -> str:
    rows = statements.rows(
        f"EXPLAIN indexes = 1 SELECT trace_id, span_id FROM {table} WHERE {condition} "
        "SETTINGS use_query_condition_cache = 0"
    )
    return "\n".join(line for (line,) in rows) + "\n"


@pytest.mark.parametrize("lookup", LOOKUPS)
def test_a_lookup_uses_its_index(statements: Statements, spans: str, lookup: str) -> None:
    """The plan is the golden file, and its last index leaves few granules of all."""
    condition, index = LOOKUPS[lookup]
    plan = _explain(statements, spans, condition)
    path = GOLDEN / f"{lookup}.txt"
    if UPDATE:
        path.write_text(plan)
    assert plan == path.read_text()
    assert f"Name: {index}\n" in plan
    granules = [(int(a), int(b)) for a, b in re.findall(r"Granules: (\d+)/(\d+)", plan)]
    assert granules[-1][0] < granules[0][1] / 2, plan


@pytest.mark.parametrize("lookup", LOOKUPS)
def test_a_lookup_finds_every_row(statements: Statements, spans: str, lookup: str) -> None:
    """Pruning loses nothing."""
    condition, _ = LOOKUPS[lookup]
    found = statements.rows(f"SELECT count() FROM {spans} WHERE {condition}")
    unpruned = statements.rows(
        f"SELECT count() FROM {spans} WHERE {condition} SETTINGS use_skip_indexes = 0"
    )
    assert found == unpruned == [(MATCHES[lookup],)]


def test_a_time_range_of_a_service_reads_its_own_granules(
    statements: Statements, spans: str
) -> None:
    """Five minutes of one service out of eight: the primary key prunes by both."""
    hour = "toStartOfDay(now('UTC') - INTERVAL 1 DAY) + INTERVAL 10 HOUR"
    plan = _explain(
        statements,
        spans,
        f"service_name = 'service-3' AND timestamp >= {hour} + INTERVAL 30 MINUTE "
        f"AND timestamp < {hour} + INTERVAL 35 MINUTE",
    )
    granules = re.findall(r"Granules: (\d+)/(\d+)", plan)
    assert int(granules[-1][0]) <= 2, plan


def test_a_trace_with_its_time_range_reads_one_granule_a_service(
    statements: Statements, spans: str
) -> None:
    """What a lookup by id does after it has asked trace_times."""
    ((start, end),) = statements.rows(
        "SELECT toUnixTimestamp64Nano(min(t.start)), toUnixTimestamp64Nano(max(t.end)) "
        f"FROM `schema_lookups`.`trace_times` AS t WHERE trace_id = {TRACE} GROUP BY trace_id"
    )
    plan = _explain(
        statements,
        spans,
        f"trace_id = {TRACE} AND timestamp >= fromUnixTimestamp64Nano({start}, 'UTC') "
        f"AND timestamp <= fromUnixTimestamp64Nano({end}, 'UTC')",
    )
    granules = re.findall(r"Granules: (\d+)/(\d+)", plan)
    assert int(granules[-1][0]) == 1, plan
