"""The README's own commands give the README's own output, ids and times masked.

`RAK_TEST_WRITE_README=1` writes what the commands really print into the README.
"""

import os
import re
import subprocess
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from fleet import Fleet, fleet, lag_is_zero, wait_for_ledger, wait_until
from rak_libs.kafka.topics import OTLP_LOGS, OTLP_METRICS, OTLP_SPANS, PPROF_PROFILES

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
BLOCK = re.compile(r"```console\n\$ (.*?)```", re.DOTALL)
MASKS = [
    (re.compile(r"\b[0-9a-f]{32}\b"), "<trace id>"),
    (re.compile(r"\b[0-9a-f]{16}\b"), "<span id>"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "<time>"),
    (re.compile(r'"next_cursor": "[^"]+"'), '"next_cursor": "<cursor>"'),
]


@dataclass(frozen=True)
class Example:
    """One command of the README and the output shown under it."""

    command: str
    output: str


def examples() -> list[Example]:
    return [split(match.group(1)) for match in BLOCK.finditer(README.read_text())]


def split(block: str) -> Example:
    """Part a block into its command, which goes on while a quote is open, and its output."""
    lines = block.splitlines()
    for end in range(1, len(lines) + 1):
        command = "\n".join(lines[:end])
        if command.count("'") % 2 == 0:
            return Example(command, "\n".join(lines[end:]))
    raise AssertionError(f"a quote is never closed: {block}")


def masked(text: str) -> str:
    for pattern, mask in MASKS:
        text = pattern.sub(mask, text)
    return text.strip()


def on(started: Fleet, text: str) -> str:
    """Point the README's commands at the ports of the test's fleet."""
    ports = {
        "4317": started.ports.otlp_grpc,
        "4318": started.ports.otlp_http,
        "4319": started.ports.pprof,
        "8080": started.ports.query,
    }
    for written, actual in ports.items():
        text = text.replace(f"127.0.0.1:{written}", f"127.0.0.1:{actual}")
    options = {"endpoint": "4317", "pprof": "4319", "query": "8080"}
    given = " ".join(f"--{name} http://127.0.0.1:{ports[port]}" for name, port in options.items())
    return text.replace("make demo", f'make --silent demo ARGS="{given}"')


def as_written(started: Fleet, text: str) -> str:
    """Give output of the test's fleet the ports that the README has."""
    return text.replace(f"127.0.0.1:{started.ports.query}", "127.0.0.1:8080")


def run(started: Fleet, command: str) -> str:
    done = subprocess.run(
        ["bash", "-c", on(started, command)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for topic in (OTLP_SPANS, OTLP_METRICS, OTLP_LOGS, PPROF_PROFILES):
        wait_until(partial(lag_is_zero, started, topic), f"what was sent to {topic} is written")
    if "make demo" in command or "/v1/traces -H" in command:
        wait_for_ledger(started)
    return as_written(started, done.stdout).strip()


def test_the_readme_shows_what_its_commands_print(tmp_path: Path) -> None:
    shown = examples()
    assert len(shown) >= 6
    with fleet(tmp_path, derive={"ledger_interval_seconds": 1}) as started:
        printed = [run(started, example.command) for example in shown]
    if os.environ.get("RAK_TEST_WRITE_README"):
        rewrite(printed)
        pytest.skip("the README was written anew")
    assert [masked(text) for text in printed] == [masked(example.output) for example in shown]


def rewrite(printed: list[str]) -> None:
    outputs = iter(printed)

    def block(match: re.Match[str]) -> str:
        return f"```console\n$ {split(match.group(1)).command}\n{next(outputs)}\n```"

    README.write_text(BLOCK.sub(block, README.read_text()))
