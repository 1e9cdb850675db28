"""Stopping the fleet: everything is written first, or what is left is told."""

import json
import signal
from pathlib import Path

import psutil

from fleet import fleet, wait_until
from traffic import Stream

SPANS = 5_000


def test_what_cannot_be_written_within_the_deadline_is_told(tmp_path: Path) -> None:
    """The engine stands still, so the drain ends at its deadline and counts what is unwritten."""
    with fleet(
        tmp_path,
        local={"drain_timeout_seconds": 2.0},
        server={"shutdown_timeout_seconds": 4.0},
    ) as started:
        engine = psutil.Process(started.child_pid("engine"))
        engine.send_signal(signal.SIGSTOP)
        Stream(started.otlp_http_url, "undrained", total=SPANS).start().wait()
        children = psutil.Process(started.supervisor.pid).children(recursive=True)
        assert started.supervisor.terminate(90) == 0
        assert [child for child in children if child.is_running()] == []
        (told,) = [
            json.loads(line)
            for line in started.supervisor.output().splitlines()
            if "fleet.drain_deadline_passed" in line
        ]
        assert told["unwritten_messages"] >= 1


def test_a_second_signal_ends_the_fleet_at_once(tmp_path: Path) -> None:
    with fleet(tmp_path, local={"drain_timeout_seconds": 60.0}) as started:
        engine = psutil.Process(started.child_pid("engine"))
        engine.send_signal(signal.SIGSTOP)
        Stream(started.otlp_http_url, "forced", total=SPANS).start().wait()
        children = psutil.Process(started.supervisor.pid).children(recursive=True)
        started.supervisor.process.send_signal(signal.SIGINT)
        output = started.supervisor.output
        wait_until(lambda: '"service_name": "otlp-receiver"' in output(), "the drain has begun")
        started.supervisor.process.send_signal(signal.SIGINT)
        assert started.supervisor.process.wait(timeout=30) == 130
        engine.send_signal(signal.SIGCONT)
        _, alive = psutil.wait_procs(children, timeout=30)
        assert alive == []
