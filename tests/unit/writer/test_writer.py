"""The order of things in the writer, and what it does when partitions or databases go away.

Broker and engine are scripted here, to stop them at chosen points; tests/integration has the real
ones.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from rak_libs.clickhouse.errors import (
    PermanentClickHouseError,
    SchemaError,
    TransientClickHouseError,
)
from rak_libs.clickhouse.insert import EncodedBlock
from rak_libs.kafka.consumer import PartitionConsumer, Record, Start, TopicPartition
from rak_libs.kafka.errors import PartitionLost, TransientKafkaError
from rak_libs.kafka.topics import DeadLetter
from rak_services.writer import insertion as insertion_module
from rak_services.writer.batch import FlushPolicy
from rak_services.writer.config import WriterLimits
from rak_services.writer.crash_points import CrashPoints
from rak_services.writer.dead_letters import DeadLetters
from rak_services.writer.delivery import Delivery
from rak_services.writer.identity import Intent, identify
from rak_services.writer.insertion import Insertion
from rak_services.writer.signals import SIGNALS
from rak_services.writer.watchdog import Vigil
from rak_services.writer.writer import Halted, Writer
from unit.writer.span_messages import NOW_MS, record, value_of

SPANS = SIGNALS["spans"]
FIRST, SECOND = TopicPartition("otlp_spans", 3), TopicPartition("otlp_spans", 4)
TODAY = datetime.fromtimestamp(NOW_MS / 1000, UTC).strftime("%Y%m%d")
AT_ONCE = FlushPolicy(rows=1, size=1_000_000, timeout=0.0, stretch=0.0, stretch_rows=1)
NEVER = FlushPolicy(rows=1_000, size=1_000_000, timeout=1e6, stretch=1e6, stretch_rows=1)


class Broker:
    """A consumer and a publisher that hand out what a test offers and note what is asked."""

    def __init__(self, log: list[Any]) -> None:
        self.log = log
        self.offered: asyncio.Queue[dict[TopicPartition, list[Record]]] = asyncio.Queue()
        self.paused: set[TopicPartition] = set()
        self.publish_failures = 0
        self.keeps_notes = True
        self.is_member = True
        self.lost = False

    async def poll(self, timeout_ms: int) -> dict[TopicPartition, list[Record]]:
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                return await self.offered.get()
        except TimeoutError:
            return {}

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset({FIRST, SECOND})

    def pause(self, *partitions: TopicPartition) -> None:
        self.paused |= set(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        self.paused -= set(partitions)

    async def commit(
        self, offsets: Mapping[TopicPartition, int], notes: Mapping[TopicPartition, str]
    ) -> None:
        if self.lost:
            self.log.append("refused")
            raise PartitionLost("another's")
        for source, offset in offsets.items():
            intent = Intent.from_note(notes[source])
            end = (intent.end_offset,) if intent else ()
            kind = "intent" if intent else "commit"
            self.log.append((kind, source.partition, offset, *end))

    async def read_anew(self, partition: TopicPartition) -> None:
        self.log.append(("read anew", partition.partition))

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
    """Notes INSERTs; `failures` are their fates, and each waits for `gate` when there is one."""

    def __init__(self, log: list[Any]) -> None:
        self.log = log
        self.failures: list[Exception | None] = []
        self.gate: asyncio.Event | None = None
        self.rows: dict[int, int] = {}
        self.loop: asyncio.AbstractEventLoop | None = None

    def execute(self, sql: str) -> list[Any]:
        counting = sql.startswith("SELECT")
        self.log.append("rows counted" if counting else "view mended")
        found = re.search(r"_batch = (\d+)", sql)
        rows = self.rows.get(int(found[1])) if found and counting else None
        return [(TODAY, rows)] if rows else []

    def insert_block(self, block: EncodedBlock, settings: Mapping[str, Any], _query: str) -> None:
        self.log.append("insert begins")
        if self.gate is not None and self.loop is not None:
            asyncio.run_coroutine_threadsafe(self.gate.wait(), self.loop).result(10)
        if self.failures and (failure := self.failures.pop(0)):
            raise failure
        self.rows[int(settings["insert_deduplication_token"][:16], 16)] = block.rows
        self.log.append(("inserted", block.rows))


class Rig:
    """A writer on a scripted broker and engine."""

    def __init__(self, policy: FlushPolicy, buffer_bytes: int) -> None:
        self.log: list[Any] = []
        self.broker, self.engine = Broker(self.log), Engine(self.log)
        limits = WriterLimits(policy, 2, buffer_bytes, 5.0, 10.0, 5.0, 1e6, 1e6, 2)
        self.executor = ThreadPoolExecutor(2)
        self.now = 0.0
        self.vigil = Vigil("g", "otlp_spans", 100.0, lambda: self.now)
        broker: Any = self.broker
        engine: Any = self.engine
        consumer: Callable[[Writer], PartitionConsumer] = lambda _writer: broker  # noqa: E731
        insertion = Insertion(SPANS, 30, engine, self.executor)
        letters = DeadLetters(broker, limits.dead_letters_per_minute)
        delivery = Delivery(broker, insertion, letters, None, limits.lease_seconds, CrashPoints())
        self.writer = Writer(SPANS, 30, limits, consumer, lambda _consumer: delivery, self.vigil)
        self.stop = asyncio.Event()

    async def until(self, probe: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not probe():  # noqa: ASYNC110 - what is awaited lies in many objects
                await asyncio.sleep(0.005)


def play(
    scene: Callable[[Rig], Awaitable[None]],
    policy: FlushPolicy = AT_ONCE,
    buffer_bytes: int = 1_000_000,
    note: str = "",
) -> list[Any]:
    """Run a writer with both partitions assigned through a scene; returns what happened."""

    async def run() -> list[Any]:
        rig = Rig(policy, buffer_bytes)
        rig.engine.loop = asyncio.get_running_loop()
        await rig.writer.on_assigned({FIRST: Start(0, note), SECOND: Start(0, "")})
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
        ("intent", 3, 0, 3),
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
        await rig.until(lambda: "insert begins" in rig.log)
        revoking = asyncio.create_task(rig.writer.on_revoked(frozenset({FIRST})))
        await asyncio.sleep(0)
        assert not revoking.done()
        rig.engine.gate.set()
        await revoking

    assert play(scene) == [
        ("intent", 3, 0, 1),
        "insert begins",
        ("inserted", 1),
        ("commit", 3, 1),
        "left",
    ]


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


def test_a_predecessors_batch_comes_first_and_is_verified() -> None:
    """Its messages are one batch whatever the policy says, and what follows is another."""
    note = Intent(end_offset=2, token=identify(messages(0)[0], 1).token).to_note()

    async def scene(rig: Rig) -> None:
        rig.broker.offered.put_nowait({FIRST: messages(0)})
        rig.broker.offered.put_nowait({FIRST: messages(1, 2)})
        await rig.until(lambda: ("commit", 3, 3) in rig.log)

    log = play(scene, note=note)
    assert log == [
        ("intent", 3, 0, 2),
        "rows counted",
        "insert begins",
        ("inserted", 2),
        "rows counted",
        "view mended",
        "view mended",
        ("commit", 3, 2),
        ("intent", 3, 2, 3),
        "insert begins",
        ("inserted", 1),
        ("commit", 3, 3),
        "left",
    ]


def test_another_log_is_read_anew() -> None:
    """A predecessor's intent that is about other messages says that none of these was read."""
    note = Intent(end_offset=2, token="0" * 32).to_note()

    async def scene(rig: Rig) -> None:
        rig.broker.offered.put_nowait({FIRST: messages(0)})
        await rig.until(lambda: ("read anew", 3) in rig.log)

    assert play(scene, note=note) == [("read anew", 3), "left"]


