"""Paths of endpoints: names in them may hold slashes and reserved words."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, cast

import msgspec
from msgspec import Struct
from starlette.applications import Starlette
from starlette.types import Message, Scope
from structlog.testing import capture_logs

from rak_libs.runtime.settings import QuerySettings, StorageSettings
from rak_services.query.endpoint import Endpoint, EventStream, Question, Store
from rak_services.query.routes import CLIENT_LEFT, api_routes


class NameRequest(Struct, frozen=True, kw_only=True):
    name: str


class NameAnswer(Struct):
    name: str
    url: str


async def echo(_store: Store, question: Question, request: NameRequest) -> NameAnswer:
    return NameAnswer(request.name, question.url)


def store() -> Store:
    limits = QuerySettings(max_result_rows=5)
    return Store(
        pool=cast("Any", None),
        limits=limits,
        now=lambda: 0,
        clustered=False,
        storage=StorageSettings(),
        status_interval_seconds=10.0,
    )


def endpoint(path: str, handle: Any = echo) -> Endpoint:
    return Endpoint("GET", path, NameRequest, NameAnswer, handle, "Names")


async def ask(app: Starlette, path: str, messages: list[Message]) -> list[Message]:
    """Call the application as a server does; receiving waits when there is no message left."""
    sent: list[Message] = []

    async def receive() -> Message:
        if messages:
            return messages.pop(0)
        return await asyncio.Future()

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"test")],
    }
    await app(scope, receive, send)
    return sent


def test_a_name_in_a_path_may_hold_slashes_reserved_words_and_lines() -> None:
    """`%2F` arrives as a slash; the longer path comes first in the table."""
    table = [endpoint("/api/v1/models/{name:path}/calls"), endpoint("/api/v1/models/{name:path}")]
    app = Starlette(routes=api_routes(table, store()))
    names = {
        "/api/v1/models/meta-llama/Llama-3/calls": "meta-llama/Llama-3",
        "/api/v1/models/meta-llama/Llama-3": "meta-llama/Llama-3",
        "/api/v1/models/query": "query",
        "/api/v1/models/two\nlines\n": "two\nlines\n",
    }
    for path, name in names.items():
        start, body = asyncio.run(ask(app, path, []))
        assert start["status"] == 200
        assert msgspec.json.decode(body["body"])["name"] == name
    assert table[0].template == "/api/v1/models/{name}/calls"
    assert table[0].path_parameters == ("name",)


def test_work_is_cancelled_when_the_client_leaves() -> None:
    """The handler is stopped where it waits, and the request counts as left."""
    cancelled: list[str] = []

    async def endless(_store: Store, _question: Question, request: NameRequest) -> NameAnswer:
        try:
            await asyncio.Future()
        except asyncio.CancelledError:
            cancelled.append(request.name)
            raise
        raise AssertionError("it waits for ever")

    app = Starlette(routes=api_routes([endpoint("/{name}", endless)], store()))
    start, _ = asyncio.run(ask(app, "/slow", [{"type": "http.disconnect"}]))
    assert (start["status"], cancelled) == (CLIENT_LEFT, ["slow"])


def test_a_stream_that_fails_is_logged_and_left_unfinished() -> None:
    """The server cuts the connection of an answer without an end; the place is free again."""
    closed: list[bool] = []

    async def events() -> AsyncGenerator[bytes, None]:
        yield b"data: 1\n\n"
        raise ValueError("a defect")

    async def stream(_store: Store, _question: Question, _request: NameRequest) -> EventStream:
        return EventStream(events(), lambda: closed.append(True))

    app = Starlette(routes=api_routes([endpoint("/{name}", stream)], store()))
    with capture_logs() as lines:
        start, *bodies = asyncio.run(ask(app, "/live", []))
    assert start["status"] == 200
    assert [body["more_body"] for body in bodies] == [True]
    assert closed == [True]
    assert [line["event"] for line in lines] == ["query.stream_failed"]


def test_a_page_is_never_longer_than_max_result_rows() -> None:
    assert [store().page_rows(limit) for limit in (None, 1, 5, 6)] == [5, 1, 5, 5]
