"""What soak tests found, as docs/soak.md.

A test notes a line of figures; `python tests/soak_results.py RESULTS PAGE STATUS` writes the page
from all that were noted. Each line carries its date and commit: runs may be put together.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

VARIABLE = "RAK_TEST_SOAK_RESULTS"
GIBIBYTE = 1024**3


def note(what: str, figures: Mapping[str, object]) -> None:
    """Add a row to the results, and print it.

    Args:
        what: What was done to the fleet.
        figures: Columns and what was found, as they are to be read.
    """
    print(f"{what}: {dict(figures)}")
    if VARIABLE in os.environ:
        row = {"what": what, "figures": dict(figures), "date": _today(), "commit": _commit()}
        with Path(os.environ[VARIABLE]).open("a") as file:
            file.write(json.dumps(row) + "\n")


def page(results: Path, status: int) -> str:
    """Write results as a page: one table for each set of columns.

    Args:
        results: What was noted, in one run or several.
        status: With which pytest ended.
    """
    tables: dict[tuple[str, ...], list[list[str]]] = {}
    for line in results.read_text().splitlines():
        row = json.loads(line)
        columns = ("", *row["figures"], "date", "commit")
        cells = [row["what"], *map(str, row["figures"].values()), row["date"], row["commit"]]
        tables.setdefault(columns, []).append(cells)
    verdict = "Everything passed." if status == 0 else "**Not everything passed.**"
    written = [_table(columns, rows) for columns, rows in tables.items()]
    return "\n\n".join([_heading(), verdict, *written]) + "\n"


def _today() -> str:
    return time.strftime("%Y-%m-%d", time.gmtime())


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _heading() -> str:
    memory = psutil.virtual_memory().total / GIBIBYTE
    return (
        "# The last soak\n\n"
        "For operators: what the last `make soak` did to a whole fleet on Apache Kafka with the\n"
        "embedded engine, and what it found. Every span was numbered, every answer to an agent\n"
        "kept on disk, and both compared with the tables at the end. This page is written by\n"
        "`make soak`; [guarantees.md](guarantees.md) says what is promised.\n\n"
        f"The machine: {os.cpu_count()} cores, {memory:.0f} GiB of memory, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}."
    )


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(page(Path(sys.argv[1]), int(sys.argv[3])))
