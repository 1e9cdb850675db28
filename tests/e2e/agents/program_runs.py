"""Runs the programs as the services they stand for."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]
SECONDS = 240


@dataclass(frozen=True)
class Program:
    """A module of `programs`, and the name that begins its session ids and is its service's.

    Attributes:
        copies: How many times every span is exported.
    """

    module: str
    name: str
    copies: int = 1


PROGRAMS = (
    Program("pydantic_agents", "pydantic"),
    Program("model_sdks", "today", copies=2),
    Program("model_sdks", "openllmetry"),
    Program("model_sdks", "before"),
    Program("openai_agents", "agents-sdk"),
)


def run_all(provider_url: str, otlp_url: str) -> None:
    """Run every program to its end.

    Raises:
        AssertionError: One failed; the message has what it said.
    """
    done = subprocess.run(
        [sys.executable, "-m", "e2e.agents.programs", provider_url],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
            "OTEL_EXPORTER_OTLP_ENDPOINT": otlp_url,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
