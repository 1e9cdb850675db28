"""A real engine for the tests of the ledger, whose tables are empty for each of them."""

from collections.abc import Iterator

import msgspec
import pytest

import fleet
from rak_libs.clickhouse.insert import Inserter
from rak_libs.clickhouse.statements import Statements
from rak_libs.model.ledger import LEDGER, SUMMARY_STATES, TRACE_TOTALS
from rak_libs.runtime.settings import Config
from rak_services.migrate.config import Target
from rak_services.migrate.files import load_schema_files, schema_folder
from rak_services.migrate.tables import Waits, migrate_tables

DERIVED = (LEDGER.name, TRACE_TOTALS.name, *(table.name for table in SUMMARY_STATES))


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Config]:
    """A configuration whose database has the whole schema."""
    with fleet.engine(tmp_path_factory.mktemp("ledger")) as (engine, _):
        with Statements(engine) as statements:
            files = load_schema_files(schema_folder())
            migrate_tables(statements, Target("ledgers", ""), files, Waits(20, 20, 20), "test")
        yield Config(clickhouse=msgspec.structs.replace(engine, database="ledgers"))


@pytest.fixture
def inserter(migrated: Config) -> Iterator[Inserter]:
    """The way into the tables, and back; they are empty."""
    inserter = Inserter(migrated.clickhouse)
    for table in ("spans", "trace_times", "derive_progress", *DERIVED):
        inserter.execute(f"TRUNCATE TABLE {table}")
    yield inserter
    inserter.close()
