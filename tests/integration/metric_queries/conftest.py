from collections.abc import Iterator

import pytest

import fleet
from rak_libs.runtime.settings import Config


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Config]:
    """An engine with the project's schema, and the configuration that leads to it."""
    folder = tmp_path_factory.mktemp("metric_queries")
    ports = fleet.Ports()
    with fleet.engine(folder, ports.engine):
        settings = fleet.fleet_config(ports, folder)
        fleet.migrate(settings, folder, "--only", "tables")
        yield settings
