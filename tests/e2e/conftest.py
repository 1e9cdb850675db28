from collections.abc import Iterator

import pytest

from fleet import Fleet, fleet


@pytest.fixture(scope="package")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """One whole fleet, started as `make run` starts it, shared by the tests of this folder."""
    with fleet(tmp_path_factory.mktemp("fleet")) as running:
        yield running
