"""Real processes of a small service, started on free ports and ended with the test."""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from fleet import free_port

HERE = Path(__file__).parent
SCRIPT = (sys.executable, str(HERE / "probe_service.py"))
DEADLINE_SECONDS = 30.0


class ServiceProcess:
    """A running probe service and what it has written so far."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], port: int) -> None:
        self.port = port
        self.events: list[dict[str, Any]] = []
        self.plain_lines: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read_stderr)
        self._reader.start()

    def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.put(line)
        self._lines.put(None)

    def _next_line(self) -> bool:
        line = self._lines.get(timeout=DEADLINE_SECONDS)
        if line is None:
            return False
        if line.startswith("{"):
            self.events.append(json.loads(line))
        else:
            self.plain_lines.append(line.rstrip("\n"))
        return True

    def wait_for(self, event: str) -> dict[str, Any]:
        """The first log line of that event."""
        seen = 0
        while True:
            for line in self.events[seen:]:
                if line["event"] == event:
                    return line
            seen = len(self.events)
            assert self._next_line(), f"ended without {event}: {self.events} {self.plain_lines}"

    def exit_status(self) -> int:
        """Wait for the end of the process and read the rest of what it wrote."""
        status = self.process.wait(DEADLINE_SECONDS)
        while self._next_line():
            pass
        return status

    def output(self) -> list[str]:
        """The lines on stdout, once it has ended."""
        assert self.process.stdout is not None
        return self.process.stdout.read().splitlines()

    def named(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.events if line["event"] == event]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


StartService = Callable[..., ServiceProcess]


@pytest.fixture
def start_service() -> Iterator[StartService]:
    """`start_service(mode, command=…, port=…, **environment)`."""
    started: list[ServiceProcess] = []

    def start(
        mode: str,
        *,
        command: Sequence[str] = SCRIPT,
        port: int | None = None,
        **environment: str,
    ) -> ServiceProcess:
        port = port or free_port()
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("RAK_", "MALLOC_"))
        }
        given = {"RAK_SERVER__WRITER_ADMIN_PORT": str(port), "PYTHONPATH": str(HERE)}
        service = ServiceProcess([*command, mode], inherited | given | environment, port)
        started.append(service)
        return service

    yield start
    for service in started:
        service.close()
