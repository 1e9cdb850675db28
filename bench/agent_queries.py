"""How long questions about agents, models, tools and dependencies take, over a day of 10 M spans.

From summaries and from the ledger (`ledger`: a filter that summaries cannot answer), while a
fiftieth of the ledger's entries waits to be merged with what they replace, and when all of the day
has been merged.
"""

import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import fleet
from bench.ledger_rows import DAY_NS, SECOND_NS, LedgerDay, fill
from rak_libs.clickhouse.connection import connect
from rak_libs.clickhouse.select import ReadPool
from rak_libs.runtime.settings import ClickHouseSettings, Config
from rak_services.query.endpoint import Question, Store
from rak_services.query.endpoints import ENDPOINTS
from rak_services.query.parsing import parse_request, query_pairs

_TRACES = 400_000
_ROUNDS = 20
_LLAMA = {"model": "meta-llama/Llama-3.1-70B"}

_QUESTIONS: tuple[tuple[str, dict[str, str], str], ...] = (
    ("/api/v1/agents", {}, ""),
    ("/api/v1/agents", {}, "step=1h"),
    ("/api/v1/agents/{agent:path}", {"agent": "agent-3"}, ""),
    ("/api/v1/llm", {}, ""),
    ("/api/v1/llm/{model:path}", _LLAMA, ""),
    ("/api/v1/tools", {}, ""),
    ("/api/v1/tools/{tool:path}", {"tool": "tool-3"}, ""),
    ("/api/v1/services/dependencies", {}, ""),
    ("/api/v1/agents", {}, "session=session-777"),
    ("/api/v1/llm", {}, "user=user-77"),
    ("/api/v1/agents", {}, "model=o3"),
    ("/api/v1/tools", {}, "status=ERROR"),
    ("/api/v1/llm", {}, "min_duration=1s"),
    ("/api/v1/services/dependencies", {}, "min_duration=100ms"),
    ("/api/v1/llm/{model:path}", _LLAMA, "min_duration=1s"),
)

Figure = tuple[str, str, float, str]


@contextlib.contextmanager
def _engine(folder: Path) -> Iterator[Config]:
    ports = fleet.Ports()
    with fleet.engine(folder, ports.engine):
        config = fleet.fleet_config(ports, folder, clickhouse={"insert_timeout_seconds": 600})
        fleet.migrate(config, folder, "--only", "tables")
        yield config


@contextlib.asynccontextmanager
async def _store(config: Config) -> AsyncIterator[Store]:
    pool = ReadPool(config.clickhouse, config.query)
    try:
        yield Store(pool, config.query, time.time_ns, False, config.storage, 10.0)
    finally:
        await pool.close()


async def ask(
    store: Store, path: str, parts: dict[str, str], query: str, rounds: int
) -> list[float]:
    """Return how many seconds each of some rounds of one question took, through its handler.

    Args:
        store: What handlers work with.
        path: The path in the API's table.
        parts: The parameters in the path.
        query: The query string.
        rounds: How often it is asked.
    """
    (endpoint,) = [endpoint for endpoint in ENDPOINTS if endpoint.path == path]
    request = parse_request(endpoint.request, query_pairs(query.encode()), parts)
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        await endpoint.handle(store, Question("", ""), request)
        seconds.append(time.perf_counter() - began)
    return seconds


async def _measure(config: Config, day: LedgerDay, setting: str) -> list[Figure]:
    # Neither end is that of a slot: both edges are read from the ledger.
    period = f"start={day.begin_ns + 7 * SECOND_NS}&end={day.end_ns}"
    figures = []
    async with _store(config) as store:
        for path, parts, query in _QUESTIONS:
            asked = "&".join(filter(None, (period, query)))
            seconds = await ask(store, path, parts, asked, _ROUNDS)
            what = f"{path.removeprefix('/api/v1')} {query}"
            p95 = statistics.quantiles(seconds, n=20)[-1]
            figures.append((what, f"{setting}, median", statistics.median(seconds) * 1_000, "ms"))
            figures.append((what, f"{setting}, p95", p95 * 1_000, "ms"))
    return figures


def _merge(settings: ClickHouseSettings) -> None:
    with connect(settings) as client:
        client.execute("OPTIMIZE TABLE ledger FINAL")


def run() -> list[Figure]:
    """Measure on an engine at rest, through the handlers.

    Returns:
        Rows of (what, setting, value, unit).
    """
    with tempfile.TemporaryDirectory() as folder, _engine(Path(folder)) as config:
        day = LedgerDay(time.time_ns() // DAY_NS * DAY_NS - 2 * DAY_NS, _TRACES)
        with connect(config.clickhouse) as client:
            fill(client, day, spans=False)
        figures = asyncio.run(_measure(config, day, "unmerged"))
        _merge(config.clickhouse)
        return figures + asyncio.run(_measure(config, day, "merged"))
