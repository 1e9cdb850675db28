"""`python -m rak_services.local.engine`: the embedded ClickHouse as a process of its own."""

import argparse
import ipaddress
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from rak_libs.runtime.errors import CannotListen, PortInUse
from rak_libs.runtime.lifecycle import STATUS_PORT_IN_USE
from rak_libs.runtime.logs import configure_logging, get_logger
from rak_libs.runtime.process import tune_garbage_collector
from rak_libs.runtime.serving import bind
from rak_libs.runtime.settings import LoggingSettings
from rak_services.local.engine.connection import Shared
from rak_services.local.engine.database import Database
from rak_services.local.engine.errors import EngineError
from rak_services.local.engine.faults import parse_faults
from rak_services.local.engine.frames import FrameLimits
from rak_services.local.engine.handshake import Credentials
from rak_services.local.engine.server import Server
from rak_services.local.engine.spool import Spool
from rak_services.local.engine.watcher import Watcher

STATUS_FAILED = 1
CONFIG_KEY = "[clickhouse] url"

log = get_logger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT; the result is the process's exit status.

    Statuses: 0 stopped in order; 1 the engine could not be opened, or statements would not end;
    2 the command line is wrong; 98 the port is in use.
    """
    options = _parse(argv)
    configure_logging("engine", LoggingSettings(level=options.log_level, format=options.log_format))
    try:
        listener = bind(options.host, options.port, CONFIG_KEY)
    except CannotListen as error:
        print(f"engine: {error}", file=sys.stderr)
        return STATUS_PORT_IN_USE if isinstance(error, PortInUse) else STATUS_FAILED
    try:
        database = Database(options.data_dir, options.memory_bytes)
    except (EngineError, OSError, ValueError) as error:
        print(f"engine: cannot open {options.data_dir}: {error}", file=sys.stderr)
        return STATUS_FAILED
    tune_garbage_collector()
    return _serve(listener, database, options)


def _serve(listener: socket.socket, database: Database, options: argparse.Namespace) -> int:
    password = options.password or os.environ.get("RAK_ENGINE_PASSWORD", "")
    shared = Shared(
        database=database,
        version=database.version(),
        credentials=Credentials(options.user, password),
        spool=Spool(options.data_dir / "incoming"),
        watcher=Watcher(database.kill),
        faults=options.faults,
        limits=FrameLimits(),
    )
    server = Server(listener, shared, options.max_connections)
    host, port = listener.getsockname()[:2]
    signals = _catch_signals()
    server.start()
    log.info("engine.listening", host=host, port=port, data_dir=str(options.data_dir))
    signals.recv(1)
    log.info("engine.stopping", drain_seconds=options.drain_seconds)
    if not server.stop(options.drain_seconds):
        log.error("engine.statements_left")
        return STATUS_FAILED
    shared.watcher.close()
    database.close()
    log.info("engine.stopped")
    return 0


def _catch_signals() -> socket.socket:
    """A socket that becomes readable with the first SIGTERM or SIGINT; a second one kills."""
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    signal.set_wakeup_fd(sender.detach())

    def restore(_number: int, _frame: object) -> None:
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_DFL)

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, restore)
    return receiver


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m rak_services.local.engine", description=__doc__
    )
    parser.add_argument("--host", type=_loopback, default="127.0.0.1", help="loopback address")
    parser.add_argument("--port", type=int, default=9000, help="0 takes any free port")
    parser.add_argument("--data-dir", type=Path, required=True, help="where the tables are kept")
    parser.add_argument("--user", default="default")
    parser.add_argument("--password", default="", help="better in RAK_ENGINE_PASSWORD")
    parser.add_argument("--memory-bytes", type=int, default=4 << 30, help="cap of the engine")
    parser.add_argument("--max-connections", type=int, default=256)
    parser.add_argument(
        "--drain-seconds", type=float, default=10.0, help="for what runs at the end"
    )
    parser.add_argument("--log-level", default="info")
    parser.add_argument("--log-format", default="json", choices=["json", "console"])
    parser.add_argument("--fault", action="append", default=[], help="for tests; see faults.py")
    options = parser.parse_args(argv)
    try:
        options.faults = parse_faults(options.fault)
    except ValueError as error:
        parser.error(str(error))
    return options


def _loopback(text: str) -> str:
    """Trusted SQL only: it can read files and open connections, so no other address will do."""
    host = "127.0.0.1" if text == "localhost" else text
    try:
        if ipaddress.ip_address(host).is_loopback:
            return host
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is no loopback address; expected 127.0.0.1 or ::1")


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    # Not sys.exit: with the engine's library loaded, tearing the interpreter down may crash.
    os._exit(status)
