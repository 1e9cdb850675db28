"""One runner at a time, and no lock outlives its holder for long."""

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

import fleet
from rak_libs.clickhouse.statements import Statements, quote_text
from rak_libs.runtime.settings import ClickHouseSettings, Config
from rak_services.migrate.app import ExitStatus
from rak_services.migrate.config import Target
from rak_services.migrate.errors import LockHeld, LockLost, Refused
from rak_services.migrate.files import SchemaFile
from rak_services.migrate.ledger import read_applied
from rak_services.migrate.lock import (
    LEASE_SECONDS,
    LOCK_TABLE,
    Holder,
    MigrationLock,
    this_process,
)

Files = tuple[SchemaFile, ...]
RakMigrate = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def database(statements: Statements, target: Target) -> Target:
    """An empty database."""
    statements.execute(f"CREATE DATABASE {target.database}")
    return target


def _server_time(statements: Statements) -> int:
    return int(statements.rows("SELECT toUnixTimestamp(now())")[0][0])


def _put_lock(statements: Statements, target: Target, holder: Holder) -> None:
    comment = quote_text(msgspec.json.encode(holder).decode())
    statements.execute(
        f"CREATE TABLE {target.qualified(LOCK_TABLE)} (holder String) ENGINE = Null "
        f"COMMENT {comment}"
    )


def _elsewhere(statements: Statements, lease_left: int, token: str = "other") -> Holder:
    expires = _server_time(statements) + lease_left
    return msgspec.structs.replace(
        this_process(), token=token, host="node-7", pid=4711, expires=expires
    )


def _tables(statements: Statements, target: Target) -> list[str]:
    query = f"SELECT name FROM system.tables WHERE database = '{target.database}' ORDER BY name"
    return [name for (name,) in statements.rows(query)]


def _lock(statements: Statements, target: Target, wait_seconds: float = 0) -> MigrationLock:
    return MigrationLock(statements, target, wait_seconds)


