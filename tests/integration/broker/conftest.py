import asyncio
from collections.abc import Iterator

import pytest

from contract.broker.brokers import EmbeddedBroker, OwnBroker, OwnKafka
from fleet import require_kafka
from rak_libs.kafka.admin import connect

TOPIC = "integration_own_broker"


@pytest.fixture(scope="module")
def shared_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker(tmp_path_factory.mktemp("broker"))
    yield broker
    broker.kill()


@pytest.fixture
def broker(shared_broker: EmbeddedBroker) -> EmbeddedBroker:
    """The module's embedded broker, running and empty."""
    shared_broker.kill()
    shared_broker.start()
    return shared_broker


@pytest.fixture(scope="package")
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnKafka]:
    require_kafka()
    broker = OwnKafka(tmp_path_factory.mktemp("kafka"))
    yield broker
    broker.kill()


@pytest.fixture(params=["embedded", "kafka"])
def own_broker(request: pytest.FixtureRequest) -> OwnBroker:
    """Either broker, running, its topic `TOPIC` empty; tests may kill it."""
    if request.param == "embedded":
        embedded: EmbeddedBroker = request.getfixturevalue("broker")
        return embedded
    kafka: OwnKafka = request.getfixturevalue("own_kafka")
    if not kafka.is_running:
        kafka.start()
    asyncio.run(empty_topic(kafka))
    return kafka


async def empty_topic(kafka: OwnKafka) -> None:
    async with connect(kafka.settings) as admin:
        await admin.recreate([TOPIC])
