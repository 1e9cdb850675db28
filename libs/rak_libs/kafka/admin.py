import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from rak_libs.kafka.aiokafka_seams import alter_topics, existing_topics, log_ends
from rak_libs.kafka.errors import PermanentKafkaError, TransientKafkaError, translate
from rak_libs.kafka.topics import DEAD_LETTER_SUFFIX, TOPICS
from rak_libs.runtime.settings import KafkaSettings

_REQUEST_SECONDS = 10.0
_SETTLE_SECONDS = 15.0
_SETTLE_POLL_SECONDS = 0.05
_DAY_MS = 24 * 3600 * 1000
RETENTION_DAYS: Final = 7
"""How long a topic keeps its records: the time a writer may be away without loss."""
DEAD_LETTER_RETENTION_DAYS: Final = 30
"""How long a dead-letter topic keeps them: the time to look at them and send them again."""
_DATING: Final = "message.timestamp.type"
_BY_BROKER: Final = "LogAppendTime"


class TopicSteps(NamedTuple):
    """What topics need, or what was done to them.

    Attributes:
        create: Topics that are missing.
        date_by_broker: Topics whose records are dated by whoever publishes them, and shall be dated
            by the broker.
    """

    create: list[str]
    date_by_broker: list[str]

    @property
    def titles(self) -> list[str]:
        """One line for each step."""
        dating = [f"let the broker date the records of {name}" for name in self.date_by_broker]
        return [f"create topic {name}" for name in self.create] + dating


def topic_configuration(name: str, settings: KafkaSettings) -> dict[str, str]:
    """Broker-side configuration of a topic, in Kafka's own names and units."""
    dead_letters = name.endswith(DEAD_LETTER_SUFFIX)
    days = DEAD_LETTER_RETENTION_DAYS if dead_letters else RETENTION_DAYS
    return {
        "cleanup.policy": "delete",
        "compression.type": "zstd",
        "max.message.bytes": str(settings.max_message_bytes),
        # A producer's clock must not decide what is too old to be kept.
        _DATING: _BY_BROKER,
        "min.insync.replicas": str(settings.min_insync_replicas),
        "retention.ms": str(days * _DAY_MS),
    }


class KafkaAdmin:
    """Creates and deletes topics and reads offsets over one pair of connections (`connect`)."""

    def __init__(
        self, settings: KafkaSettings, client: AIOKafkaAdminClient, reader: AIOKafkaConsumer
    ) -> None:
        self._settings = settings
        self._client = client
        self._reader = reader

    async def topics(self) -> dict[str, int]:
        """Names of the topics that exist and how many partitions each has."""
        async with _asking("listing topics"):
            return await existing_topics(self._client)

    async def steps(self, names: Sequence[str] = TOPICS) -> TopicSteps:
        """What `ensure` would do."""
        present = await self.topics()
        missing = [name for name in names if name not in present]
        existing = [name for name in names if name in present]
        return TopicSteps(missing, await self._dated_by_producers(existing))

    async def ensure(self, names: Sequence[str] = TOPICS) -> TopicSteps:
        """Create missing topics, add missing partitions, let the broker date; safe to repeat.

        Every other setting of a topic that exists stays as somebody made it.

        Returns:
            What was done.
        """
        present = await self.topics()
        steps = await self.steps(names)
        await self._create(steps.create)
        wanted = self._settings.partitions
        fewer = [name for name in names if present.get(name, wanted) < wanted]
        await self._add_partitions(fewer)
        await self._date_by_broker(steps.date_by_broker)
        await self._until(lambda topics: set(names) <= set(topics), f"creating {steps.create}")
        return steps

    async def delete(self, names: Sequence[str]) -> None:
        """Delete topics with their records and the groups' offsets; missing ones are fine."""
        await self._delete(names)
        await self._until(lambda topics: not set(names) & set(topics), f"deleting {names}")

    async def recreate(self, names: Sequence[str]) -> None:
        """Replace topics by empty ones; nobody may publish to them meanwhile.

        Consumers that ask for a topic may make it before we do (the embedded broker creates what
        is asked for), and Kafka deletes in its own time: so this waits for what it wants to see.

        Raises:
            TransientKafkaError: not all are there and empty in time; repeating is safe.
        """
        await self._delete(names)
        deadline = asyncio.get_running_loop().time() + _SETTLE_SECONDS
        while True:
            await self.ensure(names)
            ends = await self.end_offsets(names)
            if len(ends) >= len(names) * self._settings.partitions and not any(ends.values()):
                return
            if asyncio.get_running_loop().time() > deadline:
                raise TransientKafkaError(f"recreating {names}: not empty: {ends}")
            await asyncio.sleep(_SETTLE_POLL_SECONDS)

    async def end_offsets(self, names: Iterable[str]) -> dict[TopicPartition, int]:
        """The offset that the next record of each partition gets; topics that miss are left out."""
        partitions = await self._partitions(names)
        async with _asking("reading end offsets"):
            return await log_ends(self._reader, partitions)

    async def committed(self, group: str, names: Iterable[str]) -> dict[TopicPartition, int | None]:
        """A group's committed offsets, None where it has none; topics that miss are left out."""
        partitions = await self._partitions(names)
        if not partitions:
            return {}
        async with _asking(f"reading offsets of {group}"):
            found = await self._client.list_consumer_group_offsets(group, partitions=partitions)
        if not found.keys() >= set(partitions):
            # aiokafka leaves out the error that the coordinator gave for all of them.
            raise TransientKafkaError(f"reading offsets of {group}: its coordinator is not ready")
        return {tp: None if found[tp].offset < 0 else found[tp].offset for tp in partitions}

    async def lag(self, group: str, names: Iterable[str]) -> dict[TopicPartition, int]:
        """Records of each partition that a group has not committed yet."""
        names = tuple(names)
        committed = await self.committed(group, names)
        ends = await self.end_offsets(names)
        starts = await self._beginning_offsets(ends)
        return {
            tp: max(0, end - max(starts[tp], committed.get(tp) or 0)) for tp, end in ends.items()
        }

    async def _beginning_offsets(
        self, partitions: Iterable[TopicPartition]
    ) -> Mapping[TopicPartition, int]:
        async with _asking("reading beginning offsets"):
            found: dict[TopicPartition, int] = await self._reader.beginning_offsets(
                list(partitions)
            )
            return found

    async def _partitions(self, names: Iterable[str]) -> list[TopicPartition]:
        present = await self.topics()
        counts = {name: present.get(name, 0) for name in names}
        return [TopicPartition(name, number) for name in counts for number in range(counts[name])]

    async def _delete(self, names: Sequence[str]) -> None:
        async with _asking(f"deleting {', '.join(names)}"):
            response = await self._client.delete_topics(list(names))
        for name, code in response.topic_error_codes:
            if kafka.for_code(code) is not kafka.UnknownTopicOrPartitionError:
                _raise_for(code, f"deleting {name}")

    async def _create(self, names: Sequence[str]) -> None:
        if not names:
            return
        settings = self._settings
        new = [
            NewTopic(
                name,
                settings.partitions,
                settings.replication_factor,
                topic_configs=topic_configuration(name, settings),
            )
            for name in names
        ]
        async with _asking(f"creating {', '.join(names)}"):
            response = await self._client.create_topics(new)
        for name, code, text in response.topic_errors:
            if kafka.for_code(code) is not kafka.TopicAlreadyExistsError:
                _raise_for(code, f"creating {name}", text)

    async def _add_partitions(self, names: Sequence[str]) -> None:
        if not names:
            return
        wanted = {name: NewPartitions(self._settings.partitions) for name in names}
        async with _asking(f"adding partitions to {', '.join(names)}"):
            response = await self._client.create_partitions(wanted)
        for name, code, text in response.topic_errors:
            _raise_for(code, f"adding partitions to {name}", text)

    async def _dated_by_producers(self, names: Sequence[str]) -> list[str]:
        """Topics of which the broker says so; one that knows no such setting says nothing."""
        if not names:
            return []
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        async with _asking(f"reading settings of {', '.join(names)}"):
            answers = await self._client.describe_configs(asked)
        found = []
        for code, text, _, name, entries in answers[0].resources:
            _raise_for(code, f"reading settings of {name}", text)
            values = {entry[0]: entry[1] for entry in entries}
            if values.get(_DATING, _BY_BROKER) != _BY_BROKER:
                found.append(name)
        return found

    async def _date_by_broker(self, names: Sequence[str]) -> None:
        if not names:
            return
        async with _asking(f"altering {', '.join(names)}"):
            answer = await alter_topics(self._client, names, _DATING, _BY_BROKER)
        for code, text, _, name in answer.responses:
            _raise_for(code, f"altering {name}", text)

    async def _until(self, settled: Callable[[Mapping[str, int]], bool], doing: str) -> None:
        """Wait for what the broker does in its own time; returns at once when it is done."""
        deadline = asyncio.get_running_loop().time() + _SETTLE_SECONDS
        while not settled(await self.topics()):
            if asyncio.get_running_loop().time() > deadline:
                raise TransientKafkaError(f"{doing}: not done in {_SETTLE_SECONDS:g} s")
            await asyncio.sleep(_SETTLE_POLL_SECONDS)


