"""Brokers for tests: the embedded one as a child process, and Apache Kafka."""

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from fleet import KAFKA_JARS, free_port
from rak_libs.kafka.admin import KafkaAdmin, connect
from rak_libs.kafka.consumer import PartitionConsumer, Record, Start, TopicPartition
from rak_libs.kafka.errors import TransientKafkaError
from rak_libs.kafka.publisher import Publisher
from rak_libs.runtime.settings import KafkaSettings
from rak_services.local.broker import broker_command, resident_bytes, wait_ready
from rak_services.local.kafka_broker import prepare

logging.getLogger("aiokafka").setLevel(logging.CRITICAL)

T = TypeVar("T")
SESSION_SECONDS = 2.0
"""Joining a group of the embedded broker takes half of it."""


class Broker:
    """A broker under test.

    Attributes:
        settings: How to reach it.
        is_kafka: Whether it is Apache Kafka, and not the embedded broker.
    """

    def __init__(self, settings: KafkaSettings, *, is_kafka: bool) -> None:
        self.settings = settings
        self.is_kafka = is_kafka

    @property
    def creates_topics_on_demand(self) -> bool:
        """Whether asking for a topic makes it."""
        return not self.is_kafka

    @property
    def keeps_notes(self) -> bool:
        """Whether it gives the metadata of a committed offset back."""
        return self.is_kafka

    def with_settings(self, **changes: Any) -> KafkaSettings:
        return msgspec.structs.replace(self.settings, **changes)


class OwnBroker(Broker, ABC):
    """A broker of the test's own, which it may stop, kill and start again on the same folder."""

    def __init__(self, folder: Path, settings: KafkaSettings, *, is_kafka: bool) -> None:
        super().__init__(settings, is_kafka=is_kafka)
        self.folder = folder
        self._log = folder / "broker.log"
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """Return the command that runs the broker."""

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def launch(self) -> None:
        """Start it; returns before it listens."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self.command(), stdout=output, stderr=subprocess.STDOUT
            )

    def start(self) -> None:
        self.launch()
        asyncio.run(wait_ready(self.settings, 60))

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def suspend(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


class EmbeddedBroker(OwnBroker):
    """The embedded broker, which is empty whenever it starts."""

    def __init__(self, folder: Path) -> None:
        settings = KafkaSettings(
            bootstrap_servers=f"127.0.0.1:{free_port()}",
            enable_idempotence=False,
            session_timeout_seconds=SESSION_SECONDS,
            publish_timeout_seconds=3.0,
        )
        super().__init__(folder, settings, is_kafka=False)

    def command(self) -> list[str]:
        return broker_command(self.settings)

    @property
    def resident_bytes(self) -> int:
        size = resident_bytes(self.pid)
        assert size is not None
        return size


class OwnKafka(OwnBroker):
    """Apache Kafka, which has its topics and messages again when it starts again."""

    def __init__(self, folder: Path) -> None:
        settings = KafkaSettings(
            bootstrap_servers=f"127.0.0.1:{free_port()}",
            session_timeout_seconds=SESSION_SECONDS,
            publish_timeout_seconds=3.0,
        )
        super().__init__(folder, settings, is_kafka=True)

    def command(self) -> list[str]:
        return prepare(self.settings, KAFKA_JARS, self.folder / "kafka")


def shared_broker(kafka: KafkaSettings) -> Broker:
    """The session's Apache Kafka, which no test may stop."""
    settings = msgspec.structs.replace(
        kafka, session_timeout_seconds=SESSION_SECONDS, publish_timeout_seconds=5.0
    )
    return Broker(settings, is_kafka=True)


def run(scenario: Coroutine[Any, Any, T], seconds: float = 90) -> T:
    """Run a scenario to its end; no task of ours may be left when it is over."""

    async def checked() -> T:
        async with asyncio.timeout(seconds):
            result = await scenario
        await asyncio.sleep(0.05)
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert not left, left
        return result

    return asyncio.run(checked())


@contextlib.asynccontextmanager
async def publishing(settings: KafkaSettings) -> AsyncIterator[Publisher]:
    publisher = Publisher(settings, "test-publisher")
    await publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop(2.0)


async def publish_all(publisher: Publisher, name: str, values: Iterable[bytes]) -> None:
    """Publish one after the other, each again until it is acknowledged."""
    for value in values:
        while True:
            try:
                await publisher.publish(name, value, [])
                break
            except TransientKafkaError:
                await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def topic(settings: KafkaSettings, name: str) -> AsyncIterator[KafkaAdmin]:
    """Make an empty topic; it is deleted at the end."""
    async with connect(settings) as admin:
        await admin.delete([name])
        await admin.ensure([name])
        try:
            yield admin
        finally:
            await admin.delete([name])


class Reader:
    """A consumer that notes what it was handed, and commits after each poll."""

    def __init__(self, settings: KafkaSettings, name: str, **options: Any) -> None:
        self.records: list[Record] = []
        self.assigned: list[dict[TopicPartition, Start]] = []
        self.revoked: list[frozenset[TopicPartition]] = []
        self.consumer = PartitionConsumer(
            settings,
            group=options.pop("group", f"{name}-group"),
            topics=[name],
            client_id="test-reader",
            on_assigned=self._on_assigned,
            on_revoked=self._on_revoked,
            **options,
        )

    async def _on_assigned(self, starts: Mapping[TopicPartition, Start]) -> None:
        self.assigned.append(dict(starts))

    async def _on_revoked(self, partitions: frozenset[TopicPartition]) -> None:
        self.revoked.append(partitions)

    @property
    def values(self) -> list[bytes]:
        return [record.value for record in self.records]

    async def poll(self, timeout_ms: int = 100, *, commit: bool = True) -> list[Record]:
        polled = await self.consumer.poll(timeout_ms)
        found = [record for records in polled.values() for record in records]
        self.records += found
        if commit and polled:
            await self.consumer.commit(next_offsets(polled))
        return found

    async def read(self, count: int, seconds: float = 30, *, commit: bool = True) -> list[bytes]:
        """Poll until `count` records were handed out in all."""
        await until(lambda: len(self.records) >= count, seconds, self.poll, commit=commit)
        return self.values

    async def join(self, partitions: int, seconds: float = 30) -> None:
        await until(lambda: len(self.consumer.assignment) == partitions, seconds, self.poll)


@contextlib.asynccontextmanager
async def reading(settings: KafkaSettings, name: str, **options: Any) -> AsyncIterator[Reader]:
    reader = Reader(settings, name, **options)
    try:
        yield reader
    finally:
        await reader.consumer.stop()


def next_offsets(polled: Mapping[TopicPartition, list[Record]]) -> dict[TopicPartition, int]:
    return {partition: records[-1].offset + 1 for partition, records in polled.items()}


async def until(
    done: Callable[[], bool], seconds: float, step: Callable[..., Awaitable[Any]], **options: Any
) -> None:
    """Repeat `step` until `done`."""
    ends = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < ends, f"not done in {seconds} s"
        await step(**options)
