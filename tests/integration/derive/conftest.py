"""A real engine for the tests of rollups, and a database of its own for each of them."""

import itertools
from collections.abc import Iterator

import msgspec
import pytest

import fleet
from rak_libs.clickhouse.insert import Inserter
from rak_libs.clickhouse.statements import Statements, quote_identifier
from rak_libs.model.metric_rollups import PROGRESS, ROLLUP_TABLES
from rak_libs.model.metrics import METRIC_TABLES
from rak_libs.runtime.settings import ClickHouseSettings, Config, DeriveSettings
from rak_services.derive.metrics.rollups import MetricRollups
from rak_services.migrate.config import Target
from rak_services.migrate.files import load_schema_files, schema_folder
from rak_services.migrate.tables import Waits, migrate_tables
from rollup_instances import rollups_of

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseSettings]:
    """The address of an engine that all tests of this folder share."""
    with fleet.engine(tmp_path_factory.mktemp("derive")) as (settings, _):
        yield settings


@pytest.fixture(scope="module")
def migrated(engine: ClickHouseSettings) -> Iterator[Config]:
    """A configuration whose database has the whole schema."""
    name = f"derive_{next(_numbers)}"
    with Statements(engine) as statements:
        files = load_schema_files(schema_folder())
        migrate_tables(statements, Target(name, ""), files, Waits(20, 20, 20), "test")
        yield Config(
            clickhouse=msgspec.structs.replace(engine, database=name),
            derive=DeriveSettings(settle_seconds=0.001, points_per_statement=100_000),
        )
        statements.execute(f"DROP DATABASE {quote_identifier(name)} SYNC")


@pytest.fixture
def inserter(migrated: Config) -> Iterator[Inserter]:
    """The way into the tables, and back; they are empty."""
    inserter = Inserter(migrated.clickhouse)
    for table in (*METRIC_TABLES, *ROLLUP_TABLES, PROGRESS):
        inserter.execute(f"TRUNCATE TABLE {table.name}")
    yield inserter
    inserter.close()


@pytest.fixture
def rollups(migrated: Config, inserter: Inserter) -> MetricRollups:
    """What the service runs, without the service."""
    return rollups_of(migrated, inserter)


@pytest.fixture
def without_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look only at what has arrived since the last look, which here was a moment ago."""
    monkeypatch.setattr("rak_services.derive.metrics.rollups.OVERLAP_MS", 0)
