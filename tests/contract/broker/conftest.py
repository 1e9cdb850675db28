"""Both brokers: the embedded one, and Apache Kafka."""

from collections.abc import Iterator

import pytest

from contract.broker.brokers import Broker, EmbeddedBroker, shared_broker


@pytest.fixture(scope="module", params=["embedded", "kafka"])
def broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    if request.param == "kafka":
        yield shared_broker(request.getfixturevalue("shared_kafka"))
        return
    embedded = EmbeddedBroker(tmp_path_factory.mktemp("broker"))
    embedded.start()
    yield embedded
    embedded.kill()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A topic name of the test's own."""
    return "contract_" + "".join(c if c.isalnum() else "_" for c in request.node.name)
