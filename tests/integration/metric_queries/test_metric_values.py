"""Every aggregation of a metric against plain Python, over generated series of every kind."""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import msgspec
import pytest

from integration.metric_queries.known_metrics import (
    DAY,
    KINDS,
    make_series,
    metric_name,
    store_series,
)
from integration.metric_queries.metric_questions import (
    Asked,
    compare,
    has_grids,
    is_defined,
    request_of,
)
from metric_oracle import SECOND, Point, Question, Series, answer
from rak_libs.clickhouse.connection import connect
from rak_libs.clickhouse.insert import Inserter
from rak_libs.clickhouse.statements import Statements
from rak_libs.model.metrics import METRIC_TABLES
from rak_libs.runtime.settings import Config, DeriveSettings
from rak_services.derive.config import derive_limits
from rak_services.derive.crash_points import CrashPoints
from rak_services.derive.metrics.computing import Computing
from rak_services.derive.metrics.rollups import MetricRollups
from rak_services.migrate.config import Target
from rak_services.migrate.files import load_schema_files, schema_folder
from rak_services.migrate.tables import Waits, migrate_tables

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

AGGREGATIONS = (
    *("avg", "sum", "min", "max", "count", "last", "rate", "increase"),
    *("p0", "p95", "p99.9"),
)
# Step in minutes, steps in a window, labels, and how series are put together.
Shape = tuple[int, int, tuple[str, ...], str | None]

ONE_GROUP: Shape = (1, 1, (), None)
SHAPES: tuple[Shape, ...] = (
    (2, 5, ("service_name", "code"), None),
    (5, 1, ("fingerprint",), None),
    (10, 2, ("code",), "avg"),
    (10, 1, (), "min"),
    (10, 1, (), "max"),
    (10, 1, ("service_name",), "count"),
)
ROLLED_UP: dict[Shape, str] = {
    (2, 3, ("code",), None): "1m",
    (60, 1, (), None): "1h",
}


@dataclass
class Known:
    """The stored series, and the time around which they are asked about."""

    series: list[Series]
    midnight: int

    def of(self, kind: str, temporality: str) -> list[Series]:
        name = metric_name(kind, temporality)
        return [each for each in self.series if each.metric == name]

    def add_late_points(self) -> list[Series]:
        """Repeat a point of every series but gauges a moment later; return the new rows alone."""
        late = [
            replace(each, rows=(_repeated(each, self.midnight - 50 * MINUTE),))
            for each in self.series
            if each.kind != "GAUGE"
        ]
        rows = {each.fingerprint: each.rows for each in late}
        self.series = [
            replace(each, rows=(*each.rows, *rows.get(each.fingerprint, ())))
            for each in self.series
        ]
        return late


def _repeated(series: Series, after: int) -> Point:
    points = series.points()
    point = next((each for each in points if each.at >= after), points[0])
    return replace(point, at=point.at + 1)


@pytest.fixture(scope="module")
def own(config: Config) -> Config:
    """A database of the module's own: what is rolled up there is no other test's matter."""
    name = "metric_values"
    with Statements(config.clickhouse) as statements:
        files = load_schema_files(schema_folder())
        migrate_tables(statements, Target(name, ""), files, Waits(20, 20, 20), "test")
    clickhouse = msgspec.structs.replace(config.clickhouse, database=name)
    return msgspec.structs.replace(config, clickhouse=clickhouse)


@pytest.fixture(scope="module")
def known(own: Config) -> Known:
    # The latest one that is long enough ago: what is rolled up reaches from there to now.
    midnight = (time.time_ns() - 80 * MINUTE) // DAY * DAY
    # Points from long before the range, so that every one in it has those it looks back to.
    begin, end = midnight - 130 * MINUTE, midnight + 70 * MINUTE
    series = make_series(seed=11, each=23, begin=begin, end=end)
    assert len(series) >= 200
    store_series(own.clickhouse, series)
    return Known(series, midnight)


@pytest.fixture(scope="module")
def asked(own: Config) -> Iterator[Asked]:
    """The handlers on the engine, without HTTP."""
    with asyncio.Runner() as runner, contextlib.closing(Asked(runner, own)) as asked:
        yield asked


