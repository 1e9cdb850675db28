import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_PR_SET_PDEATHSIG = 1
_LINE_LIMIT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What to run and how to tell that it is ready.

    Attributes:
        name: The name in logs and tables.
        command: The program and its arguments.
        environ: Variables set beside the supervisor's own.
        ready_port: A port whose `/readyz` answers 200 when the service is ready, or None.
    """

    name: str
    command: Sequence[str]
    environ: Mapping[str, str] = field(default_factory=dict)
    ready_port: int | None = None


def describe_exit(returncode: int) -> str:
    """Say how a process ended: `exit status 1` or `killed by SIGKILL`."""
    if returncode >= 0:
        return f"exit status {returncode}"
    with contextlib.suppress(ValueError):
        return f"killed by {signal.Signals(-returncode).name}"
    return f"killed by signal {-returncode}"


def _become_a_child_of_the_supervisor() -> None:
    """Leave the terminal's process group; get SIGTERM when the supervisor is gone, however it went.

    Runs in the child between fork and exec, where uvloop has no option for either.
    """
    os.setpgid(0, 0)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """One running process whose output lines are printed with its name before them."""

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self._process: asyncio.subprocess.Process | None = None
        self._printing: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while the child runs, else None."""
        if self._process is None or self._process.returncode is not None:
            return None
        return self._process.pid

    async def start(self) -> None:
        """Start the process, its output printed from now on; Ctrl-C does not reach it."""
        self._process = await asyncio.create_subprocess_exec(
            *self.spec.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **self.spec.environ},
            preexec_fn=_become_a_child_of_the_supervisor,
            limit=_LINE_LIMIT,
        )
        self._printing = asyncio.create_task(self._print_output(self._process))

    async def wait(self) -> int:
        """Wait for the process to end and return its return code, negative for a signal."""
        if self._process is None:
            raise RuntimeError(f"{self.spec.name} was never started")
        returncode = await self._process.wait()
        if self._printing is not None:
            await self._printing
        return returncode

    async def stop(self, seconds: float) -> int | None:
        """Send SIGTERM, wait, and kill what is still there after `seconds`.

        Returns:
            The return code, or None when the child was not running.
        """
        if self._process is None or self._process.returncode is not None:
            return None
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            return await asyncio.wait_for(self.wait(), seconds)
        except TimeoutError:
            self.kill()
            return await self.wait()

    def kill(self) -> None:
        """Kill the process at once."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _print_output(self, process: asyncio.subprocess.Process) -> None:
        if process.stdout is None:
            raise RuntimeError(f"{self.spec.name} has no output pipe")
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:  # a line beyond the limit: print on from where the reader stands
                continue
            if not line:
                return
            sys.stderr.write(f"{self.spec.name:<14}| {line.decode(errors='replace').rstrip()}\n")
            sys.stderr.flush()
