"""Lookups of log records read few granules: the engine's own account of each, kept under golden/.

After a deliberate change of keys or indexes, or of the engine, run
`RAK_UPDATE_GOLDEN=1 python -m pytest tests/integration/schema/test_log_lookups.py` and review the
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
ROWS = 65_536  # 8 granules of 8,192 rows

# Traces of 20 records over 8 services; one hour of yesterday, so one partition; one INSERT, so one
# part. Each text is new; one record speaks of a needle; every 997th trace ends fatally.
FILL = f"""
INSERT INTO {{table}} (trace_id, timestamp, service_name, severity_number, event_name, body)
WITH intDiv(number, 20) AS trace
SELECT
    lower(hex(MD5(toString(trace)))),
    toDateTime64(toStartOfDay(now('UTC') - INTERVAL 1 DAY) + INTERVAL 10 HOUR, 9, 'UTC')
        + toIntervalMillisecond(intDiv(number * 3600000, {ROWS})),
    concat('service-', toString(trace % 8)),
    if(trace = 2100 AND number % 20 = 19, 21, 9 + number % 8),
    if(trace = 2100, 'user.login', ''),
    concat('request ', lower(hex(MD5(concat('body', toString(number))))), ' took ',
        toString(number % 977), if(number = 44444, ' ms; Nädel-[IM]/heuhaufen!', ' ms'))
FROM numbers({ROWS})
SETTINGS max_block_size = {ROWS}, min_insert_block_size_rows = {ROWS}, max_insert_threads = 1
"""

LOOKUPS = {
    "log_body": ("body_folded LIKE caseFoldUTF8('%nÄDEL-[im]%')", "idx_body", 1),
    "log_trace": ("trace_id = lower(hex(MD5('2100')))", "idx_trace_id", 20),
    "log_severity": ("severity_number >= 17", "idx_severity_number", 1),
    "log_event": ("event_name = 'user.login'", "idx_event_name", 20),
}


@pytest.fixture(scope="module")
def logs(statements: Statements, files: tuple[SchemaFile, ...]) -> Iterator[str]:
    """A table of 8 granules in one part."""
    target = Target(database="log_lookups", cluster="")
    migrate_tables(statements, target, files, Waits(20, 20, 20), "test")
    table = target.qualified("logs")
    statements.execute(FILL.format(table=table))
    yield table
    statements.execute("DROP DATABASE log_lookups SYNC")


def _explain(statements: Statements, table: str, condition: str) -> str:
    rows = statements.rows(
        f"EXPLAIN indexes = 1 SELECT trace_id FROM {table} WHERE {condition} "
        "SETTINGS use_query_condition_cache = 0"
    )
    return "\n".join(line for (line,) in rows) + "\n"


@pytest.mark.parametrize("lookup", LOOKUPS)
def test_a_lookup_uses_its_index(statements: Statements, logs: str, lookup: str) -> None:
    """The plan is the golden file; its last index leaves few granules; pruning loses nothing."""
    condition, index, matches = LOOKUPS[lookup]
    plan = _explain(statements, logs, condition)
    path = GOLDEN / f"{lookup}.txt"
    if UPDATE:
        path.write_text(plan)
    assert plan == path.read_text()
    assert f"Name: {index}\n" in plan
    granules = [(int(a), int(b)) for a, b in re.findall(r"Granules: (\d+)/(\d+)", plan)]
    assert granules[-1][0] <= 2, plan
    for settings in ("use_query_condition_cache = 0", "use_skip_indexes = 0"):
        count = f"SELECT count() FROM {logs} WHERE {condition} SETTINGS {settings}"
        assert statements.rows(count) == [(matches,)]


def test_a_tail_reads_what_was_stored_lately(statements: Statements, logs: str) -> None:
    """By the time of storing, whatever time the records are of."""
    statements.execute(f"INSERT INTO {logs} (timestamp, body) SELECT now64(9) - 86400, 'late'")
    ((begin,),) = statements.rows(f"SELECT toString(max(inserted_at)) FROM {logs}")
    plan = _explain(statements, logs, f"inserted_at >= toDateTime64('{begin}', 3, 'UTC')")
    granules = re.findall(r"Granules: (\d+)/(\d+)", plan)
    assert granules[0] == ("9", "9")
    assert int(granules[-1][0]) <= 1, plan
