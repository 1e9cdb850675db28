"""Rows are stored once, whatever becomes of the INSERTs; the engine is a model of its parts."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from rak_libs.clickhouse.errors import (
    ClickHouseError,
    PermanentClickHouseError,
    SchemaError,
    TransientClickHouseError,
)
from rak_libs.clickhouse.insert import EncodedBlock
from rak_libs.kafka.consumer import TopicPartition
from rak_libs.kafka.errors import PartitionLost
from rak_libs.model.time_window import DAY_NS
from rak_services.writer import insertion as insertion_module
from rak_services.writer.batch import Batch
from rak_services.writer.insertion import Insertion, PartlyStoredError
from rak_services.writer.lease import Lease
from rak_services.writer.signals import SIGNALS
from rak_services.writer.stored_rows import ExpectedRows
from unit.writer.span_messages import NOW_MS, record, value_of

SPANS = SIGNALS["spans"]
DAY_MS = 24 * 3600 * 1000
AWAY = TransientClickHouseError(210, "away")

BatchDays = Callable[[EncodedBlock], Mapping[str, int]]


class EngineModel:
    """What of ClickHouse matters here: parts by day, tokens by day, and dying in between.

    Attributes:
        parts: Rows stored, by day.
        fate: Told the number of each INSERT, from 1, says what becomes of it (`Fate`).
    """

    def __init__(
        self, days_of: BatchDays, fate: Callable[[int], Any] = lambda _number: None
    ) -> None:
        self.parts: Counter[str] = Counter()
        self.tokens: set[tuple[str, str]] = set()
        self.fate = fate
        self.inserts = 0
        self.statements: list[str] = []
        self._days_of = days_of

    def insert_block(self, block: EncodedBlock, settings: Mapping[str, Any], _query: str) -> None:
        self.inserts += 1
        fate = self.fate(self.inserts)
        if isinstance(fate, Exception):
            raise fate
        for number, (day, rows) in enumerate(sorted(self._days_of(block).items())):
            key = (settings["insert_deduplication_token"], day)
            if key in self.tokens:
                continue
            self.tokens.add(key)
            # The engine logs the token before it publishes the part.
            if fate == ("dies before part", number):
                raise AWAY
            self.parts[day] += rows
        if fate == "answer lost":
            raise AWAY

    def execute(self, sql: str) -> list[tuple[str, int]]:
        self.statements.append(sql)
        return list(self.parts.items()) if sql.startswith("SELECT") else []


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insertion_module, "_backoff", lambda _state: 0.0)


def day_name(days_ago: int) -> str:
    return datetime.fromtimestamp((NOW_MS - days_ago * DAY_MS) / 1000, UTC).strftime("%Y%m%d")


def batch_of(*days_ago: int, retention_days: int = 30) -> Batch:
    """A batch of one message for each argument, whose number of spans is its index plus one."""
    batch = Batch.begin(TopicPartition("otlp_spans", 3), SPANS, retention_days, 0.0)
    for offset, days in enumerate(days_ago):
        value = value_of(["x"] * (offset + 1), NOW_MS - days * DAY_MS)
        batch.add(record(offset, value))
    return batch


THREE_DAYS = {day_name(2): 1, day_name(1): 2, day_name(0): 3}
BY_ROWS = {
    6: THREE_DAYS,
    5: {day_name(1): 2, day_name(0): 3},
    4: {day_name(2): 1, day_name(0): 3},
    3: {day_name(0): 3},
    2: {day_name(1): 2},
    1: {day_name(2): 1},
}
"""The rows of `batch_of(2, 1, 0)` by day: a block's number of rows tells which it has."""


def days_of(block: EncodedBlock) -> Mapping[str, int]:
    return BY_ROWS[block.rows]


async def confirm() -> None:
    return


def insert(
    engine: EngineModel, batch: Batch, lease: Lease | None = None, retention_days: int = 10_000
) -> list[ClickHouseError | None]:
    """Insert a batch; returns what was told of failures."""
    told: list[ClickHouseError | None] = []

    async def run() -> None:
        with ThreadPoolExecutor(1) as executor:
            insertion = Insertion(SPANS, retention_days, engine, executor)  # type: ignore[arg-type]
            encoded = await insertion.encode(batch)
            assert encoded is not None
            used = lease or Lease(1e6, confirm)
            await insertion.insert(encoded, used, asyncio.Event(), told.append)

    asyncio.run(run())
    return told