@pytest.mark.parametrize("note", ["reset by hand", "{}"])
def test_a_note_of_somebody_else_is_ignored(note: str) -> None:
    async def scene(rig: Rig) -> None:
        rig.broker.offered.put_nowait({FIRST: messages(0)})
        await rig.until(lambda: ("commit", 3, 1) in rig.log)

    assert play(scene, note=note)[0] == ("intent", 3, 0, 1)


def test_a_lost_partition_gets_nothing_more_committed() -> None:
    """What was read after the lost batch must not be committed before it."""

    async def scene(rig: Rig) -> None:
        rig.broker.lost = True
        rig.broker.offered.put_nowait({FIRST: messages(0, 1, 2)})
        await rig.until(rig.broker.offered.empty)
        await rig.until(lambda: "refused" in rig.log and FIRST in rig.broker.paused)
        rig.broker.lost = False
        await asyncio.sleep(0.05)

    assert play(scene) == ["refused", "left"]


def test_too_many_dead_letters_halt_the_writer() -> None:
    """Nothing of the batch is set aside; the writer leaves its group and is not ready."""

    async def scene(rig: Rig) -> None:
        await rig.writer.check_running()
        garbage = [record(offset, b"\xff") for offset in range(3)]
        rig.broker.offered.put_nowait({FIRST: garbage[:1]})
        await rig.until(lambda: ("commit", 3, 1) in rig.log)
        rig.broker.offered.put_nowait({FIRST: garbage[1:2], SECOND: messages(0)})
        await rig.until(lambda: ("commit", 3, 2) in rig.log)
        rig.broker.offered.put_nowait({FIRST: garbage[2:]})
        await rig.until(lambda: "left" in rig.log)
        with pytest.raises(Halted, match="max_dead_letters_per_minute allows 2"):
            await rig.writer.check_running()

    log = play(scene)
    assert [entry[2] for entry in log if entry[0] == "otlp_spans.dlq"] == [0, 1]
    assert ("commit", 3, 3) not in log


