"""Kills a process at a rename(2) of its choice, with strace.

ClickHouse writes a part under a temporary name and renames it when it is whole: what comes before
the N-th rename of an INSERT has happened, and what comes after has not.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet import wait_until


def require_strace() -> None:
    """Skip the test where there is no strace; fail it where there must be (`CI=true`)."""
    if shutil.which("strace") is None:
        if os.environ.get("CI") == "true":
            raise RuntimeError("this test needs strace")
        pytest.skip("this test needs strace")


@contextlib.contextmanager
def killed_at_rename(pid: int, number: int, output: Path) -> Iterator[None]:
    """Kill a process with SIGKILL where one of its threads begins its `number`-th rename.

    Args:
        pid: The process; it is traced from the beginning of the context on.
        number: Counted for each thread, from 1; an INSERT's parts are renamed by one thread.
        output: Where to write what strace saw.
    """
    command = ["strace", "--follow-forks", "--trace=rename", "--output", str(output)]
    command += [f"--inject=rename:signal=SIGKILL:when={number}", "--attach", str(pid)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as strace:
        try:
            wait_until(lambda: is_traced(pid), "strace traces the process")
            yield
        finally:
            strace.terminate()


def is_traced(pid: int) -> bool:
    """Tell whether every thread of a process has a tracer."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return all("\nTracerPid:\t0\n" not in (task / "status").read_text() for task in tasks)