def test_an_answered_insert_is_the_end_of_it() -> None:
    """No question, no view mended: this is the usual case, and costs nothing more."""
    engine = EngineModel(days_of)
    assert insert(engine, batch_of(2, 1, 0)) == [None]
    assert (engine.parts, engine.inserts, engine.statements) == (THREE_DAYS, 1, [])


@pytest.mark.parametrize("error", [AWAY, SchemaError(60, "no table")])
def test_failures_are_tried_again_until_they_end(error: ClickHouseError) -> None:
    """Nothing is given up; the caller is told of each failure and of the end."""
    engine = EngineModel(days_of, lambda number: error if number < 5 else None)
    assert insert(engine, batch_of(2, 1, 0)) == [error] * 4 + [None]
    assert engine.parts == THREE_DAYS


def test_a_lost_answer_stores_nothing_twice() -> None:
    engine = EngineModel(days_of, lambda number: "answer lost" if number == 1 else None)
    insert(engine, batch_of(2, 1, 0))
    assert (engine.parts, engine.inserts) == (THREE_DAYS, 1)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_death_between_token_and_part_loses_nothing(part: int) -> None:
    """The retry is taken for a repetition; the rows are counted, and what is missing is filled."""
    engine = EngineModel(
        days_of, lambda number: ("dies before part", part) if number == 1 else None
    )
    insert(engine, batch_of(2, 1, 0))
    assert engine.parts == THREE_DAYS
    assert {token.rpartition("-")[2] for token, _ in engine.tokens} == {"spans", "r1"}


def test_deaths_again_and_again_lose_nothing() -> None:
    """Each acknowledged INSERT after which rows are missing begins another token."""
    fates = dict.fromkeys((1, 3, 5, 7), ("dies before part", 0))
    engine = EngineModel(days_of, fates.get)
    insert(engine, batch_of(2, 1, 0))
    assert engine.parts == THREE_DAYS


def test_views_are_mended_after_an_unknown_outcome() -> None:
    """Their tables deduplicate by themselves, so they may lack what the table has."""
    engine = EngineModel(days_of, lambda number: "answer lost" if number == 1 else None)
    batch = batch_of(2, 1, 0)
    insert(engine, batch)
    for statement, table in zip(
        engine.statements[-2:], ["trace_times", "attribute_keys"], strict=True
    ):
        words = " ".join(statement.split())
        assert words.startswith(f"INSERT INTO {table} (")
        assert f" _batch = {batch.identity.number} " in words


@pytest.mark.parametrize("stored", [[], [0], [0, 1], [1, 2], [0, 1, 2]])
def test_a_predecessors_batch_is_completed(stored: list[int]) -> None:
    """Whatever of it was stored, and whether or not the engine still remembers its token."""
    engine = EngineModel(days_of)
    days = sorted(THREE_DAYS)
    for each in stored:
        engine.parts[days[each]] = THREE_DAYS[days[each]]
    batch = batch_of(2, 1, 0)
    batch.replayed = True
    insert(engine, batch)
    assert engine.parts == THREE_DAYS
    assert engine.inserts == (len(stored) < 3)


