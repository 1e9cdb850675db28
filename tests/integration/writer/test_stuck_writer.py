"""A writer that is stuck ends by itself, and the one that is started in its place goes on."""

import contextlib
import sys
from pathlib import Path

import pytest

import fleet
from integration.writer.conftest import Pipeline
from integration.writer.test_writer import numbered, stored_numbers
from rak_libs.runtime.lifecycle import STATUS_FAILED

PROGRAM = Path(__file__).parent / "stuck_writer.py"
SETTINGS = {"writer": {"stuck_after_seconds": 1.0}, "clickhouse": {"insert_timeout_seconds": 1.0}}


@pytest.mark.parametrize("pipeline", ["kafka"], indirect=True)
def test_stuck_writers_end_with_an_error_and_others_live_on(pipeline: Pipeline) -> None:
    """Two share a group, each stuck in its way; a third does what little there is to do."""
    pipeline.publish(numbered(number * 10, 10) for number in range(20))

    def started(running: contextlib.ExitStack, name: str, *command: str) -> fleet.Service:
        config = fleet.changed(
            pipeline.config, **SETTINGS, server={"writer_admin_port": fleet.free_port()}
        )
        folder = pipeline.folder / name
        path = fleet.write_config(config, folder / "rak.toml")
        line = [sys.executable, *command, "--config", str(path)]
        return running.enter_context(fleet.running(name, line, folder))

    with contextlib.ExitStack() as running:
        quiet = started(running, "quiet", "-m", "rak_services.writer", "--signal", "pipeline")
        stuck = [
            started(running, way, str(PROGRAM), way, "--signal", "spans")
            for way in ("is_handed_nothing", "blocks_its_loop")
        ]
        for service in stuck:
            assert service.process.wait(timeout=60) == STATUS_FAILED
            assert "writer.stuck" in service.output()
        assert quiet.process.poll() is None
    with pipeline.writer():
        pipeline.wait_written()
    assert stored_numbers(pipeline) == 200
