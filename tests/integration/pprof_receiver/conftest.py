from collections.abc import Iterator

import pytest

from integration.pprof_receiver.agents import PprofReceiver, pprof_receiver_with_broker


@pytest.fixture(scope="package")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PprofReceiver]:
    """A receiver with the default limits, and its broker; all tests here share it."""
    folder = tmp_path_factory.mktemp("pprof-receiver")
    often = {"status_interval_seconds": 0.2}
    with pprof_receiver_with_broker(folder, server=often) as running:
        yield running
