"""Listening and serving on real sockets: who gets the port, and how serving ends."""

import asyncio
import http.client
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from rak_libs.runtime.errors import PermanentRuntimeError
from rak_libs.runtime.serving import CannotListen, PortInUse, RunningServer, bind, serve_asgi

KEY = "[server] otlp_http_port"


def request_bytes(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "host: x", *headers, "", ""]).encode()


class Application:
    """Answers `/` at once and `/slow` when it is released."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.release = asyncio.Event()
        self.cancelled = False

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        if scope["path"] == "/slow":
            self.begun.set()
            try:
                await self.release.wait()
            except asyncio.CancelledError:
                self.cancelled = True
                raise
        if scope["path"] == "/fails":
            raise ValueError("the reason")
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})


def served(scenario: Callable[[Application, RunningServer], Awaitable[None]]) -> None:
    """Run the scenario beside a server on a free port; nothing may be left behind."""

    async def run() -> None:
        application = Application()
        server = await serve_asgi(application, bind("127.0.0.1", 0, KEY))
        try:
            async with asyncio.timeout(30):
                await scenario(application, server)
        finally:
            await server.stop(0)
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert left == []

    asyncio.run(run())


async def connect(server: RunningServer, path: str) -> tuple[asyncio.StreamReader, Any]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request_bytes(path))
    await writer.drain()
    return reader, writer


def test_a_request_is_answered_with_date_and_without_server_header() -> None:
    async def scenario(_application: Application, server: RunningServer) -> None:
        reader, writer = await connect(server, "/")
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        assert head.startswith("http/1.1 200 ok\r\n")
        assert "\r\ndate: " in head
        assert "\r\nserver:" not in head
        assert await reader.readexactly(2) == b"ok"
        writer.close()

    served(scenario)


def test_stop_lets_the_request_in_flight_finish_and_accepts_no_other() -> None:
    async def scenario(application: Application, server: RunningServer) -> None:
        reader, writer = await connect(server, "/slow")
        await application.begun.wait()
        stopping = asyncio.create_task(server.stop(20))
        await eventually_refused(server.port)
        assert not stopping.done()
        application.release.set()
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert answer.endswith(b"ok")
        await stopping
        assert not application.cancelled
        writer.close()

    served(scenario)


def test_stop_closes_idle_connections_without_waiting() -> None:
    async def scenario(_application: Application, server: RunningServer) -> None:
        reader, writer = await connect(server, "/")
        await reader.readuntil(b"ok")
        silent_reader, silent_writer = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.wait_for(server.stop(1000), 20)
        assert await reader.read() == b""
        assert await silent_reader.read() == b""
        writer.close()
        silent_writer.close()

    served(scenario)


def test_what_is_in_flight_after_the_grace_is_cut() -> None:
    async def scenario(application: Application, server: RunningServer) -> None:
        reader, writer = await connect(server, "/slow")
        await application.begun.wait()
        await server.stop(0.05)
        assert application.cancelled
        assert b"200 OK" not in await rest(reader)
        writer.close()

    served(scenario)


def test_stopping_twice_and_waiting_are_harmless() -> None:
    async def scenario(_application: Application, server: RunningServer) -> None:
        waiting = asyncio.create_task(server.wait())
        await asyncio.gather(server.stop(1), server.stop(1))
        await server.stop(0)
        await waiting

    served(scenario)


def test_an_application_that_fails_answers_500_and_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario(_application: Application, server: RunningServer) -> None:
        for path, status in (("/fails", b"500"), ("/", b"200")):
            reader, writer = await connect(server, path)
            assert (await reader.readline()).split()[1] == status
            writer.close()

    served(scenario)
    assert "Exception in ASGI application" in caplog.text


def test_an_application_that_refuses_to_start_is_an_error_and_frees_the_port() -> None:
    async def refuses(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no"})

    async def run() -> None:
        listener = bind("127.0.0.1", 0, KEY)
        port = listener.getsockname()[1]
        with pytest.raises(PermanentRuntimeError, match="refused to start"):
            await serve_asgi(refuses, listener, lifespan="on")
        bind("127.0.0.1", port, KEY).close()

    asyncio.run(run())


async def rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


async def eventually_refused(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            return
        writer.close()
        await asyncio.sleep(0.02)


def test_a_port_in_use_is_named_with_the_key_that_changes_it() -> None:
    with bind("127.0.0.1", 0, KEY) as first:
        port = first.getsockname()[1]
        with pytest.raises(PortInUse) as refused:
            bind("127.0.0.1", port, KEY)
        assert str(refused.value) == f"port {port} is in use; change {KEY}"
    bind("127.0.0.1", port, KEY).close()


def test_a_port_is_free_again_right_after_its_connections_closed() -> None:
    with bind("127.0.0.1", 0, KEY) as listener:
        listener.setblocking(True)
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _ = listener.accept()
            accepted.close()
    bind("127.0.0.1", port, KEY).close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "::1", "::"])
def test_hosts_of_every_kind_can_be_listened_on(host: str) -> None:
    with bind(host, 0, KEY) as listener:
        family = socket.AF_INET6 if listener.family == socket.AF_INET6 else socket.AF_INET
        local = "::1" if family == socket.AF_INET6 else "127.0.0.1"
        socket.create_connection((local, listener.getsockname()[1])).close()


def test_all_addresses_of_ipv6_include_those_of_ipv4() -> None:
    with bind("::", 0, KEY) as listener:
        socket.create_connection(("127.0.0.1", listener.getsockname()[1])).close()


@pytest.mark.parametrize("host", ["192.0.2.1", "256.256.256.256"])
def test_a_host_that_is_not_of_this_machine_names_the_host_key(host: str) -> None:
    with pytest.raises(CannotListen, match=rf"{host} .*change \[server\] host$") as refused:
        bind(host, 0, KEY)
    assert not isinstance(refused.value, PortInUse)


def test_a_port_that_is_not_permitted_names_the_port_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's answer is made up: as root every port is permitted."""

    def denied(_listener: socket.socket, _address: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", denied)
    with pytest.raises(CannotListen) as refused:
        bind("127.0.0.1", 80, KEY)
    assert str(refused.value) == f"port 80 needs more rights; change {KEY}"


def test_two_servers_in_one_loop_are_served_side_by_side() -> None:
    async def run() -> None:
        first = await serve_asgi(Application(), bind("127.0.0.1", 0, KEY))
        second = await serve_asgi(Application(), bind("127.0.0.1", 0, KEY))
        for server in (first, second):
            assert await asyncio.to_thread(status, server.port) == 200
        await first.stop(1)
        assert await asyncio.to_thread(status, second.port) == 200
        await second.stop(1)

    asyncio.run(run())


def status(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status
    finally:
        connection.close()
