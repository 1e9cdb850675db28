"""How long one question takes, asked of an engine at rest through its handler."""

import contextlib
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import fleet
from rak_libs.clickhouse.select import ReadPool
from rak_libs.runtime.settings import Config
from rak_services.query.endpoint import Question, Store
from rak_services.query.endpoints import ENDPOINTS
from rak_services.query.parsing import parse_request, query_pairs

_ROUNDS = 20

Figure = tuple[str, str, float, str]
"""What, setting, value, unit."""

Asked = tuple[str, dict[str, str], str]
"""The path in the API's table, the parameters in the path, the query string."""


@contextlib.contextmanager
def empty_engine(folder: Path) -> Iterator[Config]:
    """Start an engine with the project's schema."""
    ports = fleet.Ports()
    with fleet.engine(folder, ports.engine):
        config = fleet.fleet_config(ports, folder, clickhouse={"insert_timeout_seconds": 600})
        fleet.migrate(config, folder, "--only", "tables")
        yield config


@contextlib.asynccontextmanager
async def store_of(config: Config) -> AsyncIterator[Store]:
    """Give what handlers work with."""
    pool = ReadPool(config.clickhouse, config.query)
    try:
        yield Store(pool, config.query, time.time_ns, False, config.storage, 10.0)
    finally:
        await pool.close()


async def times_of(store: Store, asked: Asked, what: str, setting: str) -> list[Figure]:
    """Ask one question again and again; return the median and the 95th percentile."""
    path, parts, query = asked
    (endpoint,) = [endpoint for endpoint in ENDPOINTS if endpoint.path == path]
    request = parse_request(endpoint.request, query_pairs(query.encode()), parts)
    milliseconds = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        await endpoint.handle(store, Question("", ""), request)
        milliseconds.append((time.perf_counter() - began) * 1_000)
    what = " ".join(filter(None, (path.removeprefix("/api/v1"), what)))
    p95 = statistics.quantiles(milliseconds, n=20)[-1]
    return [
        (what, f"{setting}median", statistics.median(milliseconds), "ms"),
        (what, f"{setting}p95", p95, "ms"),
    ]
