"""A real engine for the tests of the schema, and a database of its own for each of them."""

import itertools
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import fleet
from rak_libs.clickhouse.statements import Statements, quote_identifier
from rak_libs.runtime.settings import ClickHouseSettings, Config, StorageSettings
from rak_services.migrate.config import Target
from rak_services.migrate.files import SchemaFile, load_schema_files, schema_folder
from rak_services.migrate.tables import Waits, migrate_tables

WAITS = Waits(dependencies=20, lock=20, mutations=20)
_database_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseSettings]:
    """The address of an engine that all tests of this folder share."""
    with fleet.engine(tmp_path_factory.mktemp("schema")) as (settings, _):
        yield settings


@pytest.fixture(scope="session")
def files() -> tuple[SchemaFile, ...]:
    """The project's schema files."""
    return load_schema_files(schema_folder())


@pytest.fixture(scope="module")
def statements(engine: ClickHouseSettings) -> Iterator[Statements]:
    """A connection."""
    with Statements(engine) as connection:
        yield connection


@pytest.fixture
def target(statements: Statements) -> Iterator[Target]:
    """A database that does not exist yet; dropped afterwards."""
    name = f"schema_{next(_database_numbers)}"
    yield Target(database=name, cluster="")
    statements.execute(f"DROP DATABASE IF EXISTS {quote_identifier(name)} SYNC")


@pytest.fixture(scope="module")
def shared(statements: Statements, files: tuple[SchemaFile, ...]) -> Iterator[Target]:
    """A database with the whole schema for the tests of one file; its tables take a second."""
    target = Target(database=f"schema_{next(_database_numbers)}", cluster="")
    migrate_tables(statements, target, files, WAITS, "test")
    yield target
    statements.execute(f"DROP DATABASE {quote_identifier(target.database)} SYNC")


@pytest.fixture
def without_spans(statements: Statements, shared: Target) -> Target:
    """The database that the tests of one file share, without spans."""
    for table in ("spans", "trace_times"):
        statements.execute(f"TRUNCATE TABLE {shared.qualified(table)}")
    return shared


@pytest.fixture
def migrated(statements: Statements, target: Target, files: tuple[SchemaFile, ...]) -> Target:
    """A database with the whole schema."""
    migrate_tables(statements, target, files, WAITS, "test")
    return target


@pytest.fixture
def config(engine: ClickHouseSettings, target: Target) -> Config:
    """A configuration for `rak-migrate` and the database of `target`."""
    return _config(engine, target.database, days=30)


@pytest.fixture
def config_with_days(engine: ClickHouseSettings, target: Target) -> Callable[[int], Config]:
    """Makes configurations that differ in the days that spans are kept."""
    return lambda days: _config(engine, target.database, days)


def _config(engine: ClickHouseSettings, database: str, days: int) -> Config:
    return Config(
        clickhouse=ClickHouseSettings(url=engine.url, database=database),
        storage=StorageSettings(spans_retention_days=days),
    )


@pytest.fixture
def rak_migrate(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `rak-migrate` as a process on tables only, to its end."""

    def run(config: Config, *arguments: str) -> subprocess.CompletedProcess[str]:
        path = fleet.write_config(config, tmp_path / "rak.toml")
        command = [str(fleet.CONSOLE_SCRIPTS / "rak-migrate"), *arguments]
        command += ["--only", "tables", "--config", str(path)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    return run
