"""Questions to ClickHouse: a pool of connections, in threads, under the limits of `[query]`."""

import asyncio
import contextlib
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from uuid import uuid4

from clickhouse_driver import Client

from rak_libs.clickhouse.connection import connect
from rak_libs.clickhouse.errors import CLIENT_SIDE, TransientClickHouseError, translated
from rak_libs.clickhouse.parameters import Parameters, bind
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.settings import ClickHouseSettings, QuerySettings

Row = tuple[Any, ...]

MAX_STATEMENT_BYTES: Final = 2 * 1024 * 1024
"""The engine's bound on a statement with its values; a longer one is refused as a syntax error."""

_SILENCE_SECONDS: Final = 5.0
"""How long past its time limit a question may stay unanswered before the connection is given up."""

_CUT_EVERY_SECONDS: Final = 0.2
_CHECK_SECONDS: Final = 2.0

log = get_logger(__name__)


class NoFreeConnection(TransientClickHouseError):
    """Every connection of the pool stayed busy for `connection_timeout_seconds`."""

    def __init__(self, connections: int) -> None:
        super().__init__(CLIENT_SIDE, f"all {connections} connections are busy")


class ReadPool:
    """Runs SELECT statements in threads, one connection each.

    At most `[clickhouse] max_connections` run at once. A connection is pinged before each use and
    made anew when the engine closed it. Every statement runs read-only and under the limits of
    `[query]`, which the engine enforces. Belongs to one event loop.
    """

    def __init__(self, settings: ClickHouseSettings, limits: QuerySettings) -> None:
        self._settings = settings
        self._limits = limits
        self._threads = ThreadPoolExecutor(settings.max_connections, "clickhouse-read")
        self._free = asyncio.Semaphore(settings.max_connections)
        self._idle: list[Client] = []
        self._busy: dict[Client, asyncio.Future[list[Row]]] = {}
        self._cutting: set[asyncio.Task[None]] = set()

    async def select(
        self,
        sql: str,
        parameters: Parameters | None = None,
        *,
        seconds: float | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> list[Row]:
        """Return the rows of one statement, its `%(name)s` placeholders bound.

        Read DateTime64 columns as `toUnixTimestamp64Nano(column)`: the driver cuts nanoseconds
        off. FixedString values come without their trailing zero bytes, so an absent id is ''.
        When the caller is cancelled, the engine's query is ended by cutting its connection.

        Args:
            sql: The statement.
            parameters: Values by placeholder.
            seconds: Time limit; None and anything longer mean `max_query_time_seconds`.
            settings: Settings of the engine that the statement needs beside the limits.

        Raises:
            ClickHouseError: The engine cannot be reached, refuses the statement (code 159: out of
                time; 241: out of memory; 396: too many rows), or a parameter cannot be bound.
        """
        statement = bind(sql, parameters or {})
        allowed = self._limits.max_query_time_seconds
        client = await self._take()
        answer = asyncio.get_running_loop().run_in_executor(
            self._threads,
            _execute,
            client,
            statement,
            {
                **(settings or {}),
                **engine_settings(
                    self._limits, allowed if seconds is None else min(seconds, allowed)
                ),
            },
        )
        self._busy[client] = answer
        answer.add_done_callback(lambda _: self._give_back(client))
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            cutting = asyncio.create_task(_cut_until_done(client, answer))
            self._cutting.add(cutting)
            cutting.add_done_callback(self._cutting.discard)
            raise

    async def check(self, table: str) -> None:
        """Return when the engine answers and has a table, asked over a connection of its own.

        Raises:
            ClickHouseError: It does not.
        """
        await asyncio.to_thread(_check, self._settings, table)

    async def close(self) -> None:
        """Close every connection; what is still being asked is cut."""
        await asyncio.gather(*(_cut_until_done(*asked) for asked in list(self._busy.items())))
        while self._idle:
            self._idle.pop().disconnect()
        self._threads.shutdown(wait=False)

    async def _take(self) -> Client:
        try:
            async with asyncio.timeout(self._settings.connection_timeout_seconds):
                await self._free.acquire()
        except TimeoutError:
            raise NoFreeConnection(self._settings.max_connections) from None
        if self._idle:
            return self._idle.pop()
        silence = self._limits.max_query_time_seconds + _SILENCE_SECONDS
        return connect(self._settings, send_receive_timeout=silence)

    def _give_back(self, client: Client) -> None:
        del self._busy[client]
        self._idle.append(client)
        self._free.release()


def engine_settings(limits: QuerySettings, seconds: float) -> dict[str, str]:
    """Return the settings that go with every question.

    One row more than `max_result_rows` may come back: it tells a page that another follows.
    `distributed_product_mode` lets a subquery run on each shard, which holds its traces whole.
    `readonly` comes last: what follows it would be refused.
    """
    return {
        "max_execution_time": str(seconds),
        "timeout_overflow_mode": "throw",
        "max_result_rows": str(limits.max_result_rows + 1),
        "result_overflow_mode": "throw",
        "max_memory_usage": str(limits.max_memory_bytes),
        "distributed_product_mode": "local",
        "max_query_size": str(MAX_STATEMENT_BYTES),
        "readonly": "2",
    }


def _execute(client: Client, statement: str, settings: dict[str, str]) -> list[Row]:
    with translated():
        rows: list[Row] = client.execute(statement, settings=settings, query_id=uuid4().hex)
    return rows


def _check(settings: ClickHouseSettings, table: str) -> None:
    client = connect(settings, send_receive_timeout=_CHECK_SECONDS)
    try:
        with translated():
            client.execute(f"SELECT 1 FROM {table} LIMIT 0")  # noqa: S608 - a name from the code
    finally:
        client.disconnect()


async def _cut_until_done(client: Client, answer: "asyncio.Future[list[Row]]") -> None:
    """Cut the connection until its thread has noticed.

    A driver that was still connecting would otherwise send its query afterwards. The engine ends
    the query of a connection that is gone.
    """
    while not answer.done():
        _cut(client)
        await asyncio.wait({answer}, timeout=_CUT_EVERY_SECONDS)
    answer.exception()
    log.info("clickhouse.query_cut")


def _cut(client: Client) -> None:
    sock: socket.socket | None = client.connection.socket
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
