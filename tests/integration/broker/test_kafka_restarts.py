"""What of a group survives the death of the broker that keeps it (docs/adr/0008)."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka
from aiokafka.structs import OffsetAndMetadata

from contract.broker.brokers import OwnKafka, run
from fleet import require_kafka
from integration.broker.conftest import TOPIC, empty_topic
from integration.broker.group_member import GroupMember, member
from rak_libs.kafka.positions import Start

INTENT = Start(0, '{"v":1,"e":9,"b":"0123456789abcdef0123456789abcdef"}')
AWAY = (kafka.KafkaError, OSError)


@pytest.fixture
def broker(own_kafka: OwnKafka) -> OwnKafka:
    require_kafka()
    if not own_kafka.is_running:
        own_kafka.start()
    asyncio.run(empty_topic(own_kafka))
    return own_kafka


async def found_again(member: GroupMember) -> Start | None:
    """What is committed, as soon as the broker answers and has loaded its groups."""
    while True:
        try:
            return await member.committed()
        except AWAY:
            await asyncio.sleep(0.05)


def test_offsets_notes_and_memberships_survive_kill_9(broker: OwnKafka) -> None:
    """A member goes on in its generation when the broker is back."""

    async def scenario() -> None:
        async with member(broker.settings, TOPIC, "survivors") as a:
            await a.join()
            await a.sync()
            assert await a.commit(INTENT) is kafka.NoError
            broker.kill()
            with pytest.raises(AWAY):
                await a.commit(Start(0, "lost"))
            broker.launch()
            assert await found_again(a) == INTENT
            assert await a.commit(Start(0, "after")) is kafka.NoError
            assert await a.committed() == Start(0, "after")

    run(scenario())


def test_a_commit_of_aiokafka_repeats_itself_for_as_long_as_the_broker_is_away(
    broker: OwnKafka,
) -> None:
    """It raises nothing; our own commit has a deadline and no other membership than it began in."""

    async def scenario() -> None:
        partition = TopicPartition(TOPIC, 0)
        plain = AIOKafkaConsumer(
            bootstrap_servers=broker.settings.bootstrap_servers, group_id="repeats"
        )
        plain.assign([partition])
        await plain.start()
        async with member(broker.settings, TOPIC) as other:
            await plain.commit({partition: OffsetAndMetadata(0, "before")})
            broker.kill()
            committing = asyncio.create_task(
                plain.commit({partition: OffsetAndMetadata(0, "after")})
            )
            with pytest.raises(AWAY):
                await other.committed()
            broker.launch()
            await found_again(other)
            await committing
            await plain.stop()

    run(scenario())
