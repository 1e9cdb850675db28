"""Retention follows the configuration: on new tables, on old ones, and on the rows they hold."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from rak_libs.clickhouse.statements import Statements
from rak_libs.model.ledger import SUMMARY_STATES
from rak_libs.model.metric_rollups import ROLLUP_TABLES
from rak_libs.model.profiles import PROFILE_TABLES
from rak_libs.runtime.settings import Config, StorageSettings
from rak_services.migrate.app import ExitStatus
from rak_services.migrate.config import Target
from rak_services.migrate.errors import MutationPending
from rak_services.migrate.files import SchemaFile
from rak_services.migrate.plan import make_plan, read_retentions
from rak_services.migrate.tables import Waits, migrate_tables

WAITS = Waits(dependencies=20, lock=20, mutations=20)
Files = tuple[SchemaFile, ...]
OTHERS = {
    "pipeline": 90,
    "logs": 30,
    "metric_series": 400,
    "metric_samples": 90,
    "metric_histograms": 90,
    "metric_exponential_histograms": 90,
    "metric_summaries": 90,
    "metric_exemplars": 90,
    **{table.name: 400 for table in ROLLUP_TABLES},
    **{table.name: 7 for table in PROFILE_TABLES},
    **{table.name: 400 for table in SUMMARY_STATES},
}
"""Tables whose days these tests leave as they are."""
OF_SPANS = ["attribute_keys", "ledger", "spans", "trace_times", "trace_totals"]
"""Tables that are kept as long as spans, by name."""


def _days(statements: Statements, target: Target, files: Files) -> dict[str, int | None]:
    return {r.table: r.live_days for r in read_retentions(statements, target, files)}


def test_new_tables_get_the_configured_days(
    statements: Statements, target: Target, files: Files
) -> None:
    """Without a second statement."""
    week = replace(target, storage=StorageSettings(spans_retention_days=7))
    steps = migrate_tables(statements, week, files, WAITS, "test")
    assert not [step for step in steps if "retention" in step.title]
    assert _days(statements, week, files) == {**dict.fromkeys(OF_SPANS, 7), **OTHERS}


@pytest.mark.parametrize("days", [7, 90])
def test_a_change_is_applied_by_up_and_shown_by_plan(
    statements: Statements, migrated: Target, files: Files, days: int
) -> None:
    """Shorter or longer; after it there is nothing to do."""
    changed = replace(migrated, storage=StorageSettings(spans_retention_days=days))
    plan = make_plan(statements, changed, files)
    assert [step.title for step in plan] == [
        f"change retention of {table} from 30 days to {days} days" for table in OF_SPANS
    ]
    assert migrate_tables(statements, changed, files, WAITS, "test") == plan
    assert _days(statements, changed, files) == {**dict.fromkeys(OF_SPANS, days), **OTHERS}
    assert make_plan(statements, changed, files) == []


def test_series_are_kept_as_long_as_what_names_them(
    statements: Statements, migrated: Target, files: Files
) -> None:
    """The days of points or of rollups, whichever are more."""
    longer = StorageSettings(metrics_retention_days=500, metric_rollups_retention_days=400)
    changed = replace(migrated, storage=longer)
    migrate_tables(statements, changed, files, WAITS, "test")
    days = _days(statements, changed, files)
    assert (days["metric_series"], days["metric_samples"]) == (500, 500)


def _only_part(statements: Statements, target: Target) -> tuple[datetime, int]:
    """When the one part of spans expires, and the inode of a column's file."""
    ((expires, folder),) = statements.rows(
        "SELECT delete_ttl_info_max, path FROM system.parts "
        f"WHERE active AND database = '{target.database}' AND table = 'spans'"
    )
    return expires, (Path(folder) / "trace_id.bin").stat().st_ino


def test_rows_that_are_there_already_expire_by_the_new_days(
    statements: Statements, migrated: Target, files: Files
) -> None:
    """Their part learns a new date and keeps its files.

    So it is with wide parts, which hold nearly all data; a part under 10 MB is one file, which the
    engine writes anew.
    """
    spans = migrated.qualified("spans")
    statements.execute(f"ALTER TABLE {spans} MODIFY SETTING min_bytes_for_wide_part = 0")
    statements.execute(
        f"INSERT INTO {spans} (trace_id, timestamp) SELECT repeat('a', 32), now64() - 86400 * 3"
    )
    expires, inode = _only_part(statements, migrated)
    changed = replace(migrated, storage=StorageSettings(spans_retention_days=7))
    migrate_tables(statements, changed, files, WAITS, "test")
    assert _only_part(statements, migrated) == (expires - timedelta(days=30 - 7), inode)


def test_rows_beyond_shorter_days_are_dropped(
    statements: Statements, migrated: Target, files: Files
) -> None:
    """Whole parts at a time: the day that has expired goes, the other stays."""
    spans = migrated.qualified("spans")
    for days in (1, 20):
        statements.execute(
            f"INSERT INTO {spans} (trace_id, timestamp) "
            f"SELECT repeat('a', 32), now64() - 86400 * {days}"
        )
    changed = replace(migrated, storage=StorageSettings(spans_retention_days=7))
    migrate_tables(statements, changed, files, WAITS, "test")
    statements.execute(f"OPTIMIZE TABLE {spans} FINAL")
    ages = f"SELECT dateDiff('hour', timestamp, now64()) FROM {spans}"
    assert statements.rows(ages) == [(24,)]


def test_up_waits_for_mutations_and_names_the_one_that_is_left(
    statements: Statements, migrated: Target, files: Files
) -> None:
    """The run ends before its next statement; later it goes on."""
    spans = migrated.qualified("spans")
    statements.execute(f"INSERT INTO {spans} (timestamp) SELECT now64()")
    statements.execute(f"SYSTEM STOP MERGES {spans}")
    statements.execute(f"ALTER TABLE {spans} UPDATE user_id = 'x' WHERE 1")
    changed = replace(migrated, storage=StorageSettings(spans_retention_days=7))
    impatient = Waits(dependencies=1, lock=1, mutations=0.6)
    with pytest.raises(MutationPending, match=r"of spans: .*UPDATE user_id.* run again later"):
        migrate_tables(statements, changed, files, impatient, "test")
    assert _days(statements, changed, files)["spans"] == 30
    statements.execute(f"SYSTEM START MERGES {spans}")
    migrate_tables(statements, changed, files, WAITS, "test")
    assert _days(statements, changed, files)["spans"] == 7
    assert statements.rows(f"SELECT user_id FROM {spans}") == [("x",)]


def test_the_configuration_file_decides(
    statements: Statements,
    target: Target,
    files: Files,
    config_with_days: Callable[[int], Config],
    rak_migrate: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """`[storage] spans_retention_days`, through the command line."""
    assert rak_migrate(config_with_days(30), "up").returncode == ExitStatus.DONE
    plan = rak_migrate(config_with_days(3), "plan")
    assert plan.returncode == ExitStatus.PENDING
    assert "MODIFY TTL toDateTime(timestamp) + toIntervalDay(3);" in plan.stdout
    status = rak_migrate(config_with_days(3), "status")
    assert status.returncode == ExitStatus.PENDING
    assert "30 days" in status.stdout
    assert "up makes it 3 days" in status.stdout
    assert rak_migrate(config_with_days(3), "up").returncode == ExitStatus.DONE
    assert _days(statements, target, files) == {**dict.fromkeys(OF_SPANS, 3), **OTHERS}
