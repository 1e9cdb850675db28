"""`rak-writer`: reads a signal's topic and writes its rows to ClickHouse."""

import asyncio
import sys
from argparse import ArgumentParser

from rak_libs.runtime.config import config_from_command_line
from rak_libs.runtime.lifecycle import run_service
from rak_libs.runtime.process import ensure_allocator
from rak_services.writer.app import serve
from rak_services.writer.signals import SIGNALS


def _add_signal(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--signal",
        choices=sorted(SIGNALS),
        default="spans",
        help="what to write (default: spans)",
    )


def main() -> None:
    """Run the writer until it is told to stop; its exit status is that of `run_service`."""
    ensure_allocator()
    config, arguments = config_from_command_line("rak-writer", extend=_add_signal)

    async def run(stop: asyncio.Event) -> None:
        await serve(config, SIGNALS[arguments.signal], stop)

    sys.exit(run_service("writer", config, run))


if __name__ == "__main__":
    main()
