"""A consumer whose broker is away for long, or not there yet, reads on when it comes."""

import pytest

from contract.broker.brokers import OwnBroker, Reader, publish_all, publishing, reading, run, until
from integration.broker.conftest import TOPIC as NAME
from rak_libs.kafka.errors import TransientKafkaError


async def read_until_seen(reader: Reader, wanted: list[bytes]) -> None:
    await until(lambda: set(wanted) <= set(reader.values), 30, reader.poll)


def test_a_consumer_that_outlives_a_long_absence_joins_again(own_broker: OwnBroker) -> None:
    """By itself aiokafka gives up on a member that asks for nothing for its poll interval."""

    async def scenario() -> None:
        async with (
            publishing(own_broker.settings) as publisher,
            reading(own_broker.settings, NAME, max_poll_interval_seconds=2.0) as r,
        ):
            await publish_all(publisher, NAME, [b"before"])
            await r.read(1)
            own_broker.kill()
            for _ in range(40):
                assert await r.poll(100) == []
            with pytest.raises(TransientKafkaError):
                await r.consumer.check()
            own_broker.launch()
            await publish_all(publisher, NAME, [b"after"])
            await read_until_seen(r, [b"after"])
            await r.consumer.check()
            assert r.values.count(b"before") == 1

    run(scenario())


def test_a_consumer_started_before_its_broker_waits_for_it(own_broker: OwnBroker) -> None:
    async def scenario() -> None:
        own_broker.kill()
        async with reading(own_broker.settings, NAME) as r:
            for _ in range(5):
                assert await r.poll(50) == []
            own_broker.launch()
            async with publishing(own_broker.settings) as publisher:
                await publish_all(publisher, NAME, [b"first"])
                assert await r.read(1) == [b"first"]

    run(scenario())


def test_a_consumer_stops_cleanly_while_its_broker_is_gone(own_broker: OwnBroker) -> None:
    """When aiokafka cancels its own tasks, it must not look as if ours were cancelled."""

    async def scenario() -> None:
        async with publishing(own_broker.settings) as publisher:
            await publish_all(publisher, NAME, [b"before"])
            async with reading(own_broker.settings, NAME) as r:
                await r.read(1)
                own_broker.kill()
                for _ in range(5):
                    await r.poll(100)

    run(scenario())
