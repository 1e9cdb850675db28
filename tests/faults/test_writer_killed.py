"""The writer may die at any moment: what agents were told is accepted is stored."""

import os
import signal
from pathlib import Path

from fleet import Ports, fleet, lag_is_zero, wait_until
from traffic import Stream, missing

SPANS = 40_000


def test_a_kill_within_40000_spans_loses_nothing_on_the_embedded_broker(tmp_path: Path) -> None:
    """It keeps no intents, so spans may be stored twice; `delivery` has what holds on Kafka."""
    with fleet(tmp_path) as started:
        stream = Stream(started.otlp_http_url, "killed-writer", total=SPANS, per_second=8_000)
        stream.start()
        wait_until(lambda: stream.acknowledged >= SPANS // 2, "spans are sent")
        os.kill(started.child_pid("writer"), signal.SIGKILL)
        assert stream.wait() == SPANS
        wait_until(lambda: lag_is_zero(started), "everything is written", seconds=90)
        assert missing(started, "killed-writer", SPANS) == 0
        assert started.supervisor.output().count("killed by SIGKILL") == 1


def test_a_fleet_stopped_and_started_on_the_same_folder_has_everything(tmp_path: Path) -> None:
    ports = Ports()
    for generation in ("first", "second"):
        with fleet(tmp_path, ports) as started:
            sent = Stream(started.otlp_http_url, generation, total=20_000).start().wait()
            assert started.supervisor.terminate() == 0
            assert "fleet.drained" in started.supervisor.output()
        assert sent == 20_000
    with fleet(tmp_path, ports) as started:
        assert missing(started, "first", 20_000) == 0
        assert missing(started, "second", 20_000) == 0


def test_a_killed_supervisor_takes_its_services_with_it(tmp_path: Path) -> None:
    import psutil

    with fleet(tmp_path) as started:
        children = psutil.Process(started.supervisor.pid).children(recursive=True)
        assert len(children) >= 5
        started.supervisor.kill()
        gone, alive = psutil.wait_procs(children, timeout=30)
        assert [child.cmdline() for child in alive] == []
        assert len(gone) == len(children)
