"""A service that does nothing but start, be asked and end; each mode ends in another way."""

import argparse
import asyncio
import os
import sys
import threading
import time
import warnings
from pathlib import Path

from rak_libs.runtime.admin import AdminServer, not_stopping
from rak_libs.runtime.config import config_from_command_line
from rak_libs.runtime.errors import CannotListen
from rak_libs.runtime.lifecycle import run_service
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.metrics import counter
from rak_libs.runtime.process import ALLOCATOR_SETTINGS, ensure_allocator
from rak_libs.runtime.settings import Config

log = get_logger("probe")


async def drains(stop: asyncio.Event) -> None:
    """Says that it was asked to stop, hands something on and returns."""
    await stop.wait()
    log.info("probe.draining")
    await asyncio.sleep(0.05)
    log.info("probe.drained")


async def never_drains(stop: asyncio.Event) -> None:
    """Ignores that it was asked."""
    await stop.wait()
    await asyncio.Event().wait()


async def keeps_loop_busy(_stop: asyncio.Event) -> None:
    """Gives the loop no chance to see anything."""
    log.info("probe.busy")
    while True:
        sum(range(1000))


async def leaves_thread_behind(_stop: asyncio.Event) -> None:
    """Returns while a thread of the default executor goes on for ever."""
    asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)
    await asyncio.sleep(0)


async def returns(_stop: asyncio.Event) -> None:
    """Has nothing more to do."""


async def fails(_stop: asyncio.Event) -> None:
    """Meets an error nobody foresaw."""
    raise ValueError("the reason")


async def fails_in_group(_stop: asyncio.Event) -> None:
    """One of two tasks cannot listen."""
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.Event().wait())
        group.create_task(cannot_listen())


async def cannot_listen() -> None:
    raise CannotListen("cannot listen on 192.0.2.1; change [server] host")


async def fails_beside(stop: asyncio.Event) -> None:
    """A thread and a callback fail while the service goes on."""
    thread = threading.Thread(target=lambda: 1 // 0, name="beside")
    thread.start()
    await asyncio.to_thread(thread.join)
    asyncio.get_running_loop().call_soon(lambda: {}["beside"])
    warnings.warn("old ways", DeprecationWarning, stacklevel=1)
    await drains(stop)


async def exits_with_three(_stop: asyncio.Event) -> None:
    """Ends the process itself."""
    sys.exit(3)


def main() -> None:
    """Start like every service."""
    print(f"started pid={os.getpid()} argv={sys.argv[1:]}", flush=True)
    ensure_allocator()
    config, arguments = config_from_command_line("rak-probe", extend=add_mode)
    log_settings = {name: os.environ.get(name) for name in ALLOCATOR_SETTINGS}
    print(f"allocator={log_settings == ALLOCATOR_SETTINGS}", flush=True)
    modes = (drains, never_drains, keeps_loop_busy, leaves_thread_behind, returns, fails)
    modes += (fails_in_group, fails_beside, exits_with_three)
    mode = {function.__name__: function for function in modes}[arguments.mode]

    async def serve(stop: asyncio.Event) -> None:
        admin = await start_admin(config, stop)
        log.info("probe.ready", loop=type(asyncio.get_running_loop()).__module__)
        try:
            await mode(stop)
        finally:
            await admin.stop()

    sys.exit(run_service("rak-probe", config, serve))


def add_mode(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("mode")


def is_marked(variable: str) -> bool:
    """The file that the environment variable names exists."""
    return variable in os.environ and Path(os.environ[variable]).exists()


async def start_admin(config: Config, stop: asyncio.Event) -> AdminServer:
    async def broker() -> None:
        if is_marked("PROBE_BROKER_DOWN"):
            raise ConnectionError("no broker at 127.0.0.1:9092")

    async def engine() -> None:
        if is_marked("PROBE_ENGINE_HANGS"):
            await asyncio.to_thread(time.sleep, 4)

    counter("ingest_spans_received_total").labels(transport="grpc").inc(41)
    server = config.server
    key = "[server] writer_admin_port"
    checks = {"broker": broker, "engine": engine, "running": not_stopping(stop)}
    admin = AdminServer("rak-probe", server.host, server.writer_admin_port, key, checks)
    await admin.start()
    return admin


if __name__ == "__main__":
    main()
