"""A tail's stream where no real engine is needed: silence, problems, limits, ends."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.types import Message, Scope

from rak_libs.clickhouse.errors import TransientClickHouseError
from rak_libs.runtime.settings import QuerySettings, StorageSettings
from rak_services.query.cursors import decode_cursor
from rak_services.query.endpoint import EventStream, Question, Store
from rak_services.query.endpoints import ENDPOINTS
from rak_services.query.logs import tail
from rak_services.query.logs.places import TailPlace
from rak_services.query.logs.requests import TailLogs
from rak_services.query.logs.tail import tail_logs
from rak_services.query.parameter_types import Duration
from rak_services.query.problems import TooManyStreams
from rak_services.query.routes import api_routes
from rak_services.query.streams import Streams

PATH = "/api/v1/logs/tail"


class EmptyEngine:
    """Has no records, and a clock that goes on with every look at it."""

    def __init__(self) -> None:
        self.now_ms = 1_000
        self.failing = 0
        self.rows_asked_for = 0

    async def select(self, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        if self.failing:
            self.failing -= 1
            raise TransientClickHouseError(210, "connection refused")
        if "system.processes" not in sql:
            self.rows_asked_for = parameters["rows"]
            return []
        self.now_ms += 10
        return [(self.now_ms, 0)]


def store(engine: EmptyEngine, streams: Streams, *, clustered: bool = False) -> Store:
    return Store(
        pool=cast("Any", engine),
        limits=QuerySettings(max_result_rows=7),
        now=lambda: engine.now_ms * 1_000_000,
        clustered=clustered,
        storage=StorageSettings(),
        status_interval_seconds=10.0,
        streams=streams,
    )


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Polls follow each other at once."""
    for name in ("POLL_SECONDS", "KEEP_ALIVE_SECONDS", "_RETRY_SECONDS"):
        monkeypatch.setattr(tail, name, 0.0)


async def begin(engine: EmptyEngine, streams: Streams, **asked: Any) -> EventStream:
    question = Question(digest="d", url=PATH)
    return await tail_logs(store(engine, streams), question, TailLogs(**asked))


def test_a_silent_stream_goes_on_to_say_where_it_is() -> None:
    """A client that comes again after hours without a record need not begin hours ago."""

    async def places() -> list[bytes]:
        stream = await begin(EmptyEngine(), Streams())
        chunks = [await anext(stream.events) for _ in range(4)]
        await stream.close()
        return chunks

    first, *later = asyncio.run(places())
    assert first.startswith(b"retry: 2000\nid: ")
    assert all(chunk.startswith(b": nothing new\nid: ") for chunk in later)
    assert all(chunk.endswith(b"\n\n") for chunk in [first, *later])
    assert len({chunk.partition(b"id: ")[2] for chunk in [first, *later]}) == 4


@pytest.mark.parametrize(("clustered", "behind_ms"), [(False, 0), (True, 5_000)])
def test_a_tail_of_a_cluster_stays_further_behind(clustered: bool, behind_ms: int) -> None:
    """INSERTs of other nodes are not seen; what is passed is never looked at again."""

    async def first_place() -> int:
        engine = EmptyEngine()
        engine.now_ms = 100_000
        question = Question(digest="d", url=PATH)
        asked = store(engine, Streams(), clustered=clustered)
        stream = await tail_logs(asked, question, TailLogs())
        first = await anext(stream.events)
        await stream.close()
        cursor = first.decode().partition("id: ")[2].strip()
        return decode_cursor(cursor, "d", TailPlace).key[0]

    assert asyncio.run(first_place()) == 100_010 - behind_ms


def test_a_poll_asks_for_no_more_than_the_engine_may_answer() -> None:
    """`[query] max_result_rows`, and one that tells whether more follow."""

    async def rows_asked_for() -> int:
        engine = EmptyEngine()
        stream = await begin(engine, Streams(), duration=Duration(0))
        async for _ in stream.events:
            pass
        return engine.rows_asked_for

    assert asyncio.run(rows_asked_for()) == 8


def test_an_engine_that_goes_away_is_told_and_asked_again() -> None:
    """The stream goes on; before it began, the same would have been a plain problem."""

    async def chunks() -> list[bytes]:
        engine = EmptyEngine()
        stream = await begin(engine, Streams())
        found = [await anext(stream.events)]
        engine.failing = 2
        found += [await anext(stream.events) for _ in range(3)]
        await stream.close()
        engine.failing = 1
        with pytest.raises(TransientClickHouseError):
            await begin(engine, Streams(most=0))
        return found

    _, *problems, again = asyncio.run(chunks())
    for problem in problems:
        name, data = problem.decode().strip().split("\n")
        assert name == "event: problem"
        assert msgspec.json.decode(data.removeprefix("data: "))["status"] == 503
    assert again.startswith(b": nothing new")


def test_a_place_is_taken_from_the_beginning_to_the_end_of_a_stream() -> None:
    """Also when nobody ever read from it."""

    async def taken() -> None:
        streams = Streams(most=1)
        for read in (True, False, True):
            stream = await begin(EmptyEngine(), streams)
            with pytest.raises(TooManyStreams):
                await begin(EmptyEngine(), streams)
            if read:
                await anext(stream.events)
            await stream.close()

    asyncio.run(taken())


@pytest.mark.parametrize(
    ("asked", "meanwhile"),
    [({"duration": Duration(0)}, lambda _: None), ({}, Streams.end)],
    ids=["its time is over", "the service ends"],
)
def test_a_stream_ends(asked: dict[str, Any], meanwhile: Callable[[Streams], None]) -> None:
    async def rest() -> list[bytes]:
        streams = Streams()
        stream = await begin(EmptyEngine(), streams, **asked)
        await anext(stream.events)
        meanwhile(streams)
        return [chunk async for chunk in stream.events if not chunk.startswith(b":")]

    assert asyncio.run(rest()) == []


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_nothing_is_streamed_to_who_asks_for_headers_or_leaves(method: str) -> None:
    """The answer is over and its place free, although the tail has no end."""
    streams = Streams(most=1)
    app = Starlette(routes=api_routes(ENDPOINTS, store(EmptyEngine(), streams)))
    sent: list[Message] = []
    left = asyncio.Event()

    async def receive() -> Message:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)
        if message.get("body"):
            left.set()

    scope: Scope = {
        "type": "http",
        "method": method,
        "path": PATH,
        "query_string": b"",
        "headers": [(b"host", b"test")],
    }

    async def ask_twice() -> None:
        for _ in range(2):
            left.clear()
            await app(scope, receive, send)

    asyncio.run(ask_twice())
    start = sent[0]
    assert start["status"] == 200
    assert dict(start["headers"])[b"content-type"].startswith(b"text/event-stream")
    assert bool(sent[1].get("body")) == (method == "GET")
