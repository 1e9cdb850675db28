"""A signal of several tables: each gets its rows once, in order; the engine is a model."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from rak_libs.clickhouse.errors import PermanentClickHouseError, TransientClickHouseError
from rak_libs.clickhouse.insert import EncodedBlock
from rak_libs.kafka.consumer import Record, TopicPartition
from rak_services.writer import insertion as insertion_module
from rak_services.writer.batch import Batch
from rak_services.writer.insertion import Insertion, PartlyStoredError
from rak_services.writer.lease import Lease
from rak_services.writer.signals import SIGNALS
from rak_services.writer.written_rows import WrittenRows
from unit.writer.span_messages import NOW_MS

METRICS = SIGNALS["metrics"]
SOURCE = TopicPartition("otlp_metrics", 1)
DAYS_KEPT = 10_000
REFUSED = PermanentClickHouseError(469, "a constraint is violated")
AWAY = TransientClickHouseError(210, "away")


class Engine:
    """Keeps the rows of each table by token, and fails as `fate` says, told the table's name."""

    def __init__(self, fate: Callable[[str], Exception | None] = lambda _: None) -> None:
        self.fate = fate
        self.order: list[str] = []
        self.rows: Counter[str] = Counter()
        self._tokens: set[str] = set()

    def insert_block(self, block: EncodedBlock, settings: Mapping[str, Any], _query: str) -> None:
        name = block.table.name
        if error := self.fate(name):
            raise error
        self.order.append(name)
        token = settings.get("insert_deduplication_token", name)
        if token not in self._tokens:
            self._tokens.add(token)
            self.rows[name] += block.rows

    def execute(self, sql: str) -> list[tuple[str, int]]:
        table = sql.partition(" FROM ")[2].partition(" ")[0]
        return [("20270115", self.rows[table])] if self.rows[table] else []


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insertion_module, "_backoff", lambda _state: 0.0)


def message(offset: int, numbers: int) -> Record:
    """Points of one gauge, one of them with an exemplar, and one histogram."""
    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add().scope_metrics.add().metrics
    gauge, histogram = metrics.add(name="gauge"), metrics.add(name="histogram")
    for number in range(numbers):
        time_ns = (NOW_MS - number) * 1_000_000
        point = gauge.gauge.data_points.add(time_unix_nano=time_ns, as_int=number)
    point.exemplars.add(as_int=5)
    histogram.histogram.aggregation_temporality = 1
    histogram.histogram.data_points.add(time_unix_nano=NOW_MS * 1_000_000, count=1)
    return Record(SOURCE.topic, SOURCE.partition, offset, NOW_MS, request.SerializeToString(), ())


def batch_of(*numbers: int, written: WrittenRows | None = None) -> Batch:
    batch = Batch.begin(SOURCE, METRICS, DAYS_KEPT, 0.0, written)
    for offset, each in enumerate(numbers):
        batch.add(message(offset, each))
    return batch


def insert(engine: Engine, batch: Batch, abandoned_after: int | None = None) -> None:
    """Insert a batch; gives up after as many failures, where that is said."""

    async def confirm() -> None:
        return

    async def run() -> None:
        abandoned, failures = asyncio.Event(), 0

        def count(error: Exception | None) -> None:
            nonlocal failures
            failures += error is not None
            if failures == abandoned_after:
                abandoned.set()

        with ThreadPoolExecutor(1) as executor:
            insertion = Insertion(METRICS, DAYS_KEPT, engine, executor)  # type: ignore[arg-type]
            encoded = await insertion.encode(batch)
            assert encoded is not None
            await insertion.insert(encoded, Lease(1e6, confirm), abandoned, count)

    asyncio.run(run())


def test_each_table_gets_its_rows_the_series_first() -> None:
    engine = Engine()
    insert(engine, batch_of(3, 2))
    assert engine.order == [
        "metric_series",
        "metric_samples",
        "metric_histograms",
        "metric_exemplars",
    ]
    assert engine.rows == {
        "metric_series": 2,
        "metric_samples": 5,
        "metric_histograms": 2,
        "metric_exemplars": 2,
    }


def test_points_are_counted_and_neither_series_nor_exemplars() -> None:
    batch = batch_of(3, 2)
    rows = batch.tally.account_rows(batch.identity.number, NOW_MS).columns
    counted = zip(rows["outcome"], rows["items"], strict=True)  # type: ignore[arg-type]
    assert dict(counted) == {"arrived": 7, "stored": 7}


def test_a_failure_in_between_is_tried_again_from_there() -> None:
    fates = iter([AWAY, AWAY])

    def fate(table: str) -> Exception | None:
        return next(fates, None) if table == "metric_histograms" else None

    engine = Engine(fate)
    insert(engine, batch_of(3))
    assert engine.order == [
        "metric_series",
        "metric_samples",
        "metric_histograms",
        "metric_exemplars",
    ]


def test_a_batch_that_was_begun_before_is_completed() -> None:
    """A predecessor stored the numbers and died: its tables are asked, one by one."""
    engine = Engine()
    insert(engine, batch_of(3))
    again = batch_of(3)
    again.replayed = True
    engine.order.clear()
    engine.rows["metric_histograms"] = 0
    insert(engine, again, abandoned_after=2)
    assert engine.order[:1] == ["metric_series"]
    assert "metric_samples" not in engine.order
    assert "metric_exemplars" not in engine.order


def test_rows_that_the_first_table_refuses_are_refused_whole() -> None:
    """Nothing is stored yet: the batch may be taken apart."""
    engine = Engine(lambda table: REFUSED if table == "metric_samples" else None)
    with pytest.raises(PermanentClickHouseError):
        insert(engine, batch_of(3))
    assert set(engine.order) == {"metric_series"}


def test_rows_that_a_later_table_refuses_halt_loudly() -> None:
    """Neither dead letters nor another attempt of the whole would be right."""
    engine = Engine(lambda table: REFUSED if table == "metric_histograms" else None)
    with pytest.raises(PartlyStoredError):
        insert(engine, batch_of(3), abandoned_after=1)
    assert engine.rows["metric_samples"] == 3


def test_series_that_were_written_are_left_out_of_later_batches() -> None:
    written = WrittenRows()
    first = batch_of(1, written=written)
    assert len(first.descriptions) == 2
    written.note(first.descriptions)
    engine = Engine()
    insert(engine, batch_of(1, written=written))
    assert "metric_series" not in engine.order
