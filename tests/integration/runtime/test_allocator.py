"""However a service is started, it runs with the allocator settings, started again just once."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rak_libs.runtime.process import ALLOCATOR_SETTINGS

StartService = Callable[..., Any]

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only glibc reads these settings; elsewhere nothing happens"
)


def console_script(folder: Path) -> Path:
    """What pip writes for an entry point."""
    script = folder / "rak-probe"
    script.write_text(
        f"#!{sys.executable}\nimport sys\nfrom probe_service import main\n"
        "if __name__ == '__main__':\n    sys.exit(main())\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script


@pytest.fixture(params=["script", "module", "console script", "with options"])
def command(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    return {
        "script": [sys.executable, str(Path(__file__).parent / "probe_service.py")],
        "module": [sys.executable, "-m", "probe_service"],
        "console script": [str(console_script(tmp_path))],
        "with options": [
            sys.executable,
            "-X",
            "dev",
            "-W",
            "error",
            "-m",
            "probe_service",
        ],
    }[request.param]


def test_it_is_started_again_once_with_the_same_arguments_and_process_id(
    start_service: StartService, command: list[str]
) -> None:
    service = start_service("returns", command=[*command, "--config", "/dev/null"])
    assert service.exit_status() == 0
    started = f"started pid={service.process.pid} argv=['--config', '/dev/null', 'returns']"
    assert service.output() == [started, started, "allocator=True"]


def test_exit_statuses_come_through(start_service: StartService, command: list[str]) -> None:
    assert start_service("exits_with_three", command=command).exit_status() == 3


def test_with_the_settings_present_it_is_not_started_again(start_service: StartService) -> None:
    service = start_service("returns", **ALLOCATOR_SETTINGS)
    assert service.exit_status() == 0
    assert len(service.output()) == 2


def test_children_inherit_the_settings_and_are_not_started_again() -> None:
    program = (
        "import os, subprocess, sys\n"
        "from rak_libs.runtime.process import ensure_allocator\n"
        "print('started', flush=True)\n"
        "ensure_allocator()\n"
        "if len(sys.argv) == 1: subprocess.run([*sys.orig_argv, 'child'], check=True)\n"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["started"] * 3