def test_runners_that_start_at_once_apply_every_file_once(
    config: Config, statements: Statements, target: Target, files: Files, tmp_path: Path
) -> None:
    """Each of them succeeds; one did the work, the others found it done."""
    path = fleet.write_config(config, tmp_path / "rak.toml")
    command = [sys.executable, "-m", "rak_services.migrate", "up", "--only", "tables"]
    runners = [
        subprocess.Popen(
            [*command, "--config", str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    outputs = [runner.communicate(timeout=120) for runner in runners]
    assert [runner.returncode for runner in runners] == [ExitStatus.DONE] * 3, outputs
    applied = Counter(line for out, _ in outputs for line in out.splitlines() if "apply" in line)
    assert applied == Counter(f"apply {file.name}" for file in files if not file.cluster_only)
    ledger = target.qualified("schema_migrations")
    counts = statements.rows(f"SELECT count(), uniqExact(version) FROM {ledger}")
    assert counts == [(len(applied), len(applied))]
    assert not [name for name in _tables(statements, target) if "lock" in name]


def test_a_second_runner_waits_and_then_says_who_holds_the_lock(
    statements: Statements, database: Target
) -> None:
    """It leaves the lock alone."""
    _put_lock(statements, database, _elsewhere(statements, lease_left=60))
    with (
        pytest.raises(LockHeld, match=r"process 4711 on node-7 is migrating .*waited 0.6 s"),
        _lock(statements, database, wait_seconds=0.6),
    ):
        pytest.fail("got the lock of a live holder")
    assert _tables(statements, database) == [LOCK_TABLE]


def test_the_lock_is_gone_after_its_use(statements: Statements, database: Target) -> None:
    """Also when the run fails."""
    with _lock(statements, database):
        assert _tables(statements, database) == [LOCK_TABLE]
    assert _tables(statements, database) == []
    with pytest.raises(ZeroDivisionError), _lock(statements, database):
        1 / 0  # noqa: B018 - the error is the point
    assert _tables(statements, database) == []


def test_an_expired_lock_is_taken_over(statements: Statements, database: Target) -> None:
    """Its runner said nothing for the whole lease."""
    _put_lock(statements, database, _elsewhere(statements, lease_left=0))
    with _lock(statements, database) as lock:
        lock.renew()
    assert _tables(statements, database) == []


def test_the_lock_of_a_dead_process_of_this_machine_is_taken_over(
    statements: Statements, database: Target
) -> None:
    """After a kill -9 nobody waits for the lease to end."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    expires = _server_time(statements) + LEASE_SECONDS
    dead = msgspec.structs.replace(this_process(), pid=child.pid, expires=expires)
    _put_lock(statements, database, dead)
    with _lock(statements, database) as lock:
        lock.renew()


def test_two_runners_that_see_one_stale_lock_do_not_both_get_it(
    statements: Statements, engine: ClickHouseSettings, database: Target
) -> None:
    """The slower one tries to set aside what it saw, and its successor's lock stays."""
    stale = _elsewhere(statements, lease_left=0, token="stale")
    _put_lock(statements, database, stale)
    with _lock(statements, database) as lock, Statements(engine) as connection:
        slower = _lock(connection, database)
        slower._set_aside(stale)
        lock.renew()
        assert not slower._create()


def test_a_renewal_begins_the_lease_anew(statements: Statements, database: Target) -> None:
    """A long run keeps its lock by renewing it between statements."""
    with _lock(statements, database) as lock:
        table = database.qualified(LOCK_TABLE)
        about_to_expire = msgspec.structs.replace(lock._holder, expires=_server_time(statements))
        comment = quote_text(msgspec.json.encode(about_to_expire).decode())
        statements.execute(f"ALTER TABLE {table} MODIFY COMMENT {comment}")
        lock.renew()
        (row,) = statements.rows(
            f"SELECT comment FROM system.tables WHERE name = '{LOCK_TABLE}' "
            f"AND database = '{database.database}'"
        )
        renewed = msgspec.json.decode(row[0], type=Holder)
        assert renewed.expires >= about_to_expire.expires + LEASE_SECONDS


def test_a_runner_that_lost_its_lock_stops_before_its_next_statement(
    statements: Statements, database: Target
) -> None:
    """And does not give back what is another's."""
    table = database.qualified(LOCK_TABLE)
    with _lock(statements, database) as lock:
        statements.execute(f"DROP TABLE {table} SYNC")
        _put_lock(statements, database, _elsewhere(statements, lease_left=60))
        with pytest.raises(LockLost, match=r"held by process 4711 on node-7.*run again"):
            lock.renew()
    assert _tables(statements, database) == [LOCK_TABLE]


def test_a_lock_that_names_nobody_is_left_to_the_operator(
    statements: Statements, database: Target
) -> None:
    """Guessing could start two runners."""
    table = database.qualified(LOCK_TABLE)
    statements.execute(f"CREATE TABLE {table} (x String) ENGINE = Null COMMENT 'mine'")
    with pytest.raises(Refused, match="drop that table"), _lock(statements, database):
        pytest.fail("took a lock of unknown origin")


def test_the_command_line_says_who_holds_the_lock(
    config: Config, statements: Statements, database: Target, rak_migrate: RakMigrate
) -> None:
    """With an exit status of its own, and nothing applied."""
    _put_lock(statements, database, _elsewhere(statements, lease_left=60))
    held = rak_migrate(config, "up", "--lock-wait", "0")
    assert held.returncode == ExitStatus.LOCKED
    assert "process 4711 on node-7 is migrating" in held.stderr
    assert read_applied(statements, database) == {}


@pytest.fixture
def waiting_runner(
    config: Config, statements: Statements, database: Target, tmp_path: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A runner that holds the lock and waits for the mutation of a table `slow`."""
    table = database.qualified("slow")
    statements.execute(f"CREATE TABLE {table} (x UInt8) ENGINE = MergeTree ORDER BY tuple()")
    statements.execute(f"INSERT INTO {table} SELECT 1")
    statements.execute(f"SYSTEM STOP MERGES {table}")
    statements.execute(f"ALTER TABLE {table} UPDATE x = 2 WHERE 1")
    path = fleet.write_config(config, tmp_path / "rak.toml")
    command = [sys.executable, "-m", "rak_services.migrate", "up", "--only", "tables"]
    with subprocess.Popen(
        [*command, "--config", str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as runner:
        assert runner.stderr is not None
        waiting = (line for line in runner.stderr if b"migrate.waiting_for_mutation" in line)
        assert next(waiting, None), "never waited"
        yield runner
        runner.kill()


def test_a_runner_that_is_killed_leaves_no_wait_behind(
    config: Config,
    statements: Statements,
    database: Target,
    rak_migrate: RakMigrate,
    waiting_runner: subprocess.Popen[bytes],
) -> None:
    """Killed with -9 under the lock; the next run goes on at once."""
    waiting_runner.kill()
    waiting_runner.wait()
    assert LOCK_TABLE in _tables(statements, database)
    table = database.qualified("slow")
    statements.execute(f"SYSTEM START MERGES {table}")
    again = rak_migrate(config, "up", "--lock-wait", "0")
    assert again.returncode == ExitStatus.DONE, again.stderr
    assert statements.rows(f"SELECT x FROM {table}") == [(2,)]
    assert LOCK_TABLE not in _tables(statements, database)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_runner_that_is_asked_to_stop_gives_the_lock_back(
    statements: Statements,
    database: Target,
    waiting_runner: subprocess.Popen[bytes],
    number: signal.Signals,
) -> None:
    """And says so with its exit status."""
    waiting_runner.send_signal(number)
    assert waiting_runner.wait(timeout=30) == ExitStatus.INTERRUPTED
    assert _tables(statements, database) == ["slow"]
