"""The embedded engine as a process: what it keeps, how it ends, what it refuses."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import NetworkError, ServerException, SocketTimeoutError

import fleet

COMMAND = [sys.executable, "-m", "rak_services.local.engine"]
TABLE = "CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n"
GONE = (EOFError, NetworkError, SocketTimeoutError, OSError)

Start = Callable[..., Any]


def test_data_survives_a_restart(start_engine: Start, connect_to: Start) -> None:
    with start_engine() as (address, service), connect_to(address) as client:
        client.execute(TABLE)
        client.execute("INSERT INTO t VALUES", [(1,), (2,)])
        assert service.terminate() == 0
    with start_engine() as (address, service), connect_to(address) as client:
        assert client.execute("SELECT n FROM t ORDER BY n") == [(1,), (2,)]
        client.execute("INSERT INTO t VALUES", [(3,)])
        client.execute("DROP TABLE t")
        assert service.terminate() == 0


def test_acknowledged_inserts_survive_kill_9(start_engine: Start, connect_to: Start) -> None:
    acknowledged: list[int] = []

    def insert_for_ever(client: Any) -> None:
        for number in count():
            client.execute("INSERT INTO t VALUES", [(number,)])
            acknowledged.append(number)

    with start_engine() as (address, service), connect_to(address) as client:
        client.execute(TABLE)
        with ThreadPoolExecutor() as threads:
            inserting = threads.submit(insert_for_ever, client)
            fleet.wait_until(lambda: len(acknowledged) > 20, "twenty inserts are acknowledged")
            service.kill()
            assert isinstance(inserting.exception(timeout=20), GONE)
    with start_engine() as (address, service), connect_to(address) as client:
        stored = {row[0] for row in client.execute("SELECT n FROM t")}
        assert stored >= set(acknowledged)
        assert service.terminate() == 0


def test_what_a_killed_engine_left_of_an_insert_is_removed(
    start_engine: Start, tmp_path: Path
) -> None:
    left_over = tmp_path / "data" / "incoming" / "insert-left"
    left_over.parent.mkdir(parents=True)
    left_over.write_bytes(b"half a block")
    with start_engine() as (_, service):
        assert not left_over.exists()
        assert service.terminate() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_in_order(
    start_engine: Start, connect_to: Start, number: signal.Signals
) -> None:
    with start_engine() as (address, service), connect_to(address) as idle:
        assert idle.execute("SELECT 1") == [(1,)]
        service.process.send_signal(number)
        assert service.process.wait(timeout=20) == 0
        assert "engine.stopped" in service.output()
        assert not fleet.listening(address.port)


def wait_running(client: Client, beginning: str) -> None:
    """Wait until the engine runs a statement that begins so; it may run some of its own as well."""
    sql = f"SELECT count() FROM system.processes WHERE startsWith(query, '{beginning}')"
    fleet.wait_until(lambda: client.execute(sql) == [(1,)], "the statement runs")


def test_a_running_statement_may_finish_before_the_end(
    start_engine: Start, connect_to: Start
) -> None:
    with start_engine() as (address, service), connect_to(address) as client:
        with ThreadPoolExecutor() as threads, connect_to(address) as busy:
            result = threads.submit(busy.execute, "SELECT sleep(2), 'slow'")
            wait_running(client, "SELECT sleep")
            service.process.terminate()
            assert result.result(timeout=20) == [(0, "slow")]
        assert service.process.wait(timeout=20) == 0


def test_a_statement_past_the_deadline_is_cancelled(start_engine: Start, connect_to: Start) -> None:
    endless = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(number)"
    with start_engine("--drain-seconds", "0.5") as (address, service):
        with (
            connect_to(address) as client,
            ThreadPoolExecutor() as threads,
            connect_to(address) as busy,
        ):
            result = threads.submit(busy.execute, endless)
            wait_running(client, "SELECT count() FROM numbers")
            service.process.terminate()
            assert isinstance(result.exception(timeout=20), (*GONE, ServerException))
        assert service.process.wait(timeout=20) == 0


def test_a_port_in_use_is_named_with_the_key_that_changes_it(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        ended = _run("--port", str(port), "--data-dir", str(tmp_path / "data"))
    assert ended.returncode == 98
    assert str(port) in ended.stderr
    assert "[clickhouse] url" in ended.stderr


def test_a_data_directory_in_use_is_named(start_engine: Start, tmp_path: Path) -> None:
    with start_engine():
        ended = _run("--port", "0", "--data-dir", str(tmp_path / "data"))
    assert ended.returncode == 1
    assert str(tmp_path / "data") in ended.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com"])
def test_only_loopback_is_served(host: str, tmp_path: Path) -> None:
    ended = _run("--host", host, "--data-dir", str(tmp_path / "data"))
    assert ended.returncode == 2
    assert "no loopback address" in ended.stderr


def test_a_malformed_fault_is_refused(tmp_path: Path) -> None:
    ended = _run("--data-dir", str(tmp_path / "data"), "--fault", "explode")
    assert ended.returncode == 2
    assert "drop-after-commit=K" in ended.stderr


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_the_password_comes_from_the_environment(start_engine: Start, connect_to: Start) -> None:
    with start_engine(environ={"RAK_ENGINE_PASSWORD": "s3cret'ü"}) as (address, service):
        with connect_to(address, password="s3cret'ü") as client:
            assert client.execute("SELECT 1") == [(1,)]
        for credentials in ({"password": "wrong"}, {}, {"user": "x", "password": "s3cret'ü"}):
            with connect_to(address, **credentials) as client:
                with pytest.raises(ServerException) as caught:
                    client.execute("SELECT 1")
                assert caught.value.code == 516
        assert "s3cret" not in service.output()


def test_memory_is_capped_and_no_log_tables_are_kept(
    start_engine: Start, connect_to: Start
) -> None:
    with start_engine("--memory-bytes", "700000000") as (address, _), connect_to(address) as client:
        settings = dict(client.execute("SELECT name, value FROM system.server_settings"))
        assert settings["max_server_memory_usage"] == "700000000"
        assert int(settings["mark_cache_size"]) <= 64 << 20
        assert int(settings["background_pool_size"]) == 2
        hungry = "SELECT length(groupArray(number)) FROM numbers(1000000000)"
        with pytest.raises(ServerException) as caught:
            client.execute(hungry)
        assert caught.value.code == 241
        client.execute("SYSTEM FLUSH LOGS")
        logs = (
            "SELECT name FROM system.tables WHERE database = 'system' AND engine LIKE '%%MergeTree'"
        )
        assert client.execute(logs) == []


def test_settings_of_clickhouse_local_are_a_servers(start_engine: Start, connect_to: Start) -> None:
    with start_engine() as (address, _), connect_to(address) as client:
        with pytest.raises(ServerException) as caught:
            client.execute("1 + 1")
        assert caught.value.code == 62
        assert client.execute("SELECT getSetting('allow_introspection_functions')") == [(False,)]


def test_one_connection_too_many_is_told(start_engine: Start, connect_to: Start) -> None:
    with start_engine("--max-connections", "1") as (address, _), connect_to(address) as first:
        assert first.execute("SELECT 1") == [(1,)]
        with connect_to(address) as second:
            with pytest.raises(ServerException) as caught:
                second.execute("SELECT 1")
            assert caught.value.code == 203
        assert first.execute("SELECT 1") == [(1,)]


def test_fault_an_answer_lost_after_the_commit(start_engine: Start, connect_to: Start) -> None:
    faulty = start_engine("--fault", "drop-after-commit=2")
    with faulty as (address, _), connect_to(address) as client:
        client.execute(TABLE)
        client.execute("INSERT INTO t VALUES", [(1,)])
        with pytest.raises(GONE):
            client.execute("INSERT INTO t VALUES", [(2,)])
        client.execute("INSERT INTO t VALUES", [(3,)])
        assert client.execute("SELECT n FROM t ORDER BY n") == [(1,), (2,), (3,)]


def test_fault_an_insert_answered_with_an_error(start_engine: Start, connect_to: Start) -> None:
    faulty = start_engine("--fault", "error-insert=2:252", "--fault", "delay-insert=0.05")
    with faulty as (address, _), connect_to(address) as client:
        client.execute(TABLE)
        client.execute("INSERT INTO t VALUES", [(1,)])
        with pytest.raises(ServerException) as caught:
            client.execute("INSERT INTO t VALUES", [(2,)])
        assert caught.value.code == 252
        client.execute("INSERT INTO t VALUES", [(3,)])
        assert client.execute("SELECT n FROM t ORDER BY n") == [(1,), (3,)]
