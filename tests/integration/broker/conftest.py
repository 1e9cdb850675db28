from collections.abc import Iterator

import pytest

from contract.broker.brokers import EmbeddedBroker


@pytest.fixture(scope="module")
def shared_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker(tmp_path_factory.mktemp("broker"))
    yield broker
    broker.kill()


@pytest.fixture
def broker(shared_broker: EmbeddedBroker) -> EmbeddedBroker:
    """The module's broker, running and empty."""
    shared_broker.kill()
    shared_broker.start()
    return shared_broker
