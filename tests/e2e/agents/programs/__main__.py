"""Runs every program in a process of its own: `python -m e2e.agents.programs <provider's URL>`.

The processes are forked from one that has imported what all of them use: that takes longer than
their work.
"""

import multiprocessing
import os
import sys

from e2e.agents.program_runs import PROGRAMS, Program
from e2e.agents.programs import model_sdks, openai_agents, pydantic_agents
from e2e.agents.programs.telemetry import COPIES

MAINS = {
    "model_sdks": model_sdks.main,
    "openai_agents": openai_agents.main,
    "pydantic_agents": pydantic_agents.main,
}


def run(program: Program, url: str) -> None:
    """Be the service that the program stands for."""
    os.environ |= {"OTEL_SERVICE_NAME": program.name, COPIES: str(program.copies)}
    MAINS[program.module](url, program.name)


def main() -> None:
    """Run all at once; fails when one of them does."""
    forking = multiprocessing.get_context("fork")
    processes = [forking.Process(target=run, args=(each, sys.argv[1])) for each in PROGRAMS]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    failed = [each for each, p in zip(PROGRAMS, processes, strict=True) if p.exitcode != 0]
    sys.exit(f"failed: {failed}" if failed else 0)


if __name__ == "__main__":
    main()
