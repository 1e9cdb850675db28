"""What `rak-derive` does: it keeps derived rows up to date; computes a range of them again."""

import asyncio
import signal
import sys
from argparse import Namespace

from rak_libs.clickhouse.errors import ClickHouseError
from rak_libs.model.time_text import format_time
from rak_libs.runtime.config import config_from_command_line
from rak_libs.runtime.lifecycle import STATUS_FAILED, STATUS_FORCED, run_service
from rak_libs.runtime.logs import configure_logging, of_problems_alone
from rak_libs.runtime.settings import Config
from rak_services.derive.app import rebuilding, serve
from rak_services.derive.command_line import add_arguments
from rak_services.derive.ledger.accounting import Rules
from rak_services.derive.ledger.prices import PriceError, load_prices

_WRONG_USE = 2


def main() -> None:
    """Derive until told to stop, or rebuild a range; ends the process."""
    config, arguments = config_from_command_line("rak-derive", extend=add_arguments)
    rules = _rules(config)
    if arguments.command:
        sys.exit(_rebuild(config, rules, arguments))

    async def run(stop: asyncio.Event) -> None:
        await serve(config, rules, stop, arguments.crash_at)

    sys.exit(run_service("derive", config, run))


def _rules(config: Config) -> Rules:
    """Return what the ledger is made by; a file of prices that is refused ends the process."""
    try:
        return Rules(load_prices(config.derive.prices))
    except PriceError as error:
        print(f"rak-derive: [derive] prices: {error}", file=sys.stderr)
        sys.exit(_WRONG_USE)


def _rebuild(config: Config, rules: Rules, arguments: Namespace) -> int:
    """Carry out `rebuild` and return the exit status; errors go to stderr as one message."""
    if arguments.from_ns >= arguments.to_ns:
        print("rak-derive: expected --from before --to", file=sys.stderr)
        return _WRONG_USE
    configure_logging("derive", of_problems_alone(config.logging))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    try:
        with rebuilding(config, rules) as parts:
            for name, part in parts.items():
                if arguments.only in {None, name}:
                    _tell(name, *part(arguments.from_ns, arguments.to_ns))
    except KeyboardInterrupt:
        print("rak-derive: interrupted; the same command again goes on", file=sys.stderr)
        return STATUS_FORCED
    except ClickHouseError as error:
        print(f"rak-derive: {error}", file=sys.stderr)
        return STATUS_FAILED
    return 0


def _tell(name: str, since: int, until: int) -> None:
    print(f"{name}: computed {format_time(since)} to {format_time(until)}" if since < until else
          f"{name}: nothing to compute: of this range, nothing is complete and kept whole",
          flush=True)  # fmt: skip
