import contextlib
from collections.abc import Iterator

import pytest
from clickhouse_driver import Client

import fleet
from rak_libs.clickhouse.connection import connect
from rak_libs.clickhouse.insert import Inserter
from rak_libs.runtime.settings import ClickHouseSettings


@pytest.fixture(scope="module")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseSettings]:
    """A real engine with an empty database."""
    with fleet.engine(tmp_path_factory.mktemp("insert")) as (settings, _):
        client = connect(settings, database="")
        client.execute(f"CREATE DATABASE {settings.database}")
        client.disconnect()
        yield settings


@pytest.fixture
def client(clickhouse: ClickHouseSettings) -> Iterator[Client]:
    client = connect(clickhouse)
    yield client
    client.disconnect()


@pytest.fixture
def inserter(clickhouse: ClickHouseSettings) -> Iterator[Inserter]:
    with contextlib.closing(Inserter(clickhouse)) as inserter:
        yield inserter
