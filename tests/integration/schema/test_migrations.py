"""`rak-migrate`: applied once, never silently changed, and the same as what `plan` printed."""

import dataclasses
import subprocess
from collections.abc import Callable

import pytest

import fleet
from rak_libs.clickhouse.statements import Statements
from rak_libs.runtime.settings import ClickHouseSettings, Config
from rak_services.migrate.app import ExitStatus
from rak_services.migrate.config import Target
from rak_services.migrate.errors import Refused
from rak_services.migrate.files import SchemaFile
from rak_services.migrate.ledger import read_applied
from rak_services.migrate.plan import make_plan
from rak_services.migrate.tables import Waits, migrate_tables

WAITS = Waits(dependencies=20, lock=20, mutations=20)
Files = tuple[SchemaFile, ...]
RakMigrate = Callable[..., subprocess.CompletedProcess[str]]


def _state(statements: Statements, target: Target) -> list[tuple[str, str]]:
    return [
        (name, sql)
        for name, sql in statements.rows(
            "SELECT name, create_table_query FROM system.tables "
            f"WHERE database = '{target.database}' ORDER BY name"
        )
    ]


def test_up_applies_every_file_of_the_form_once(
    statements: Statements, target: Target, files: Files
) -> None:
    """The second run finds nothing to do and changes nothing."""
    steps = migrate_tables(statements, target, files, WAITS, "test")
    single = [file for file in files if not file.cluster_only]
    assert [step.file for step in steps] == [None, *single]
    state, applied = _state(statements, target), read_applied(statements, target)
    assert list(applied) == [file.version for file in single]
    assert [record.checksum for record in applied.values()] == [f.checksum for f in single]
    assert migrate_tables(statements, target, files, WAITS, "test") == []
    assert _state(statements, target) == state
    assert read_applied(statements, target) == applied


def test_the_plan_is_what_up_does(statements: Statements, target: Target, files: Files) -> None:
    """And making it changes nothing, not even the database."""
    plan = make_plan(statements, target, files)
    assert _state(statements, target) == []
    assert make_plan(statements, target, files) == plan
    assert migrate_tables(statements, target, files, WAITS, "test") == plan


def test_an_edited_file_is_refused_and_nothing_is_done(
    statements: Statements, migrated: Target, files: Files
) -> None:
    """The message names the file and says what to do; new files wait too."""
    edited = dataclasses.replace(files[1], checksum="0" * 64)
    new = dataclasses.replace(
        files[0], version=9000, name="9000_new.sql", template="CREATE TABLE ${database}.new;"
    )
    state = _state(statements, migrated)
    with pytest.raises(Refused, match=r"0002_spans\.sql was edited .*put the change into a new"):
        migrate_tables(statements, migrated, (files[0], edited, *files[2:], new), WAITS, "test")
    assert _state(statements, migrated) == state


def test_a_renamed_file_is_refused(statements: Statements, migrated: Target, files: Files) -> None:
    """A version means one object for ever."""
    renamed = dataclasses.replace(files[1], name="0002_traces.sql")
    with pytest.raises(Refused, match=r"0002_traces\.sql was edited .*as 0002_spans\.sql"):
        make_plan(statements, migrated, (files[0], renamed, *files[2:]))


def test_the_other_form_is_refused(statements: Statements, migrated: Target, files: Files) -> None:
    """A database of one node does not become a cluster's by a configuration key."""
    cluster = dataclasses.replace(migrated, cluster="main")
    with pytest.raises(Refused, match=r"made in the single form, .* asks for the cluster form"):
        make_plan(statements, cluster, files)


def test_a_statement_that_ran_without_its_record_runs_again(
    statements: Statements, migrated: Target, files: Files
) -> None:
    """A crash between the two leaves nothing to repair."""
    state = _state(statements, migrated)
    statements.execute(f"TRUNCATE TABLE {migrated.qualified('schema_migrations')}")
    again = migrate_tables(statements, migrated, files, WAITS, "test")
    assert [step.file for step in again] == [file for file in files if not file.cluster_only]
    assert _state(statements, migrated) == state


def test_a_failing_statement_stops_the_run_and_says_which(
    statements: Statements, migrated: Target, files: Files
) -> None:
    """What came before stays recorded, the failed file stays pending, the lock is given back."""
    base = dataclasses.replace(files[0], version=9000, name="9000_good.sql", template="SELECT 1;")
    bad = dataclasses.replace(files[0], version=9001, name="9001_bad.sql", template="SELEC 1;")
    with pytest.raises(Exception, match=r"[Ss]yntax") as failure:
        migrate_tables(statements, migrated, (*files, base, bad), WAITS, "test")
    assert failure.value.__notes__ == ["while: apply 9001_bad.sql"]
    assert 9000 in read_applied(statements, migrated)
    assert 9001 not in read_applied(statements, migrated)
    assert "lock" not in " ".join(name for name, _ in _state(statements, migrated))


def test_versions_of_a_newer_release_are_left_alone(
    statements: Statements, migrated: Target, files: Files
) -> None:
    """Rolling a release back needs no change of the database."""
    assert make_plan(statements, migrated, files[:2]) == []


def test_the_command_line_ends_with_a_status_that_says_what_is(
    config: Config, rak_migrate: RakMigrate, files: Files
) -> None:
    """`plan` and `status` before and after `up`."""
    of_one_node = sum(not file.cluster_only for file in files)
    before = rak_migrate(config, "plan")
    assert before.returncode == ExitStatus.PENDING, before.stderr
    assert f"CREATE DATABASE IF NOT EXISTS `{config.clickhouse.database}`;" in before.stdout
    assert "PRIMARY KEY (service_name, toStartOfFiveMinutes(timestamp), trace_id)" in before.stdout
    assert rak_migrate(config, "status").returncode == ExitStatus.PENDING
    up = rak_migrate(config, "up")
    assert (up.returncode, up.stdout.count("apply ")) == (ExitStatus.DONE, of_one_node), up.stderr
    after = rak_migrate(config, "plan")
    assert (after.returncode, after.stdout) == (ExitStatus.DONE, "Nothing to do.\n")
    status = rak_migrate(config, "status")
    assert status.returncode == ExitStatus.DONE
    assert status.stdout.count(" applied ") == of_one_node
    assert "pending" not in status.stdout


def test_an_edited_file_has_an_exit_status_of_its_own(
    config: Config, statements: Statements, migrated: Target, rak_migrate: RakMigrate
) -> None:
    """`status` shows it, `up` and `plan` refuse."""
    ledger = migrated.qualified("schema_migrations")
    statements.execute(
        f"INSERT INTO {ledger} SELECT version, name, repeat('0', 64), form, release, "
        f"applied_at + 1 FROM {ledger} WHERE version = 2"
    )
    status = rak_migrate(config, "status")
    assert status.returncode == ExitStatus.REFUSED, status.stderr
    assert "is not 000000000000" in status.stdout
    for command in ("up", "plan"):
        refused = rak_migrate(config, command)
        assert refused.returncode == ExitStatus.REFUSED
        assert "0002_spans.sql was edited after it was applied" in refused.stderr


def test_an_engine_that_is_not_there_is_waited_for_and_then_named(
    rak_migrate: RakMigrate,
) -> None:
    """The message names the address and the key that changes it."""
    url = f"clickhouse://127.0.0.1:{fleet.free_port()}"
    config = Config(clickhouse=ClickHouseSettings(url=url))
    failed = rak_migrate(config, "up", "--wait", "1")
    assert failed.returncode == ExitStatus.UNAVAILABLE
    assert f"no ClickHouse at {url} ([clickhouse] url) within 1 s" in failed.stderr
