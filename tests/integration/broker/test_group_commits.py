"""Whose commits Apache Kafka accepts, and what becomes of what was committed.

A writer's intent is an offset with a note, and stands on these answers (docs/adr/0008).
"""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka
from aiokafka.structs import OffsetAndMetadata

from contract.broker.brokers import Broker, publishing, reading, run, shared_broker, topic
from integration.broker.group_member import GroupMember, member
from rak_libs.kafka.admin import KafkaAdmin
from rak_libs.kafka.errors import PermanentKafkaError
from rak_libs.kafka.positions import Committed, Start
from rak_libs.runtime.settings import KafkaSettings

INTENT = Start(5, '{"v":1,"e":9,"b":"0123456789abcdef0123456789abcdef"}')
OTHER = Start(7, "another")
LONGEST_NOTE = 4096
"""The default of the broker's `offset.metadata.max.bytes`."""


@pytest.fixture(scope="module")
def broker(shared_kafka: KafkaSettings) -> Broker:
    return shared_broker(shared_kafka)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return "commits_" + "".join(c if c.isalnum() else "_" for c in request.node.name)[:80]


async def joined(*members: GroupMember) -> None:
    """Let members join together and learn what is theirs."""
    await asyncio.gather(*(each.join() for each in members))
    await asyncio.gather(*(each.sync() for each in members))


async def rebalance_announced(to: GroupMember) -> None:
    """Return when a member is told that another wants to join."""
    while await to.heartbeat() is not kafka.RebalanceInProgressError:  # noqa: ASYNC110 - it polls
        await asyncio.sleep(0.01)


def test_only_the_current_member_of_the_current_generation_may_commit(
    broker: Broker, name: str
) -> None:
    """What is refused changes neither the offset nor the note."""

    async def scenario() -> None:
        async with topic(broker.settings, name), member(broker.settings, name) as a:
            await joined(a)
            assert await a.commit(INTENT) is kafka.NoError
            old, future = a.generation - 1, a.generation + 1
            assert await a.commit(OTHER, generation=old) is kafka.IllegalGenerationError
            assert await a.commit(OTHER, generation=future) is kafka.IllegalGenerationError
            assert await a.commit(OTHER, member_id="nobody") is kafka.UnknownMemberIdError
            assert await a.commit(OTHER, -1, "") is kafka.UnknownMemberIdError
            assert await a.committed() == INTENT

    run(scenario())


def test_a_group_without_members_takes_the_commit_of_anybody_who_names_no_generation(
    broker: Broker, name: str
) -> None:
    """Which is why a commit here always names the membership that the records came under."""

    async def scenario() -> None:
        async with topic(broker.settings, name), member(broker.settings, name) as a:
            await joined(a)
            assert await a.commit(INTENT) is kafka.NoError
            await a.leave()
            assert await a.commit(OTHER) is kafka.UnknownMemberIdError
            assert await a.committed() == INTENT
            assert await a.commit(OTHER, -1, "") is kafka.NoError
            assert await a.committed() == OTHER

    run(scenario())


def test_during_a_rebalance_commits_are_accepted_until_their_member_has_joined_again(
    broker: Broker, name: str
) -> None:
    """Between joining and learning what is its own, not even the new generation may commit."""

    async def scenario() -> None:
        settings = broker.settings
        async with topic(settings, name), member(settings, name) as a, member(settings, name) as b:
            await joined(a)
            arriving = asyncio.create_task(b.join())
            await rebalance_announced(a)
            assert await a.commit(INTENT) is kafka.NoError
            assert await a.committed() == INTENT
            before = a.generation
            await asyncio.gather(arriving, a.join())
            assert a.generation == b.generation == before + 1
            assert await a.commit(OTHER, generation=before) is kafka.IllegalGenerationError
            for each in (a, b):
                assert await each.commit(OTHER) is kafka.RebalanceInProgressError
            assert await a.committed() == INTENT
            await asyncio.gather(a.sync(), b.sync())
            assert await b.commit(OTHER) is kafka.NoError

    run(scenario())


@pytest.mark.parametrize("successor", [True, False])
def test_a_member_whose_session_is_over_commits_nothing(
    broker: Broker, name: str, *, successor: bool
) -> None:
    """Whether or not there is another member by then."""

    async def scenario() -> None:
        settings = broker.settings
        async with (
            topic(settings, name) as admin,
            member(settings, name, session_ms=1_000) as zombie,
            member(settings, name) as b,
        ):
            await joined(zombie)
            assert await zombie.commit(INTENT) is kafka.NoError
            if successor:
                await joined(b)
            else:
                await emptied(admin, f"{name}-group")
            assert await zombie.commit(OTHER) is kafka.UnknownMemberIdError
            assert await zombie.heartbeat() is kafka.UnknownMemberIdError
            assert await zombie.committed() == INTENT

    run(scenario())