def test_an_intent_of_another_version_halts_the_writer() -> None:
    async def scene(rig: Rig) -> None:
        await rig.until(lambda: "left" in rig.log)
        with pytest.raises(Halted, match="version 2"):
            await rig.writer.check_running()

    assert play(scene, note='{"v":2,"e":9,"b":"00"}') == ["left"]


def test_refused_messages_are_isolated_each_with_an_intent_of_its_own() -> None:
    """Halves are batches like any other, so a crash between them is like any other."""
    refusal = PermanentClickHouseError(117, "bad data")
    policy = FlushPolicy(rows=4, size=1_000_000, timeout=1e6, stretch=1e6, stretch_rows=1)

    async def scene(rig: Rig) -> None:
        # The whole, its first half, and the second message of that.
        rig.engine.failures = [refusal, refusal, None, refusal]
        rig.broker.offered.put_nowait({FIRST: messages(0, 1, 2, 3)})
        await rig.until(lambda: ("commit", 3, 4) in rig.log)

    log = [entry for entry in play(scene, policy) if isinstance(entry, tuple)]
    assert log == [
        ("intent", 3, 0, 4),
        ("intent", 3, 0, 2),
        ("intent", 3, 0, 1),
        ("inserted", 1),
        ("commit", 3, 1),
        ("intent", 3, 1, 2),
        ("otlp_spans.dlq", "insert_refused", 1, messages(1)[0].value),
        ("commit", 3, 2),
        ("intent", 3, 2, 4),
        ("inserted", 2),
        ("commit", 3, 4),
    ]


def test_reading_writing_and_a_known_failure_are_headway() -> None:
    """A watchdog takes the writer for stuck for none of the three."""

    async def scene(rig: Rig) -> None:
        async def headway() -> None:
            rig.now += 60.0
            await rig.until(lambda: rig.vigil.stalled_seconds == 0)

        rig.engine.gate = asyncio.Event()
        rig.broker.offered.put_nowait({FIRST: messages(0)})
        await headway()
        await rig.until(lambda: "insert begins" in rig.log)
        rig.now += 60.0
        await asyncio.sleep(0.05)
        assert rig.vigil.stalled_seconds == 60.0
        rig.engine.failures = [TransientClickHouseError(210, "away")] * 20
        rig.engine.gate.set()
        for _ in range(3):
            await headway()
        await rig.until(lambda: ("commit", 3, 1) in rig.log)
        rig.now += 60.0
        await asyncio.sleep(0.05)
        assert rig.vigil.judge({FIRST: 1}) == ""
        rig.now += 60.0
        assert rig.vigil.judge({FIRST: 1})

    play(scene)
