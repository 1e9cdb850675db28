import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

import fleet
from integration.query.api_client import Api
from integration.query.known_spans import SECOND, KnownSpan, make_spans, request_of, store
from rak_libs.clickhouse.connection import connect
from rak_libs.model.logs import LOGS
from rak_libs.model.profiles import CPU_PROFILES, MEMORY_PROFILES
from rak_libs.runtime.settings import ClickHouseSettings, Config, QuerySettings

ENDLESS = """
CREATE VIEW endless.{table} AS
SELECT
    toFixedString(lower(hex(sipHash128(number))), 32) AS trace_id,
    now64(9, 'UTC') AS timestamp,
    timestamp AS start,
    timestamp AS end,
    toDateTime64(0, 3, 'UTC') AS inserted_at,
    toString(number % 10) AS service_name,
    'name' AS span_name,
    'CLIENT' AS span_kind,
    'OK' AS status_code,
    1 AS duration_ns
FROM numbers(1000000000000)
"""


ENDLESS_ROWS = """
CREATE VIEW endless.{table} AS
SELECT {columns}, toDateTime64(0, 3, 'UTC') AS inserted_at
FROM numbers(1000000000000)
"""
COUNTED = {
    "position": "toUInt32(number)",
    "profile_id": "lower(hex(sipHash128(number)))",
    "timestamp": "fromUnixTimestamp64Nano(toInt64(number), 'UTC')",
}


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Config]:
    """An engine with the project's schema, and the configuration that leads to it."""
    folder = tmp_path_factory.mktemp("query")
    ports = fleet.Ports()
    with fleet.engine(folder, ports.engine):
        settings = fleet.fleet_config(ports, folder)
        fleet.migrate(settings, folder, "--only", "tables")
        yield settings


@pytest.fixture(scope="session")
def clickhouse(config: Config) -> ClickHouseSettings:
    """The engine's address."""
    return config.clickhouse


@pytest.fixture(scope="session")
def api(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The query service on that engine, as its own process."""
    with fleet.service("rak-query", config, tmp_path_factory.mktemp("api")) as service:
        port = config.server.query_api_port
        service.wait_ready(port)
        yield Api(f"http://127.0.0.1:{port}")


@contextlib.contextmanager
def query_service(
    config: Config, folder: Path, limits: QuerySettings
) -> Iterator[tuple[Api, fleet.Service]]:
    """A query service of its own, with other limits."""
    port = fleet.free_port()
    server = msgspec.structs.replace(config.server, query_api_port=port)
    changed = msgspec.structs.replace(config, server=server, query=limits)
    with fleet.service("rak-query", changed, folder) as service:
        service.wait_ready(port)
        yield Api(f"http://127.0.0.1:{port}"), service


@dataclass
class Corpus:
    """Stored spans; those of the first traces are stored twice, as at-least-once may."""

    spans: list[KnownSpan]
    stored: list[KnownSpan]
    start: int
    end: int

    @property
    def period(self) -> dict[str, str]:
        """The parameters of its time range."""
        return {"start": str(self.start), "end": str(self.end)}


@pytest.fixture(scope="session")
def corpus(clickhouse: ClickHouseSettings) -> Corpus:
    """Random traces over ten minutes of the day before yesterday."""
    now = time.time_ns()
    start = now - 2 * 86_400 * SECOND
    spans = make_spans(seed=7, traces=80, first=start)
    again = spans[:60]
    store(clickhouse, request_of(spans), now)
    store(clickhouse, request_of(again), now)
    return Corpus(spans, spans + again, start, start + 700 * SECOND)


def nothing(type_: str) -> str:
    """Return the default value of a type as SQL."""
    return f"defaultValueOfTypeName($${type_}$$)"


@pytest.fixture(scope="session")
def endless(config: Config) -> Config:
    """A database in which every question takes hours."""
    with connect(config.clickhouse) as client:
        client.execute("CREATE DATABASE endless")
        for table in ("spans", "trace_times"):
            client.execute(ENDLESS.format(table=table))
        for stored in (LOGS, CPU_PROFILES, MEMORY_PROFILES):
            columns = ", ".join(
                f"{COUNTED.get(column.name) or nothing(column.type)} AS `{column.name}`"
                for column in stored.stored_columns
            )
            client.execute(ENDLESS_ROWS.format(table=stored.name, columns=columns))
    settings = msgspec.structs.replace(config.clickhouse, database="endless")
    return msgspec.structs.replace(config, clickhouse=settings)