@asynccontextmanager
async def connect(settings: KafkaSettings) -> AsyncIterator[KafkaAdmin]:
    """Connect to the broker for administration.

    Raises:
        TransientKafkaError: no broker answers.
        PermanentKafkaError: the broker refuses (each method raises these two as well).
    """
    client = AIOKafkaAdminClient(
        bootstrap_servers=settings.bootstrap_servers,
        request_timeout_ms=int(_REQUEST_SECONDS * 1000),
    )
    reader = AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers,
        request_timeout_ms=int(_REQUEST_SECONDS * 1000),
    )
    try:
        async with _asking(f"connecting to {settings.bootstrap_servers}"):
            await client.start()
            await reader.start()
            # The reader's own task must have begun: aiokafka cancels whoever stops it before.
            await asyncio.sleep(0)
        yield KafkaAdmin(settings, client, reader)
    finally:
        await reader.stop()
        await client.close()


async def ensure_topics(settings: KafkaSettings) -> TopicSteps:
    """Make the project's topics what this release expects; returns what was done."""
    async with connect(settings) as admin:
        return await admin.ensure()


async def topic_steps(settings: KafkaSettings) -> TopicSteps:
    """What `ensure_topics` would do."""
    async with connect(settings) as admin:
        return await admin.steps()


async def delete_topics(settings: KafkaSettings, names: Sequence[str]) -> None:
    """Delete topics with their records; missing ones are fine."""
    async with connect(settings) as admin:
        await admin.delete(names)


async def topic_lag(settings: KafkaSettings, group: str, topics: Iterable[str]) -> int:
    """Records in `topics` that `group` has not committed yet; missing topics count nothing."""
    async with connect(settings) as admin:
        return sum((await admin.lag(group, topics)).values())


@asynccontextmanager
async def _asking(doing: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_REQUEST_SECONDS):
            yield
    except (kafka.KafkaError, TimeoutError, OSError) as error:
        raise translate(error, doing) from error


def _raise_for(code: int, doing: str, text: str | None = None) -> None:
    error = kafka.for_code(code)
    if error is kafka.NoError:
        return
    translated = translate(error(text) if text else error(), doing)
    if isinstance(translated, (PermanentKafkaError, TransientKafkaError)):
        raise translated
