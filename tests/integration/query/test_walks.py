"""Walking all pages of a search while spans are being written.

`RAK_TEST_WALKS` is the number of walks in each order; `make soak` takes many.
"""

import asyncio
import itertools
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import fleet
from integration.query.api_client import Api
from integration.query.known_spans import SECOND, KnownSpan, request_of, store
from rak_libs.clickhouse.connection import connect
from rak_libs.clickhouse.select import ReadPool
from rak_libs.model.time_text import parse_time
from rak_libs.runtime.settings import ClickHouseSettings, Config
from rak_services.query.endpoint import Store
from rak_services.query.snapshots import take_snapshot

WALKS = int(os.environ.get("RAK_TEST_WALKS", "1"))
TRACES = 60
PAGE = 7
_walks = itertools.count()


class Traffic:
    """Writes spans of old and new traces, one INSERT after another, until told to stop.

    A span of an old trace begins up to a minute before it or ends up to a minute after it, so
    that traces change their places in every order.
    """

    def __init__(self, settings: ClickHouseSettings, start: int, seed: int) -> None:
        self.start = start
        self.choose = random.Random(seed)
        self.traces = [self.choose.randbytes(16).hex() for _ in range(TRACES)]
        self._settings = settings
        self._written = threading.Semaphore(0)
        self._stopping = threading.Event()
        for _ in range(3):
            self._store([self._span(trace) for trace in self.traces])

    def run(self) -> None:
        while not self._stopping.is_set():
            known = self.choose.sample(self.traces, 15)
            new = [self.choose.randbytes(16).hex() for _ in range(3)]
            self._store([self._span(trace) for trace in known + new])
            self._written.release()

    def wait_for_an_insert(self) -> None:
        """Return when an INSERT has ended that began after this call."""
        while self._written.acquire(blocking=False):
            pass
        for _ in range(2):
            assert self._written.acquire(timeout=60)

    def stop(self) -> None:
        self._stopping.set()

    def _span(self, trace: str) -> KnownSpan:
        begin = self.start + self.choose.randrange(120 * SECOND)
        return KnownSpan(
            trace,
            self.choose.randbytes(8).hex(),
            begin,
            duration=self.choose.randrange(60 * SECOND),
            service="walked",
        )

    def _store(self, spans: list[KnownSpan]) -> None:
        store(self._settings, request_of(spans), time.time_ns())


@contextmanager
def written_meanwhile(traffic: Traffic) -> Iterator[None]:
    writer = threading.Thread(target=traffic.run)
    writer.start()
    try:
        yield
    finally:
        traffic.stop()
        writer.join()


def walk(api: Api, traffic: Traffic, order: str) -> list[dict[str, Any]]:
    """Return the rows of all pages; between two pages more is stored."""
    asked = {
        "service": "walked",
        "start": str(traffic.start),
        "end": str(traffic.start + 120 * SECOND),
        "order": order,
        "limit": str(PAGE),
    }
    rows: list[dict[str, Any]] = []
    for page in api.pages("/api/v1/traces", asked):
        rows += page
        traffic.wait_for_an_insert()
    return rows


@pytest.mark.parametrize("order", ["-start", "start", "-duration", "duration"])
def test_a_walk_meets_every_earlier_trace_exactly_once_and_no_trace_twice(
    api: Api, clickhouse: ClickHouseSettings, order: str
) -> None:
    """Late spans move traces to and fro in the order meanwhile, and new traces come in."""
    for _ in range(WALKS):
        start = time.time_ns() - (10 * 86_400 + 600 * next(_walks)) * SECOND
        traffic = Traffic(clickhouse, start, seed=start)
        with written_meanwhile(traffic):
            rows = walk(api, traffic, order)
        ids = [row["trace_id"] for row in rows]
        assert len(ids) == len(set(ids))
        assert set(ids) >= set(traffic.traces)
        assert len(rows) > PAGE
        keys = [
            (parse_time(row["timestamp"]) if order.endswith("start") else row["duration_ns"], id_)
            for row, id_ in zip(rows, ids, strict=True)
        ]
        assert keys == sorted(keys, reverse=order.startswith("-"))


def test_the_snapshot_is_older_than_an_insert_that_still_runs(
    config: Config, clickhouse: ClickHouseSettings
) -> None:
    """Its rows will carry a later stamp, so they join no walk that has begun."""
    slow = (
        "INSERT INTO spans (trace_id, timestamp, service_name) "
        "SELECT repeat('5', 32), now64(9) - sleepEachRow(1), 'slow' FROM numbers(2) "
        "SETTINGS max_block_size = 1"
    )
    with asyncio.Runner() as runner, connect(clickhouse) as client:
        before = runner.run(snapshot(config))
        writing = threading.Thread(target=lambda: execute(clickhouse, slow))
        writing.start()
        runs = "SELECT count() FROM system.processes WHERE query_kind = 'Insert'"
        fleet.wait_until(lambda: client.execute(runs) == [(1,)], "the INSERT runs")
        began = time.time_ns() // 1_000_000
        fleet.wait_until(lambda: time.time_ns() // 1_000_000 > began + 300, "some time has passed")
        assert before <= runner.run(snapshot(config)) <= began
        writing.join()
        assert runner.run(snapshot(config)) > began + 300
        stamps = "SELECT min(inserted_at) FROM trace_times WHERE trace_id = repeat('5', 32)"
        ((stamp,),) = client.execute(f"SELECT toUnixTimestamp64Milli(({stamps}))")
        assert before <= stamp


def execute(settings: ClickHouseSettings, sql: str) -> None:
    with connect(settings) as client:
        client.execute(sql)


async def snapshot(config: Config) -> int:
    pool = ReadPool(config.clickhouse, config.query)
    try:
        return await take_snapshot(
            Store(
                pool,
                config.query,
                time.time_ns,
                clustered=False,
                storage=config.storage,
                status_interval_seconds=10.0,
            )
        )
    finally:
        await pool.close()
