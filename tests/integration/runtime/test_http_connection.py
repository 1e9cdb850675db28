"""The limits of one HTTP connection, on real sockets: slow and huge headers, age, leaving."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from rak_libs.runtime.http_connection import ConnectionLimits
from rak_libs.runtime.serving import RunningServer, bind, serve_asgi

Scenario = Callable[[asyncio.StreamReader, asyncio.StreamWriter, RunningServer], Awaitable[None]]
REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


async def answer_ok(scope: Any, _receive: Any, send: Any) -> None:
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


def connected(limits: ConnectionLimits, scenario: Scenario, **options: Any) -> None:
    """Run the scenario with one connection to a server of these limits."""

    async def run() -> None:
        server = await serve_asgi(answer_ok, bind("127.0.0.1", 0, "key"), limits, **options)
        try:
            async with asyncio.timeout(30):
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                await scenario(reader, writer, server)
                writer.close()
        finally:
            await server.stop(0)

    asyncio.run(run())


async def answered(reader: asyncio.StreamReader) -> str:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    await reader.readexactly(2)
    return head


@pytest.mark.parametrize("start", [b"G", b"GET / HTTP/1.1\r\nhost:", b"\r\n"])
@pytest.mark.parametrize("before", [0, 1], ids=["at once", "after a request"])
def test_a_header_that_is_not_complete_in_time_ends_the_connection(
    start: bytes, before: int
) -> None:
    async def scenario(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _server: RunningServer
    ) -> None:
        for _ in range(before):
            writer.write(REQUEST)
            await answered(reader)
        writer.write(start)
        assert await reader.read() == b""

    connected(ConnectionLimits(head_seconds=0.05), scenario)


def test_a_header_that_trickles_in_is_not_given_more_time() -> None:
    async def scenario(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _server: RunningServer
    ) -> None:
        async def trickle() -> None:
            while True:
                writer.write(b"x")
                await asyncio.sleep(0.01)

        writer.write(b"GET / HTTP/1.1\r\n")
        trickling = asyncio.create_task(trickle())
        with contextlib.suppress(ConnectionResetError):  # so it ends where a letter was underway
            assert await reader.read() == b""
        trickling.cancel()

    connected(ConnectionLimits(head_seconds=0.1), scenario)


def test_a_client_that_sends_nothing_is_closed_like_one_that_had_an_answer() -> None:
    async def scenario(
        reader: asyncio.StreamReader, _writer: asyncio.StreamWriter, _server: RunningServer
    ) -> None:
        assert await reader.read() == b""

    connected(ConnectionLimits(), scenario, timeout_keep_alive=0.05)


def test_a_connection_ends_with_an_answer_once_it_is_old() -> None:
    async def scenario(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _server: RunningServer
    ) -> None:
        writer.write(REQUEST)
        assert "connection: close" in await answered(reader)
        assert await reader.read() == b""

    connected(ConnectionLimits(max_age_seconds=1e-6), scenario)


def test_a_server_that_is_leaving_ends_each_connection_with_its_answer() -> None:
    async def scenario(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: RunningServer
    ) -> None:
        writer.write(REQUEST)
        assert "connection: close" not in await answered(reader)
        server.end_connections()
        writer.write(REQUEST)
        assert "connection: close" in await answered(reader)
        assert await reader.read() == b""
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(REQUEST)
        assert "connection: close" in await answered(reader)
        writer.close()

    connected(ConnectionLimits(), scenario)


def test_bytes_that_are_no_request_are_answered_for_people() -> None:
    async def scenario(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _server: RunningServer
    ) -> None:
        writer.write(b"nonsense\r\n\r\n")
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain")
        assert body == b"Invalid HTTP request received."

    connected(ConnectionLimits(), scenario)
