"""Administration: topics as the configuration wants them, offsets as they are."""

import asyncio
import time

import msgspec
import pytest
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from contract.broker.brokers import Broker, publishing, reading, run, topic
from rak_libs.kafka.admin import (
    KafkaAdmin,
    TopicSteps,
    connect,
    delete_topics,
    ensure_topics,
    topic_configuration,
    topic_lag,
    topic_steps,
)
from rak_libs.kafka.errors import TransientKafkaError
from rak_libs.kafka.topics import DATA_TOPICS, TOPICS, dead_letter_topic

NOTHING = TopicSteps([], [])


async def configuration(admin: KafkaAdmin, name: str) -> dict[str, str]:
    """What the broker says about a topic."""
    asked = [ConfigResource(ConfigResourceType.TOPIC, name)]
    (answer,) = await admin._client.describe_configs(asked)
    ((_, _, _, _, entries),) = answer.resources
    return {entry[0]: entry[1] for entry in entries}


def test_every_topic_and_its_dead_letter_topic_is_made_once(broker: Broker) -> None:
    async def scenario() -> None:
        await delete_topics(broker.settings, TOPICS)
        assert await topic_steps(broker.settings) == TopicSteps(list(TOPICS), [])
        assert await ensure_topics(broker.settings) == TopicSteps(list(TOPICS), [])
        assert await ensure_topics(broker.settings) == NOTHING
        assert await topic_steps(broker.settings) == NOTHING
        async with connect(broker.settings) as admin:
            present = await admin.topics()
        for name in (*DATA_TOPICS, *map(dead_letter_topic, DATA_TOPICS)):
            assert present[name] == broker.settings.partitions

    run(scenario())


def test_a_topic_has_the_configuration_that_was_asked_for(broker: Broker, name: str) -> None:
    settings = broker.with_settings(max_message_bytes=3_000_000)
    # One broker has one copy, and a configuration file that wants two in sync of one is refused.
    msgspec.structs.force_setattr(settings, "min_insync_replicas", 2)

    async def scenario() -> dict[str, str]:
        async with topic(settings, name) as admin:
            return await configuration(admin, name)

    found = run(scenario())
    wanted = topic_configuration(name, settings)
    assert wanted["message.timestamp.type"] == "LogAppendTime"
    assert wanted["compression.type"] == "zstd"
    assert wanted["max.message.bytes"] == "3000000"
    assert wanted["min.insync.replicas"] == "2"
    assert {key: found[key] for key in wanted} == wanted


def test_a_topic_that_somebody_else_made_is_dated_by_the_broker_and_else_left_alone(
    broker: Broker, name: str
) -> None:
    async def scenario() -> None:
        async with topic(broker.settings, name) as admin:
            await admin.delete([name])
            own = {"retention.ms": "123456", "message.timestamp.type": "CreateTime"}
            await admin._client.create_topics([NewTopic(name, 4, 1, topic_configs=own)])
            await admin._until(lambda present: name in present, f"creating {name}")
            steps = TopicSteps([], [name])
            assert await admin.steps([name]) == steps
            assert steps.titles == [f"let the broker date the records of {name}"]
            assert await admin.ensure([name]) == steps
            assert await admin.ensure([name]) == NOTHING
            found = await configuration(admin, name)
        assert found["message.timestamp.type"] == "LogAppendTime"
        assert found["retention.ms"] == "123456"

    run(scenario())


def test_two_migrations_at_once_both_succeed(broker: Broker) -> None:
    async def scenario() -> None:
        await delete_topics(broker.settings, TOPICS)
        await asyncio.gather(*(ensure_topics(broker.settings) for _ in range(4)))
        assert await topic_steps(broker.settings) == NOTHING

    run(scenario())


def test_deleting_what_does_not_exist_is_fine(broker: Broker, name: str) -> None:
    run(delete_topics(broker.settings, [name]))


def test_a_recreated_topic_is_empty_and_no_group_has_offsets_in_it(
    broker: Broker, name: str
) -> None:
    async def scenario() -> None:
        async with topic(broker.settings, name) as admin, publishing(broker.settings) as publisher:
            for number in range(20):
                await publisher.publish(name, b"%d" % number, [])
            async with reading(broker.settings, name) as reader:
                await reader.read(20)
            assert sum((await admin.end_offsets([name])).values()) == 20
            await admin.recreate([name])
            assert set((await admin.end_offsets([name])).values()) == {0}
            assert set((await admin.committed(f"{name}-group", [name])).values()) == {None}

    run(scenario())


def test_lag_counts_every_record_of_a_batch(broker: Broker, name: str) -> None:
    """The embedded broker lists the end of a log too low when its last batch has many records."""

    async def scenario() -> None:
        async with topic(broker.settings, name), publishing(broker.settings) as publisher:
            await publisher.publish(name, b"first", [])
            await asyncio.gather(*(publisher.publish(name, b"x", []) for _ in range(200)))
            assert await topic_lag(broker.settings, f"{name}-group", [name]) == 201
            async with reading(broker.settings, name) as reader:
                await reader.read(201)
                assert await topic_lag(broker.settings, f"{name}-group", [name]) == 0

    run(scenario())


def test_topics_that_do_not_exist_have_no_lag_and_are_not_made_by_asking(
    broker: Broker, name: str
) -> None:
    async def scenario() -> None:
        assert await topic_lag(broker.settings, "any", [name]) == 0
        async with connect(broker.settings) as admin:
            assert name not in await admin.topics()

    run(scenario())


def test_no_broker_is_transient_soon_and_names_the_address(broker: Broker) -> None:
    async def scenario() -> None:
        nowhere = broker.with_settings(bootstrap_servers="127.0.0.1:1")
        began = time.monotonic()
        with pytest.raises(TransientKafkaError, match=r"127\.0\.0\.1:1"):
            await ensure_topics(nowhere)
        assert time.monotonic() - began < 5

    run(scenario())
