"""Every broker that is at hand: the embedded one, and `RAK_TEST_KAFKA=host:port` when it is set."""

import os
from collections.abc import Iterator

import pytest

from contract.broker.brokers import Broker, EmbeddedBroker, external_broker

EXTERNAL = os.environ.get("RAK_TEST_KAFKA")


@pytest.fixture(scope="module", params=["embedded", *(["kafka"] if EXTERNAL else [])])
def broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    if request.param == "kafka":
        assert EXTERNAL is not None
        yield external_broker(EXTERNAL)
        return
    embedded = EmbeddedBroker(tmp_path_factory.mktemp("broker"))
    embedded.start()
    yield embedded
    embedded.kill()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A topic name of the test's own."""
    return "contract_" + "".join(c if c.isalnum() else "_" for c in request.node.name)
