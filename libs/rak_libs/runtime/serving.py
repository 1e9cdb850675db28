"""Listening sockets whose failures name the key to change; HTTP served in a running loop."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from rak_libs.runtime.errors import CannotListen, PermanentRuntimeError, PortInUse
from rak_libs.runtime.http_connection import ConnectionLimits, HttpConnection

__all__ = ["CannotListen", "PortInUse", "RunningServer", "bind", "serve_asgi"]

BACKLOG = 2048
# Exporters send every five seconds or so: closing idle connections after uvicorn's own five
# seconds would race with each request.
KEEP_ALIVE_SECONDS = 75


def bind(host: str, port: int, config_key: str) -> socket.socket:
    """A socket that listens on `host` and `port` (0: any free one).

    `config_key` is the key as messages show it, such as `[server] otlp_http_port`.
    Raises PortInUse, or CannotListen when the host is unknown or not of this machine, or the port
    is not permitted.
    """
    try:
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )
    except socket.gaierror as error:
        raise CannotListen(
            f"host {host} is unknown ({error.strerror}); change [server] host"
        ) from None
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # Listening right away: until then a second process may bind the same port on Linux.
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _cannot_listen(error, host, port, config_key) from None
    listener.setblocking(False)
    return listener


def _cannot_listen(error: OSError, host: str, port: int, config_key: str) -> CannotListen:
    if error.errno == errno.EADDRINUSE:
        return PortInUse(port, config_key)
    if error.errno == errno.EACCES:
        return CannotListen(f"port {port} needs more rights; change {config_key}")
    return CannotListen(f"cannot listen on {host} ({error.strerror}); change [server] host")


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serving = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell when connections are served; a start that fails is an error, not an exit."""
        try:
            await super().startup(sockets=sockets)
        except SystemExit:
            raise PermanentRuntimeError("the application refused to start") from None
        self.serving.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process that runs the server."""
        yield


class RunningServer:
    """An ASGI application being served; made by `serve_asgi`."""

    def __init__(
        self,
        server: uvicorn.Server,
        task: asyncio.Task[None],
        port: int,
        limits: ConnectionLimits,
    ) -> None:
        self._server = server
        self._task = task
        self._limits = limits
        self.port = port

    def end_connections(self) -> None:
        """End every connection with its next answer; new ones are still taken."""
        self._limits.closing = True
        for connection in self._server.server_state.connections:
            # A request whose header has come is answered after this, too.
            if isinstance(connection, HttpConnection) and connection.cycle is not None:
                connection.cycle.keep_alive = False

    async def stop(self, grace_seconds: float) -> None:
        """Stop accepting, let requests in flight finish, cut what is left after the grace.

        Safe to call again.
        """
        self._server.config.timeout_graceful_shutdown = grace_seconds  # type: ignore[assignment]  # a fraction is fine
        self._server.should_exit = True
        await self._task
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()

    async def wait(self) -> None:
        """Return when the server has ended; raises what ended it."""
        await asyncio.shield(self._task)


async def serve_asgi(
    app: ASGIApp, sock: socket.socket, limits: ConnectionLimits | None = None, **options: Any
) -> RunningServer:
    """Serve `app` on a listening socket inside the running loop; returns once it is served.

    `limits` are those of each connection and belong to this server alone. `options` are uvicorn's;
    the defaults here: no access log, no lifespan events, no `server` header, no signal handlers,
    `timeout_keep_alive` of 75 s.
    """
    limits = limits or ConnectionLimits()
    defaults: dict[str, Any] = {
        "http": partial(HttpConnection, limits=limits),
        "ws": "none",
        "lifespan": "off",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "backlog": BACKLOG,
    }
    port = sock.getsockname()[1]
    server = _Server(uvicorn.Config(app, **(defaults | options)))
    task = asyncio.create_task(server.serve(sockets=[sock]), name=f"http server on port {port}")
    serving = asyncio.create_task(server.serving.wait())
    await asyncio.wait({task, serving}, return_when=asyncio.FIRST_COMPLETED)
    serving.cancel()
    if task.done():
        sock.close()
        await task
    return RunningServer(server, task, port, limits)
