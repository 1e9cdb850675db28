"""Retries by class of error, and batches taken apart; the engine is a list of its answers."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from rak_libs.clickhouse.errors import (
    ClickHouseError,
    PermanentClickHouseError,
    SchemaError,
    TransientClickHouseError,
)
from rak_libs.clickhouse.insert import EncodedBlock
from rak_services.writer import insertion as insertion_module
from rak_services.writer.batch import Batch, Refused
from rak_services.writer.insertion import Insertion
from rak_services.writer.signals import SIGNALS
from unit.writer.span_messages import NOW_MS, record, value_of

SPANS = SIGNALS["spans"]
DAY_MS = 24 * 3600 * 1000


class ScriptedEngine:
    """Takes blocks as an Inserter does; `judge` raises what the engine would."""

    def __init__(self, judge: Callable[[int, EncodedBlock], None]) -> None:
        self.judge = judge
        self.attempts = 0
        self.rows: list[int] = []

    def insert_block(self, block: EncodedBlock, _settings: Mapping[str, Any]) -> None:
        self.attempts += 1
        self.judge(self.attempts, block)
        self.rows.append(block.rows)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insertion_module, "_backoff", lambda _state: 0.0)


def insert(
    engine: ScriptedEngine, batch: Batch, retention_days: int = 30
) -> tuple[list[Refused], list[ClickHouseError | None]]:
    """Insert a batch; returns what was refused and what was told of failures."""
    told: list[ClickHouseError | None] = []

    async def run() -> list[Refused]:
        with ThreadPoolExecutor(1) as executor:
            insertion = Insertion(SPANS, retention_days, engine, executor)  # type: ignore[arg-type]
            return await insertion.insert(batch, asyncio.Event(), told.append)

    return asyncio.run(run()), told


def batch_of(*values: bytes, retention_days: int = 30) -> Batch:
    batch = Batch("otlp_spans", 3, 0.0, SPANS.new_batch())
    for offset, value in enumerate(values):
        batch.add(record(offset, value), SPANS, retention_days)
    return batch


@pytest.mark.parametrize("error", [TransientClickHouseError(210, "x"), SchemaError(60, "x")])
def test_failures_are_tried_again_until_they_end(error: ClickHouseError) -> None:
    """Nothing is refused; the caller is told of each failure and of the end."""

    def judge(attempt: int, _block: EncodedBlock) -> None:
        if attempt < 5:
            raise error

    engine = ScriptedEngine(judge)
    assert insert(engine, batch_of(value_of(["a"]))) == ([], [error] * 4 + [None])
    assert engine.rows == [1]


def test_an_abandoned_batch_is_not_tried_again() -> None:
    """The attempt under way ends; its error is raised."""
    abandoned = asyncio.Event()

    def judge(_attempt: int, _block: EncodedBlock) -> None:
        abandoned.set()
        raise TransientClickHouseError(210, "away")

    async def run() -> None:
        with ThreadPoolExecutor(1) as executor:
            engine = ScriptedEngine(judge)
            insertion = Insertion(SPANS, 30, engine, executor)  # type: ignore[arg-type]
            with pytest.raises(TransientClickHouseError):
                await insertion.insert(batch_of(value_of(["a"])), abandoned, lambda _: None)
            assert engine.attempts == 1

    asyncio.run(run())


@pytest.mark.parametrize("guilty", [{0}, {7}, {3, 4}, set(range(8))])
def test_guilty_messages_are_isolated(guilty: set[int]) -> None:
    """Each alone is refused with its value; every other message is inserted, once."""
    sizes = [offset + 1 for offset in range(8)]
    values = [value_of(["x"] * size) for size in sizes]

    def judge(_attempt: int, block: EncodedBlock) -> None:
        # Every subset that holds a guilty message is refused: rows tell which messages it has.
        messages = next(
            range(first, last)
            for first in range(8)
            for last in range(first + 1, 9)
            if sum(sizes[first:last]) == block.rows
            and (last - first) in {1, 2, 4, 8}
            and first % (last - first) == 0
        )
        if guilty & set(messages):
            raise PermanentClickHouseError(117, "bad data")

    engine = ScriptedEngine(judge)
    refused, _ = insert(engine, batch_of(*values))
    assert [each.record.offset for each in refused] == sorted(guilty)
    assert [each.value for each in refused] == [values[offset] for offset in sorted(guilty)]
    assert {each.reason for each in refused} <= {"insert_refused"}
    assert sum(engine.rows) == sum(
        size for offset, size in enumerate(sizes) if offset not in guilty
    )


def test_an_insert_spans_ninety_days_at_most() -> None:
    """A batch of more days is divided before the engine can refuse it."""
    values = [value_of(["x"], NOW_MS - day * DAY_MS) for day in range(120)]
    engine = ScriptedEngine(lambda _attempt, _block: None)
    assert insert(engine, batch_of(*values, retention_days=365), 365)[0] == []
    assert engine.rows == [60, 60]


def test_a_batch_without_rows_is_not_sent() -> None:
    engine = ScriptedEngine(lambda _attempt, _block: None)
    assert insert(engine, batch_of(b"\xff")) == ([], [])
    assert engine.attempts == 0
