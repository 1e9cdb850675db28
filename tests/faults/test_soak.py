"""A whole fleet on Apache Kafka whose parts die, stand still, come and go, and which goes on.

`make soak` runs these at full length and writes docs/soak.md from what they find. Lengths come
from the environment; where the suite leaves one out, it is skipped.
"""

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from delivery_path import stopped
from fleet import (
    Fleet,
    Service,
    changed,
    fleet,
    free_port,
    get_json,
    lag_is_zero,
    require_kafka,
    select,
    service,
    wait_until,
)
from ledger import Ledger
from ledger_check import check
from process_samples import ProcessSamples
from soak_results import note

KILLS = int(os.environ.get("RAK_TEST_KILLS", "1"))
STANDSTILL_SECONDS = float(os.environ.get("RAK_TEST_STANDSTILL_SECONDS", "0"))
STORM_SECONDS = float(os.environ.get("RAK_TEST_STORM_SECONDS", "0"))
ROLLING_RESTARTS = int(os.environ.get("RAK_TEST_ROLLING_RESTARTS", "0"))
STEADY_SECONDS = float(os.environ.get("RAK_TEST_STEADY_SECONDS", "0"))
WARM_UP_SECONDS = float(os.environ.get("RAK_TEST_WARM_UP_SECONDS", "300"))

PARTS = ("otlp-receiver", "writer", "broker", "engine")
OURS = ("otlp-receiver", "writer", "query")
SPANS_PER_SECOND = int(os.environ.get("RAK_TEST_SPANS_PER_SECOND", "300"))
AS_FAST_AS_IT_GOES = 1_000_000
MEBIBYTE = 1024 * 1024
# The fifth death of a service within a minute stops the fleet.
SECONDS_BETWEEN_DEATHS = 16.0
STORM_WRITERS = 3


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    require_kafka()
    with fleet(
        tmp_path_factory.mktemp("fleet"),
        local={"broker": "kafka"},
        kafka={"session_timeout_seconds": 4.0, "publish_timeout_seconds": 5.0},
        server={"shutdown_timeout_seconds": 10.0},
    ) as running:
        yield running


@contextlib.contextmanager
def under_load(
    started: Fleet, folder: Path, name: str, per_second: int = SPANS_PER_SECOND
) -> Iterator[Ledger]:
    """Send until the end of the context; then everything told must be stored, once."""
    began = time.monotonic()
    ledger = Ledger(name, folder, started.otlp_http, per_second=per_second)
    with ledger:
        ledger.wait_acknowledged(1_000)
        yield ledger
        ledger.wait_acknowledged(1_000)
    seconds = time.monotonic() - began
    wait_until(lambda: lag_is_zero(started), "everything is written", seconds=300)
    found = check(ledger, started.config.clickhouse)
    note(
        name,
        {
            "seconds": round(seconds),
            "spans acknowledged": found.acknowledged,
            "spans/s": round(found.acknowledged / seconds),
            "of them after a retry": found.ambiguous,
            "stored again by a retry": found.repeated,
            "lost": found.lost,
            "duplicated": found.duplicated,
            "never sent": found.never_sent,
            "altered": found.altered,
            "trace times wrong": found.disagreeing,
        },
    )
    assert found.faults == {}


def test_parts_killed_at_random_lose_and_double_nothing(started: Fleet, tmp_path: Path) -> None:
    last_death = dict.fromkeys(PARTS, -SECONDS_BETWEEN_DEATHS)
    with under_load(started, tmp_path, f"kill -9 of each part, {KILLS} times"):
        for _ in range(KILLS):
            for part in random.sample(PARTS, len(PARTS)):
                time.sleep(random.uniform(2, 6))
                time.sleep(max(0, last_death[part] + SECONDS_BETWEEN_DEATHS - time.monotonic()))
                end(started, part, signal.SIGKILL)
                last_death[part] = time.monotonic()


def test_parts_that_stand_still_lose_and_double_nothing(started: Fleet, tmp_path: Path) -> None:
    leave_out_unless(STANDSTILL_SECONDS)
    for part in PARTS:
        name = f"SIGSTOP of the {part} for {STANDSTILL_SECONDS:g} s"
        with under_load(started, tmp_path / part, name, AS_FAST_AS_IT_GOES) as ledger:
            with stopped(started.child_pid(part)):
                time.sleep(STANDSTILL_SECONDS)
            ledger.wait_acknowledged(10_000)


