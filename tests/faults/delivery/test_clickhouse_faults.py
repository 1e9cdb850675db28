"""ClickHouse is slow, full, overwhelmed, or its answers get lost: stored once all the same."""

import contextlib
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from delivery_path import DeliveryPath
from fleet import engine, free_port, migrate, wait_until
from rak_libs.runtime.settings import Config
from tcp_proxy import TcpProxy

MEBIBYTE = 1024 * 1024


def test_an_insert_whose_answer_is_lost_is_stored_once(path: DeliveryPath) -> None:
    """The rows are sent and applied, and the connection breaks where EndOfStream comes."""
    with TcpProxy(path.ports.engine) as proxy:
        through_proxy = {"url": f"clickhouse://127.0.0.1:{proxy.port}"}
        with path.writer(clickhouse=through_proxy) as writer, path.ledger("lost-answer") as ledger:
            ledger.wait_acknowledged(600)
            proxy.answers_to_lose = 3
            wait_until(lambda: proxy.answers_lost == 3, "three answers are lost")
            ledger.wait_acknowledged(600)
            ledger.stop()
            path.wait_written()
            assert writer.metric("ingest_insert_errors_total", code="network") >= 3
    assert path.check(ledger).faults == {}


def test_a_network_that_slows_swallows_and_breaks_has_rows_stored_once(path: DeliveryPath) -> None:
    with TcpProxy(path.ports.engine) as proxy:
        through_proxy = {
            "url": f"clickhouse://127.0.0.1:{proxy.port}",
            "insert_timeout_seconds": 2.0,
        }
        with path.writer(clickhouse=through_proxy) as writer, path.ledger("network") as ledger:
            ledger.wait_acknowledged(600)
            proxy.latency_seconds = 0.05
            ledger.wait_acknowledged(1_200)
            with proxy.blackhole():
                wait_until(
                    lambda: writer.metric("ingest_insert_errors_total") >= 2, "INSERTs are given up"
                )
            proxy.latency_seconds = 0.0
            ledger.wait_acknowledged(1_200)
            proxy.reset()
            ledger.wait_acknowledged(600)
            ledger.stop()
            path.wait_written()
    assert path.check(ledger).faults == {}


def test_inserts_slower_than_the_writers_patience_are_stored_once(path: DeliveryPath) -> None:
    """Every INSERT is applied after the writer has given it up; the group stays as it is."""
    path.engine.kill()
    path.start_engine("delay-insert=3")
    with path.writer(clickhouse={"insert_timeout_seconds": 2.0}) as writer:
        wait_until(lambda: writer.assignments == 1, "the writer has partitions")
        process = psutil.Process(writer.service.pid)
        before = process.memory_info().rss
        with path.ledger("slow", per_second=2_000) as ledger:
            ledger.wait_acknowledged(8_000)
        wait_until(
            lambda: writer.metric("ingest_insert_errors_total") >= 4, "INSERTs were given up"
        )
        growth = process.memory_info().rss - before
        assert writer.assignments == 1
        path.engine.kill()
        path.start_engine()
        path.wait_written()
    assert path.check(ledger).faults == {}
    assert growth < 64 * MEBIBYTE, f"{growth // MEBIBYTE} MiB"


def test_a_file_size_limit_holds_rows_back_and_loses_none(path: DeliveryPath) -> None:
    with path.writer() as writer, path.ledger("file-size") as ledger:
        ledger.wait_acknowledged(600)
        with files_of_at_most(8 * 1024, path.engine.pid):
            failures = writer.metric("ingest_insert_errors_total")
            wait_until(
                lambda: writer.metric("ingest_insert_errors_total") >= failures + 8, "INSERTs fail"
            )
        ledger.stop()
        path.wait_written()
        assert writer.metric("ingest_dead_letters_total") == 0
    assert path.check(ledger).faults == {}


def test_a_full_disk_holds_rows_back_and_loses_none(path: DeliveryPath, tmp_path: Path) -> None:
    """The disk is full in the middle of an INSERT, each time a little later."""
    with engine_on_small_disk(path, tmp_path) as (config, disk):
        with path.writer(config=config) as writer, path.ledger("full-disk") as ledger:
            ledger.wait_acknowledged(600)
            for free in range(0, 1_000_000, 100_000):
                failures = writer.metric("ingest_insert_errors_total")
                fill(disk, free)
                wait_until(
                    lambda before=failures: writer.metric("ingest_insert_errors_total") > before,
                    "an INSERT fails",
                )
            (disk / "filler").unlink()
            ledger.stop()
            path.wait_written(config)
            assert writer.metric("ingest_dead_letters_total") == 0
        assert path.check(ledger, config).faults == {}


def test_too_many_parts_hold_rows_back_and_lose_none(path: DeliveryPath) -> None:
    with path.writer() as writer, path.ledger("parts") as ledger:
        ledger.wait_acknowledged(600)
        with no_more_parts(path):
            wait_until(
                lambda: writer.metric("ingest_insert_errors_total", code="252") >= 4,
                "INSERTs are refused",
                seconds=60,
            )
        ledger.stop()
        path.wait_written()
        assert writer.metric("ingest_dead_letters_total") == 0
    assert path.check(ledger).faults == {}


@contextlib.contextmanager
def files_of_at_most(size: int, pid: int) -> Iterator[None]:
    """Let a process write no file beyond `size` bytes: to it, its disk is full (EFBIG)."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def engine_on_small_disk(path: DeliveryPath, folder: Path) -> Iterator[tuple[Config, Path]]:
    """Run another ClickHouse on a disk of 64 MiB that nobody else sees and that goes with it."""
    alone = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine lets nobody mount a disk")
    port = free_port()
    disk = folder / "engine"
    disk.mkdir()
    script = 'mount -t tmpfs -o size=64m tmpfs "$0" && exec "$@"'
    config = path.config_with(
        clickhouse={"url": f"clickhouse://127.0.0.1:{port}"}, kafka={"group_prefix": "small-disk"}
    )
    with engine(folder, port, under=[*alone, "sh", "-c", script, str(disk)]) as (_, service):
        migrate(config, folder, "--only", "tables")
        # Where its mount is seen from outside.
        yield config, Path(f"/proc/{service.pid}/root{disk}")


def fill(disk: Path, free: int) -> None:
    """Leave about `free` bytes of a disk, or less: others write meanwhile."""
    with (disk / "filler").open("ab") as filler, contextlib.suppress(OSError):
        more = shutil.disk_usage(disk).free - free
        if more > 0:
            os.posix_fallocate(filler.fileno(), filler.tell(), more)
        else:
            filler.truncate(max(0, filler.tell() + more))


@contextlib.contextmanager
def no_more_parts(path: DeliveryPath) -> Iterator[None]:
    """Have ClickHouse refuse INSERTs for the parts that it has not merged."""
    path.execute("SYSTEM STOP MERGES spans")
    path.execute(
        "ALTER TABLE spans MODIFY SETTING parts_to_delay_insert = 1, parts_to_throw_insert = 2"
    )
    try:
        yield
    finally:
        path.execute("ALTER TABLE spans RESET SETTING parts_to_delay_insert, parts_to_throw_insert")
        path.execute("SYSTEM START MERGES spans")
