"""What `rak-writer` does: it writes topics to ClickHouse; looks after what could not be written."""

import asyncio
import os
import signal
import sys
from argparse import Namespace
from collections.abc import Callable, Coroutine
from typing import Any, Final

from rak_libs.clickhouse.errors import ClickHouseError
from rak_libs.kafka.errors import KafkaError
from rak_libs.runtime.config import config_from_command_line
from rak_libs.runtime.lifecycle import run_service
from rak_libs.runtime.logs import configure_logging, of_problems_alone
from rak_libs.runtime.settings import Config
from rak_services.writer.app import serve
from rak_services.writer.command_line import WrongUse, add_arguments, check_arguments
from rak_services.writer.dlq import commands as dlq
from rak_services.writer.dlq.selection import NoSuchLetter
from rak_services.writer.exit_status import ExitStatus
from rak_services.writer.replay.commands import replay_range
from rak_services.writer.replay.shadow_table import UnfitTable
from rak_services.writer.signals import SIGNALS

Command = Callable[[Config, Namespace], Coroutine[Any, Any, ExitStatus]]

COMMANDS: Final[dict[str, Command]] = {
    "dlq list": dlq.list_letters,
    "dlq show": dlq.show_letter,
    "dlq replay": dlq.replay_letters,
    "dlq drop": dlq.drop_letters,
    "replay": replay_range,
}


def main() -> None:
    """Write until told to stop, or carry out one subcommand; ends the process."""
    config, arguments = config_from_command_line("rak-writer", extend=add_arguments)
    try:
        check_arguments(arguments)
    except WrongUse as error:
        print(f"rak-writer: {error}", file=sys.stderr)
        sys.exit(ExitStatus.WRONG_USE)
    if arguments.command:
        sys.exit(_carry_out(COMMANDS[arguments.command], config, arguments))
    written = [SIGNALS[name] for name in arguments.signals or SIGNALS]

    async def run(stop: asyncio.Event) -> None:
        await serve(config, written, stop, arguments.crash_at)

    sys.exit(run_service("writer", config, run))


def _carry_out(command: Command, config: Config, arguments: Namespace) -> ExitStatus:
    """Run a subcommand; errors go to stderr as one message, SIGTERM ends it as Ctrl-C does."""
    configure_logging("writer", of_problems_alone(config.logging))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    try:
        return asyncio.run(command(config, arguments))
    except BrokenPipeError:
        # Whoever reads the output has seen enough; nothing may be flushed into it at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.DONE
    except KeyboardInterrupt:
        print("rak-writer: interrupted; the same command again goes on", file=sys.stderr)
        return ExitStatus.INTERRUPTED
    except (KafkaError, ClickHouseError, NoSuchLetter, UnfitTable) as error:
        print(f"rak-writer: {error}", file=sys.stderr)
        return ExitStatus.FAILED
