import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from rak_libs.runtime.config import config_from_command_line
from rak_libs.runtime.lifecycle import STATUS_PORT_IN_USE, run_service
from rak_libs.runtime.logs import configure_logging
from rak_libs.runtime.settings import Config
from rak_services.local.app import LocalFleet, longest_drain_seconds
from rak_services.local.kafka_broker import KafkaNotInstalled, check_installed
from rak_services.local.ports import PortTaken, check_ports, listeners
from rak_services.local.readiness import NotReady
from rak_services.local.supervisor import FleetFailed


def main() -> None:
    """Run the whole fleet on this machine until SIGINT or SIGTERM, then drain it."""
    config, arguments = config_from_command_line("rak-local")
    configure_logging("local", config.logging)
    try:
        check_ports(listeners(config))
        if config.local.broker == "kafka":
            check_installed(Path(config.local.kafka_jars_dir))
    except PortTaken as error:
        print(error, file=sys.stderr)
        sys.exit(STATUS_PORT_IN_USE)
    except KafkaNotInstalled as error:
        sys.exit(str(error))
    path = arguments.config or os.environ.get("RAK_CONFIG")
    failures: list[Exception] = []

    async def serve(stop: asyncio.Event) -> None:
        failures.extend(await _serve(config, Path(path) if path else None, stop))

    status = run_service("local", _with_time_to_drain(config), serve)
    for failure in failures:
        print(f"the fleet stopped: {failure}", file=sys.stderr)
    sys.exit(1 if failures else status)


def _with_time_to_drain(config: Config) -> Config:
    """Give the supervisor as long as its services may take one after the other."""
    seconds = longest_drain_seconds(config)
    server = msgspec.structs.replace(config.server, shutdown_timeout_seconds=seconds)
    return msgspec.structs.replace(config, server=server)


async def _serve(config: Config, path: Path | None, stop: asyncio.Event) -> list[Exception]:
    """Start, run until `stop` or a failure, drain.

    Returns:
        What made the fleet stop by itself, empty when it was asked to.
    """
    fleet = LocalFleet(config, path)
    stopped = asyncio.create_task(stop.wait())
    starting = asyncio.create_task(fleet.start())
    failures: list[Exception] = []
    try:
        await _first(starting, stopped, fleet.failed)
        if starting.done() and not starting.exception():
            print(fleet.describe(), flush=True)
            await _first(stopped, fleet.failed)
        failures = _failures(starting, fleet.failed)
    finally:
        starting.cancel()
        stopped.cancel()
        await asyncio.gather(starting, stopped, return_exceptions=True)
        await fleet.drain()
    return failures


async def _first(*futures: asyncio.Future[Any]) -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


def _failures(*futures: asyncio.Future[None]) -> list[Exception]:
    found = [future.exception() for future in futures if future.done() and not future.cancelled()]
    expected = [error for error in found if isinstance(error, FleetFailed | NotReady)]
    unexpected = [error for error in found if error is not None and error not in expected]
    if unexpected:
        raise unexpected[0]
    return list(expected)


if __name__ == "__main__":
    main()
