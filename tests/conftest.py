import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from fleet import kafka
from rak_libs.runtime.settings import KafkaSettings

# Nothing is timed: machines are shared.
settings.register_profile("untimed", settings.default, deadline=None)
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse two tests of one id: only one of them would run beside other tests."""
    twice = [each for each, tests in Counter(item.nodeid for item in items).items() if tests > 1]
    if twice:
        raise pytest.UsageError(f"several tests have the id {', '.join(twice)}")


class FolderScheduling(LoadScopeScheduling):
    """Keeps tests that share processes in one test process: those of a folder.

    Every file in `faults` has a fleet of its own, every test in `integration/writer` an engine, so
    each file may run beside the others; those in `faults/delivery` share a fleet.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        folder = file.rpartition("/")[0]
        return file if folder.endswith(("faults", "integration/writer")) else folder


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FolderScheduling:
    """Say how `make test` divides the tests."""
    return FolderScheduling(config, log)


def _descendants() -> set[int]:
    return {child.pid for child in psutil.Process(os.getpid()).children(recursive=True)}


@pytest.fixture(scope="session", autouse=True)
def no_process_is_left_behind() -> Iterator[None]:
    """Whatever the tests started is gone when they end."""
    before = _descendants()
    yield
    left = [psutil.Process(pid) for pid in _descendants() - before if psutil.pid_exists(pid)]
    running = [p for p in left if p.status() != psutil.STATUS_ZOMBIE]
    assert [" ".join(p.cmdline()) for p in running] == []


@pytest.fixture(scope="session")
def shared_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaSettings]:
    """One Apache Kafka for every test that neither kills nor stops it.

    Topics stay from test to test: use names of the test's own, or make them anew.
    """
    with kafka(tmp_path_factory.mktemp("kafka")) as (settings, _):
        yield settings