def test_a_storm_of_rebalances_loses_and_doubles_nothing(started: Fleet, tmp_path: Path) -> None:
    """Every few seconds a writer joins, leaves, or dies; one stays."""
    leave_out_unless(STORM_SECONDS)
    ends = time.monotonic() + STORM_SECONDS
    with (
        under_load(started, tmp_path, f"writers come and go for {STORM_SECONDS:g} s"),
        contextlib.ExitStack() as writers,
    ):
        guests: list[Service] = []
        while time.monotonic() < ends:
            if len(guests) < STORM_WRITERS:
                guests.append(writers.enter_context(guest_writer(started, tmp_path)))
            else:
                leaving = guests.pop(random.randrange(len(guests)))
                random.choice([leaving.kill, leaving.terminate])()
            time.sleep(random.uniform(1, 5))


def test_a_rolling_restart_loses_and_doubles_nothing(started: Fleet, tmp_path: Path) -> None:
    leave_out_unless(ROLLING_RESTARTS)
    with under_load(started, tmp_path, f"everything restarted, {ROLLING_RESTARTS} times") as ledger:
        for _ in range(ROLLING_RESTARTS):
            for part in (*PARTS, "query"):
                end(started, part, signal.SIGTERM)
                ledger.wait_acknowledged(SPANS_PER_SECOND)
            time.sleep(SECONDS_BETWEEN_DEATHS)


def test_a_steady_load_takes_no_more_and_more(started: Fleet, tmp_path: Path) -> None:
    leave_out_unless(STEADY_SECONDS)
    pids = {part: started.child_pid(part) for part in (*PARTS, "query")}
    pids["supervisor"] = started.supervisor.pid
    with under_load(started, tmp_path, f"steady for {STEADY_SECONDS:g} s"):
        time.sleep(WARM_UP_SECONDS)
        with ProcessSamples(pids) as samples:
            time.sleep(STEADY_SECONDS)
    for part, series in samples.series.items():
        note(part, series.figures())
    for part in (*OURS, "supervisor"):
        series = samples.series[part]
        assert series.slope_per_hour() < MEBIBYTE, part
        assert series.is_flat(series.descriptors), part
        assert series.is_flat(series.threads), part


def test_the_account_of_it_all_adds_up(started: Fleet) -> None:
    """Only what killed receivers had not told yet is unknown, and the account says so."""

    def hours_without_waiting() -> list[dict[str, Any]]:
        answer = get_json(f"{started.query_url}/pipeline?signal=spans&start=now-1d")
        hours: list[dict[str, Any]] = answer["items"]
        return [] if sum(hour["waiting"] for hour in hours) else hours

    account = Counter[str]()
    found = wait_until(hours_without_waiting, "receivers and writers have told all", seconds=60)
    assert isinstance(found, list)
    for hour in found:
        account += Counter(
            received=hour["received"],
            stored=hour["stored"],
            duplicated=hour["duplicated"],
            **hour["unaccounted_by"],
        )
    ((rows,),) = select(started, "SELECT count() FROM telemetry.spans")
    note("the account", account)
    assert account["received"] + account["unreported"] == account["stored"] == rows
    assert account.keys() <= {"received", "unreported", "stored"}


def leave_out_unless(length: float) -> None:
    if not length:
        pytest.skip("left to `make soak`")


def end(started: Fleet, part: str, how: signal.Signals) -> None:
    """Send a signal that ends a part, and wait until the supervisor has started another."""
    process = psutil.Process(started.child_pid(part))
    process.send_signal(how)
    process.wait(timeout=60)
    wait_until(lambda: started.child_pid(part) != process.pid, f"another {part} runs", seconds=60)


@contextlib.contextmanager
def guest_writer(started: Fleet, folder: Path) -> Iterator[Service]:
    """A writer of the fleet's group beside the fleet's own."""
    port = free_port()
    config = changed(started.config, server={"writer_admin_port": port})
    with service("rak-writer", config, folder / f"writer-{port}") as writer:
        writer.wait_listening(port)
        yield writer