def test_rows_that_have_expired_meanwhile_are_not_missed() -> None:
    """The engine drops a partition whose rows are all past their time."""
    old = (NOW_MS - 1_000 * DAY_MS) * 1_000_000
    expected = ExpectedRows.of([old, NOW_MS * 1_000_000])
    now_ns = NOW_MS * 1_000_000
    assert len(expected.lasting_days(1_001, now_ns)) == 2
    assert expected.lasting_days(30, now_ns) == {now_ns // DAY_NS}


def test_refused_rows_of_which_none_is_stored_are_given_back() -> None:
    error = PermanentClickHouseError(117, "bad data")
    engine = EngineModel(days_of, lambda _number: error)
    with pytest.raises(PermanentClickHouseError):
        insert(engine, batch_of(2, 1, 0))
    assert engine.inserts == 1


def test_refused_rows_of_which_some_are_stored_wait_for_an_operator() -> None:
    """Setting them aside would store them twice when they are replayed."""
    refusal = PermanentClickHouseError(117, "the view fails")
    engine = EngineModel(days_of, lambda number: refusal if number == 1 else None)
    engine.parts[day_name(1)] = 2
    (told, end) = insert(engine, batch_of(2, 1, 0))
    assert isinstance(told, PartlyStoredError)
    assert end is None
    assert engine.parts == THREE_DAYS


def test_refused_rows_whose_neighbours_have_expired_are_given_back() -> None:
    """A day that is gone by its time is not a day that is stored."""
    error = PermanentClickHouseError(117, "bad data")
    engine = EngineModel(days_of, lambda _number: error)
    with pytest.raises(PermanentClickHouseError):
        insert(engine, batch_of(2, 1, 0, retention_days=20_000), retention_days=2)


def test_an_abandoned_batch_is_not_tried_again() -> None:
    """The attempt under way ends; its error is raised."""
    abandoned = asyncio.Event()

    def fate(_number: int) -> Exception:
        abandoned.set()
        return AWAY

    async def run() -> None:
        with ThreadPoolExecutor(1) as executor:
            engine = EngineModel(days_of, fate)
            insertion = Insertion(SPANS, 30, engine, executor)  # type: ignore[arg-type]
            encoded = await insertion.encode(batch_of(0))
            assert encoded is not None
            with pytest.raises(TransientClickHouseError):
                await insertion.insert(encoded, Lease(9, confirm), abandoned, lambda _: None)
            assert engine.inserts == 1

    asyncio.run(run())


def test_nothing_is_sent_once_the_partition_is_anothers() -> None:
    """A zombie finds out before its INSERT, not after."""

    async def refuse() -> None:
        raise PartitionLost("another's")

    engine = EngineModel(days_of)
    with pytest.raises(PartitionLost):
        insert(engine, batch_of(2, 1, 0), Lease(5.0, refuse))
    assert engine.inserts == 0


def test_a_long_retry_asks_for_the_partition_again() -> None:
    """Each attempt after the lease has run out begins with a commit."""
    confirmed: list[float] = []
    now = 0.0

    async def count() -> None:
        confirmed.append(now)

    def fate(number: int) -> Exception | None:
        nonlocal now
        now += 3.0
        return AWAY if number < 5 else None

    lease = Lease(5.0, count, lambda: now)
    insert(EngineModel(days_of, fate), batch_of(2, 1, 0), lease)
    assert confirmed == [0.0, 6.0, 12.0]


def test_an_insert_spans_ninety_days_at_most() -> None:
    """A batch of more days is refused before the engine can do so."""
    with pytest.raises(PermanentClickHouseError, match="90 at most"):
        insert(EngineModel(days_of), batch_of(*range(91), retention_days=365))


def test_a_batch_without_rows_has_nothing_to_insert() -> None:
    async def run() -> None:
        with ThreadPoolExecutor(1) as executor:
            insertion = Insertion(SPANS, 30, EngineModel(days_of), executor)  # type: ignore[arg-type]
            batch = Batch.begin(TopicPartition("otlp_spans", 3), SPANS, 30, 0.0)
            batch.add(record(0, b"\xff"))
            assert await insertion.encode(batch) is None

    asyncio.run(run())


def test_rows_about_a_batch_are_inserted_until_the_engine_has_them() -> None:
    """Repeats count once, so that they need no token and are not counted."""
    sent: list[tuple[str, int, Mapping[str, Any]]] = []

    class ForgetfulEngine:
        def insert_block(self, block: EncodedBlock, settings: Mapping[str, Any], _: str) -> None:
            sent.append((block.table.name, block.rows, settings))
            if len(sent) == 1:
                raise AWAY

    async def run() -> None:
        batch = batch_of(0, 0)
        rows = batch.tally.account_rows(batch.identity.number, NOW_MS)
        with ThreadPoolExecutor(1) as executor:
            account = Insertion(SIGNALS["pipeline"], 90, ForgetfulEngine(), executor)  # type: ignore[arg-type]
            lease, abandoned = Lease(1e6, confirm), asyncio.Event()
            await account.insert_about(batch, rows, lease, abandoned, lambda _error: None)

    asyncio.run(run())
    assert sent == [("pipeline", 2, {"insert_deduplicate": 0})] * 2


def test_a_block_that_is_stored_is_let_go() -> None:
    """Whoever still reaches the batch, such as the retries' cycles, does not hold its rows."""

    async def run() -> None:
        with ThreadPoolExecutor(1) as executor:
            insertion = Insertion(SPANS, 10_000, EngineModel(days_of), executor)  # type: ignore[arg-type]
            encoded = await insertion.encode(batch_of(0))
            assert encoded is not None
            assert encoded.tables[0].block.data
            await insertion.insert(encoded, Lease(9, confirm), asyncio.Event(), lambda _: None)
            assert (encoded.tables[0].block.data, encoded.rows) == (b"", 1)

    asyncio.run(run())