async def emptied(admin: KafkaAdmin, group: str) -> None:
    """Return when the broker has given up every member of a group."""
    while True:
        (answer,) = await admin._client.describe_consumer_groups([group])
        if answer.groups[0][2] == "Empty":
            return
        await asyncio.sleep(0.05)


def test_a_note_has_a_longest_length_in_characters_and_a_longer_one_changes_nothing(
    broker: Broker, name: str
) -> None:
    async def scenario() -> None:
        async with topic(broker.settings, name), member(broker.settings, name) as a:
            await joined(a)
            longest = Start(5, "é" * LONGEST_NOTE)
            assert await a.commit(longest) is kafka.NoError
            too_long = Start(6, "x" * (LONGEST_NOTE + 1))
            assert await a.commit(too_long) is kafka.OffsetMetadataTooLargeError
            assert await a.committed() == longest

    run(scenario())


def test_a_consumer_is_told_for_good_that_its_note_is_too_long(broker: Broker, name: str) -> None:
    async def scenario() -> None:
        async with topic(broker.settings, name), reading(broker.settings, name) as reader:
            await reader.join(4)
            partition = TopicPartition(name, 0)
            with pytest.raises(PermanentKafkaError, match="OffsetMetadataTooLarge"):
                await reader.consumer.commit({partition: 0}, {partition: "x" * 5_000})
            await reader.consumer.commit({partition: 0}, {partition: "x"})

    run(scenario())


def test_a_probe_of_a_member_that_died_is_taken_for_no_note(broker: Broker, name: str) -> None:
    """It is replaced, and proves nothing about notes that somebody meant."""

    async def scenario() -> None:
        async with topic(broker.settings, name), member(broker.settings, name) as a:
            await joined(a)
            assert await a.commit(Start(0, "rak-probe")) is kafka.NoError
            await a.leave()
            async with reading(broker.settings, name) as reader:
                await reader.join(4)
                (starts,) = reader.assigned
                assert set(starts.values()) == {Start(0, "")}
            assert (await a.committed() or INTENT).note.startswith("@")

    run(scenario())


def test_what_a_group_committed_goes_with_its_topic_and_may_come_again(
    broker: Broker, name: str
) -> None:
    """A member that does not notice commits an offset of the old log in the new one."""

    async def scenario() -> None:
        async with topic(broker.settings, name) as admin, member(broker.settings, name) as a:
            await joined(a)
            assert await a.commit(INTENT) is kafka.NoError
            await admin.delete([name])
            assert await a.commit(OTHER) is kafka.UnknownTopicOrPartitionError
            while await a.committed() is not None:  # noqa: ASYNC110 - the broker tells nobody
                await asyncio.sleep(0.005)
            await admin.ensure([name])
            assert await a.committed() is None
            assert await a.commit(OTHER) is kafka.NoError
            assert await a.committed() == OTHER

    run(scenario())


def test_an_offset_committed_for_a_deleted_topic_is_none_in_its_successor(
    broker: Broker, name: str
) -> None:
    """The note goes with it: both were about another log."""
    stale = Committed(7, INTENT.note, topic_id="0" * 31 + "1")

    async def scenario() -> None:
        async with (
            topic(broker.settings, name),
            publishing(broker.settings) as publisher,
            member(broker.settings, name) as a,
        ):
            for number in range(20):
                await publisher.publish(name, b"%d" % number, [], 0)
            await joined(a)
            assert await a.commit(Start(7, stale.metadata)) is kafka.NoError
            await a.leave()
            async with reading(broker.settings, name) as reader:
                await reader.read(20)
            assert reader.assigned[0][TopicPartition(name, 0)] == Start(0, "")

    run(scenario())


def test_a_consumer_of_aiokafka_stores_metadata_and_tells_nobody(broker: Broker, name: str) -> None:
    async def scenario() -> None:
        partition = TopicPartition(name, 0)
        async with topic(broker.settings, name) as admin:
            plain = AIOKafkaConsumer(
                bootstrap_servers=broker.settings.bootstrap_servers, group_id=f"{name}-group"
            )
            plain.assign([partition])
            await plain.start()
            try:
                await plain.commit({partition: OffsetAndMetadata(0, "a note")})
                assert await plain.committed(partition) == 0
            finally:
                await plain.stop()
            found = await admin._client.list_consumer_group_offsets(f"{name}-group")
            assert found == {partition: OffsetAndMetadata(0, "a note")}

    run(scenario())
