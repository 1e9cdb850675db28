"""`rak-derive`: keeps rollups of metrics up to date; computes a range of them again."""

import asyncio
import signal
import sys
from argparse import Namespace

import msgspec

from rak_libs.clickhouse.errors import ClickHouseError
from rak_libs.model.time_text import format_time
from rak_libs.runtime.config import config_from_command_line
from rak_libs.runtime.lifecycle import STATUS_FAILED, STATUS_FORCED, run_service
from rak_libs.runtime.logs import configure_logging
from rak_libs.runtime.process import ensure_allocator
from rak_libs.runtime.settings import Config
from rak_services.derive.app import rebuild, serve
from rak_services.derive.command_line import add_arguments

_WRONG_USE = 2


def main() -> None:
    """Derive until told to stop, or rebuild a range; ends the process."""
    config, arguments = config_from_command_line("rak-derive", extend=add_arguments)
    if arguments.command:
        sys.exit(_rebuild(config, arguments))
    ensure_allocator()

    async def run(stop: asyncio.Event) -> None:
        await serve(config, stop, arguments.crash_at)

    sys.exit(run_service("derive", config, run))


def _rebuild(config: Config, arguments: Namespace) -> int:
    """Carry out `rebuild` and return the exit status; errors go to stderr as one message."""
    if arguments.from_ns >= arguments.to_ns:
        print("rak-derive: expected --from before --to", file=sys.stderr)
        return _WRONG_USE
    level = config.logging.level if config.logging.level in {"debug", "error"} else "warning"
    configure_logging("derive", msgspec.structs.replace(config.logging, level=level))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    try:
        since, until = rebuild(config, arguments.from_ns, arguments.to_ns)
    except KeyboardInterrupt:
        print("rak-derive: interrupted; the same command again goes on", file=sys.stderr)
        return STATUS_FORCED
    except ClickHouseError as error:
        print(f"rak-derive: {error}", file=sys.stderr)
        return STATUS_FAILED
    print(f"computed {format_time(since)} to {format_time(until)}" if since < until else
          "nothing to compute: no window of this range is complete and has its points")  # fmt: skip
    return 0


if __name__ == "__main__":
    main()
