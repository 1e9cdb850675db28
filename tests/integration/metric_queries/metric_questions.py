"""Questions about metrics for the handlers, and their answers in the form of the oracle."""

import asyncio
import math
import time
from collections.abc import Sequence
from typing import Any

from metric_oracle import Group, Question
from rak_libs.clickhouse.errors import PermanentClickHouseError
from rak_libs.clickhouse.select import ReadPool
from rak_libs.model.time_text import parse_time
from rak_libs.runtime.settings import Config
from rak_services.query.endpoint import Question as QuestionOfUrl
from rak_services.query.endpoint import Store
from rak_services.query.metrics.aggregations import Aggregation
from rak_services.query.metrics.answers import MetricGroup, MetricValues
from rak_services.query.metrics.query import query_metric
from rak_services.query.metrics.requests import QueryMetric
from rak_services.query.parameter_types import Duration, TimePoint


class Asked:
    """The handlers on an engine, without HTTP."""

    def __init__(self, runner: asyncio.Runner, config: Config) -> None:
        self._runner = runner
        self._pool = ReadPool(config.clickhouse, config.query)
        self._store, self._plain = (
            Store(
                self._pool,
                config.query,
                time.time_ns,
                clustered=False,
                storage=config.storage,
                status_interval_seconds=10.0,
            )
            for _ in range(2)
        )
        self._plain.grids.give_up(PermanentClickHouseError(0, "a test wants it plain"))
        assert runner.run(self._store.grids.usable(self._pool))

    def answer(self, request: QueryMetric, *, grids: bool = True) -> MetricValues:
        """Return an answer; without `grids` no function of the engine's own helps."""
        store = self._store if grids else self._plain
        answered = self._runner.run(query_metric(store, QuestionOfUrl("", ""), request))
        assert self._runner.run(store.grids.usable(self._pool)) == grids
        return answered

    def close(self) -> None:
        self._runner.run(self._pool.close())


def request_of(name: str, question: Question) -> QueryMetric:
    """Return the request of a question."""
    return QueryMetric(
        name=name,
        agg=Aggregation.parse(question.agg),
        start=TimePoint.parse(str(question.start)),
        end=TimePoint.parse(str(question.end)),
        step=Duration(question.step),
        window=Duration(question.window),
        by=question.by,
        across=question.across,  # type: ignore[arg-type] # a text of the test's own
    )


def compare(
    answered: MetricValues, expected: dict[Group, dict[int, float]], question: Question
) -> None:
    """Hold an answer against what the oracle says."""
    begins = [parse_time(begin) for begin in answered.timestamps]
    assert begins == list(range(question.start, question.end, question.step))
    found = {_group(item): _values(begins, item.values) for item in answered.items}
    assert found.keys() == expected.keys()
    for group, values in expected.items():
        assert found[group].keys() == values.keys(), (question, group)
        for begin, value in values.items():
            got = found[group][begin]
            same = math.isclose(got, value, rel_tol=1e-9, abs_tol=1e-9)
            assert same, (question, group, begin, got, value)


def _group(item: MetricGroup) -> Group:
    return (
        tuple(item.labels.items()),
        item.metric_type,
        item.temporality,
        item.unit,
        None if item.explicit_bounds is None else tuple(item.explicit_bounds),
    )


def _values(begins: Sequence[int], values: Sequence[Any]) -> dict[int, float]:
    pairs = zip(begins, values, strict=True)
    return {begin: value for begin, value in pairs if value is not None}


def is_defined(kind: str, question: Question) -> bool:
    """Whether a question has a meaning; what the others are answered is tested elsewhere."""
    if question.agg.startswith("p"):
        return question.across is None and (kind != "SUMMARY" or "fingerprint" in question.by)
    if kind == "SUMMARY":
        return question.agg in {"avg", "sum", "count", "rate", "increase"}
    if kind.endswith("HISTOGRAM"):
        return question.agg != "last"
    return kind != "GAUGE" or question.agg not in {"rate", "increase"}


def has_grids(kind: str, agg: str) -> bool:
    """Whether the engine has functions of its own for it."""
    numbers = {"COUNTER", "GAUGE", "UP_DOWN_COUNTER"}
    return kind in numbers and agg in {"avg", "sum", "min", "max", "count", "last"}
