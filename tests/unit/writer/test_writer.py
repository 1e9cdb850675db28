"""The order of things in the writer, and what it does when partitions or databases go away.

Broker and engine are scripted here, to stop them at chosen points; tests/integration has the real
ones.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from rak_libs.clickhouse.errors import SchemaError, TransientClickHouseError
from rak_libs.clickhouse.insert import EncodedBlock
from rak_libs.kafka.consumer import PartitionConsumer, Record, TopicPartition
from rak_libs.kafka.errors import TransientKafkaError
from rak_libs.kafka.topics import DeadLetter
from rak_services.writer import insertion as insertion_module
from rak_services.writer.batch import FlushPolicy
from rak_services.writer.config import WriterLimits
from rak_services.writer.dead_letters import DeadLetters
from rak_services.writer.insertion import Insertion
from rak_services.writer.signals import SIGNALS
from rak_services.writer.writer import Writer
from unit.writer.span_messages import record, value_of

SPANS = SIGNALS["spans"]
FIRST, SECOND = TopicPartition("otlp_spans", 3), TopicPartition("otlp_spans", 4)
AT_ONCE = FlushPolicy(rows=1, size=1_000_000, timeout=0.0, stretch=0.0, stretch_rows=1)
NEVER = FlushPolicy(rows=1_000, size=1_000_000, timeout=1e6, stretch=1e6, stretch_rows=1)


class Broker:
    """A consumer and a publisher that hand out what a test offers and note what is asked."""

    def __init__(self, log: list[Any]) -> None:
        self.log = log
        self.offered: asyncio.Queue[dict[TopicPartition, list[Record]]] = asyncio.Queue()
        self.paused: set[TopicPartition] = set()
        self.publish_failures = 0

    async def poll(self, timeout_ms: int) -> dict[TopicPartition, list[Record]]:
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                return await self.offered.get()
        except TimeoutError:
            return {}

    def pause(self, *partitions: TopicPartition) -> None:
        self.paused |= set(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        self.paused -= set(partitions)

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        self.log += [("commit", source.partition, offset) for source, offset in offsets.items()]

    def lag(self) -> dict[TopicPartition, int]:
        return {}

    async def stop(self) -> None:
        self.log.append("left")

    async def publish(self, topic: str, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        if self.publish_failures:
            self.publish_failures -= 1
            self.log.append("publish failed")
            raise TransientKafkaError("away")
        letter = DeadLetter.from_headers(headers)
        assert letter is not None
        self.log.append((topic, letter.reason, letter.offset, value))


class Engine:
    """Notes INSERTs; `failures` are raised first, and each waits for `gate` when there is one."""

    def __init__(self, log: list[Any]) -> None:
        self.log = log
        self.failures: list[Exception] = []
        self.gate: asyncio.Event | None = None
        self.loop: asyncio.AbstractEventLoop | None = None

    def insert_block(self, block: EncodedBlock, _settings: Mapping[str, Any]) -> None:
        self.log.append("insert begins")
        if self.gate is not None and self.loop is not None:
            asyncio.run_coroutine_threadsafe(self.gate.wait(), self.loop).result(10)
        if self.failures:
            raise self.failures.pop(0)
        self.log.append(("inserted", block.rows))


class Rig:
    """A writer on a scripted broker and engine."""

    def __init__(self, policy: FlushPolicy, buffer_bytes: int) -> None:
        self.log: list[Any] = []
        self.broker, self.engine = Broker(self.log), Engine(self.log)
        limits = WriterLimits(policy, 2, buffer_bytes, 5.0, 10.0, 5.0)
        self.executor = ThreadPoolExecutor(2)
        broker: Any = self.broker
        engine: Any = self.engine
        consumer: Callable[[Writer], PartitionConsumer] = lambda _writer: broker  # noqa: E731
        insertion = Insertion(SPANS, 30, engine, self.executor)
        self.writer = Writer(SPANS, 30, limits, consumer, insertion, DeadLetters(broker))
        self.stop = asyncio.Event()

    async def until(self, probe: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not probe():  # noqa: ASYNC110 - what is awaited lies in many objects
                await asyncio.sleep(0.005)


def play(
    scene: Callable[[Rig], Awaitable[None]],
    policy: FlushPolicy = AT_ONCE,
    buffer_bytes: int = 1_000_000,
) -> list[Any]:
    """Run a writer with both partitions assigned through a scene; returns what happened."""

    async def run() -> list[Any]:
        rig = Rig(policy, buffer_bytes)
        rig.engine.loop = asyncio.get_running_loop()
        await rig.writer.on_assigned(frozenset({FIRST, SECOND}))
        running = asyncio.create_task(rig.writer.run(rig.stop))
        await scene(rig)
        rig.stop.set()
        await running
        rig.executor.shutdown()
        return rig.log

    return asyncio.run(run())


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insertion_module, "_backoff", lambda _state: 0.01)


def messages(*offsets: int) -> list[Record]:
    return [record(offset, value_of(["x"])) for offset in offsets]


def test_offsets_are_committed_after_insert_and_dead_letters() -> None:
    """A dead letter whose publishing fails is tried again; only then comes the commit."""
    garbage = record(1, b"\xff")
    policy = FlushPolicy(rows=2, size=1_000_000, timeout=1e6, stretch=1e6, stretch_rows=1)

    async def scene(rig: Rig) -> None:
        rig.broker.publish_failures = 1
        first, last = messages(0, 2)
        rig.broker.offered.put_nowait({FIRST: [first, garbage, last]})
        await rig.until(lambda: ("commit", 3, 3) in rig.log)

    assert play(scene, policy) == [
        "insert begins",
        ("inserted", 2),
        "publish failed",
        ("otlp_spans.dlq", "undecodable", 1, b"\xff"),
        ("commit", 3, 3),
        "left",
    ]


def test_a_failing_insert_pauses_its_partition_and_commits_nothing() -> None:
    """The other partition goes on; after the success, reading goes on."""

    async def scene(rig: Rig) -> None:
        rig.engine.failures = [TransientClickHouseError(210, "away")] * 20
        rig.broker.offered.put_nowait({FIRST: messages(0)})
        await rig.until(lambda: rig.broker.paused == {FIRST})
        assert not [entry for entry in rig.log if entry[0] == "commit"]
        await rig.until(lambda: ("commit", 3, 1) in rig.log)
        await rig.until(lambda: not rig.broker.paused)

    assert play(scene)[-1] == "left"


def test_a_schema_error_pauses_the_whole_topic() -> None:
    async def scene(rig: Rig) -> None:
        rig.engine.failures = [SchemaError(60, "no table")] * 20
        rig.broker.offered.put_nowait({FIRST: messages(0)})
        await rig.until(lambda: rig.broker.paused == {FIRST, SECOND})
        await rig.until(lambda: ("commit", 3, 1) in rig.log)
        await rig.until(lambda: not rig.broker.paused)

    log = play(scene)
    assert not [entry for entry in log if entry[0] == "otlp_spans.dlq"]


def test_a_revoked_partition_ends_its_insert_and_drops_the_rest() -> None:
    """The INSERT under way is awaited and committed; what was read after it is forgotten."""

    async def scene(rig: Rig) -> None:
        rig.engine.gate = asyncio.Event()
        rig.broker.offered.put_nowait({FIRST: messages(0, 1)})
        await rig.until(lambda: rig.log == ["insert begins"])
        revoking = asyncio.create_task(rig.writer.on_revoked(frozenset({FIRST})))
        await asyncio.sleep(0)
        assert not revoking.done()
        rig.engine.gate.set()
        await revoking

    assert play(scene) == ["insert begins", ("inserted", 1), ("commit", 3, 1), "left"]


def test_a_revoked_partition_is_not_retried() -> None:
    """While ClickHouse is away, letting go takes no longer than the attempt under way."""

    async def scene(rig: Rig) -> None:
        rig.engine.failures = [TransientClickHouseError(210, "away")] * 1000
        rig.broker.offered.put_nowait({FIRST: messages(0)})
        await rig.until(lambda: FIRST in rig.broker.paused)
        async with asyncio.timeout(2):
            await rig.writer.on_revoked(frozenset({FIRST}))

    assert not [entry for entry in play(scene) if entry[0] == "commit"]


def test_memory_is_bounded_over_all_partitions() -> None:
    """Beyond the budget nothing is read; what forms is written at once, and reading goes on."""

    async def scene(rig: Rig) -> None:
        rig.engine.gate = asyncio.Event()
        rig.broker.offered.put_nowait({FIRST: messages(0, 1, 2), SECOND: messages(0)})
        await rig.until(lambda: rig.broker.paused == {FIRST, SECOND})
        rig.engine.gate.set()
        await rig.until(lambda: not rig.broker.paused)

    log = play(scene, NEVER, buffer_bytes=100)
    # What was small enough to wait was written at the end, by the drain.
    assert sum(entry[1] for entry in log if entry[0] == "inserted") == 4
    assert {entry for entry in log if entry[0] == "commit"} >= {("commit", 3, 3), ("commit", 4, 1)}


def test_a_stop_writes_what_was_read() -> None:
    """A batch that is not due yet is written before the writer leaves the group."""

    async def scene(rig: Rig) -> None:
        rig.broker.offered.put_nowait({FIRST: messages(0, 1), SECOND: messages(7)})
        await rig.until(rig.broker.offered.empty)
        await asyncio.sleep(0.05)
        assert rig.log == []

    log = play(scene, NEVER)
    assert {("commit", 3, 2), ("commit", 4, 8)} <= set(log)
    assert log[-1] == "left"