@pytest.mark.parametrize(("kind", "temporality"), KINDS)
def test_every_aggregation_of_points_equals_plain_python(
    asked: Asked, known: Known, kind: str, temporality: str
) -> None:
    for question in questions(known, kind, ONE_GROUP, AGGREGATIONS):
        check(asked, known, kind, temporality, question)
    for number, shape in enumerate(SHAPES):
        # Each kind is asked for another aggregation, all kinds together for all of them.
        first = number + KINDS.index((kind, temporality))
        some = (AGGREGATIONS * 2)[first : first + len(AGGREGATIONS)]
        question = next(questions(known, kind, shape, some))
        check(asked, known, kind, temporality, question)


def test_merges_of_the_engine_change_nothing(asked: Asked, known: Known, own: Config) -> None:
    with connect(own.clickhouse) as client:
        for table in METRIC_TABLES:
            client.execute(f"OPTIMIZE TABLE {table.name} FINAL")
    for number, (kind, temporality) in enumerate(KINDS):
        for question in questions(known, kind, ONE_GROUP, AGGREGATIONS[number % 4 :: 4]):
            check(asked, known, kind, temporality, question)


def test_rollups_give_the_same_and_are_named(asked: Asked, known: Known, own: Config) -> None:
    """Also when late points are in no rollup yet, and when they are."""
    roll_up(own)
    for _, shape, resolution in ask_in_hours(asked, known, ROLLED_UP):
        assert resolution == ROLLED_UP[shape]
    store_series(own.clickhouse, known.add_late_points(), inserts=1)
    hours: Shape = (60, 1, (), None)
    for kind, _, resolution in ask_in_hours(asked, known, [hours]):
        assert resolution == ("1h" if kind == "GAUGE" else "raw")
    roll_up(own)
    for _, _, resolution in ask_in_hours(asked, known, [hours]):
        assert resolution == "1h"


def ask_in_hours(
    asked: Asked, known: Known, shapes: Iterable[Shape]
) -> Iterator[tuple[str, Shape, str]]:
    """Ask for two hours, hold the answers against plain Python; yield where they came from.

    What rollups cannot answer is not asked.
    """
    for number, (kind, temporality) in enumerate(KINDS):
        for place, shape in enumerate(shapes):
            some = AGGREGATIONS[(number + place) % 3 :: 3]
            for question in questions(known, kind, shape, some, around=HOUR):
                quantile = question.agg.startswith("p")
                if kind == "SUMMARY" or (quantile and not kind.endswith("HISTOGRAM")):
                    continue
                request = request_of(metric_name(kind, temporality), question)
                answered = asked.answer(request)
                compare(answered, answer(known.of(kind, temporality), question), question)
                yield kind, shape, answered.resolution


def roll_up(config: Config) -> None:
    """Do what `rak-derive` does once."""
    settled = msgspec.structs.replace(config, derive=DeriveSettings(settle_seconds=0.001))
    with contextlib.closing(Inserter(config.clickhouse)) as inserter:
        limits = derive_limits(settled)
        MetricRollups(Computing(inserter, limits, lambda: False, CrashPoints())).cycle()


def check(asked: Asked, known: Known, kind: str, temporality: str, question: Question) -> None:
    expected = answer(known.of(kind, temporality), question)
    request = request_of(metric_name(kind, temporality), question)
    for grids in (True, False) if has_grids(kind, question.agg) else (True,):
        compare(asked.answer(request, grids=grids), expected, question)


def questions(
    known: Known,
    kind: str,
    shape: Shape,
    aggregations: Iterable[str],
    around: int = 30 * MINUTE,
) -> Iterator[Question]:
    """Yield the questions of a shape that have a meaning for a kind."""
    step, steps, by, across = shape
    start, end = known.midnight - around, known.midnight + around
    for agg in aggregations:
        question = Question(agg, start, end, step * MINUTE, step * steps * MINUTE, by, across)
        if is_defined(kind, question):
            yield question
