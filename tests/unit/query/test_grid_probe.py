"""The engine's functions on grids are used only when they give what is expected."""

import asyncio
from typing import Any, cast

import pytest

from rak_libs.clickhouse.errors import (
    ClickHouseError,
    PermanentClickHouseError,
    TransientClickHouseError,
)
from rak_libs.clickhouse.select import ReadPool
from rak_services.query.metrics import grid_probe
from rak_services.query.metrics.grid_probe import GridProbe

RIGHT = ("26.9.2.1", *map(list, grid_probe._EXPECTED))
# Before ClickHouse 25.9 windows held the point at their begin.
CLOSED = ("25.8.2.1", ["-1", "3", "nan", "nan", "16"], *RIGHT[2:])


class Engine:
    """Answers one probe after another."""

    def __init__(self, *answers: Any) -> None:
        self._answers = iter(answers)

    async def select(self, _sql: str, settings: dict[str, str]) -> list[Any]:
        assert settings == grid_probe.GRID_SETTINGS
        answer = next(self._answers)
        if isinstance(answer, ClickHouseError):
            raise answer
        return [answer]

    @property
    def pool(self) -> ReadPool:
        return cast("ReadPool", self)


@pytest.mark.parametrize(("answer", "usable"), [(RIGHT, True), (CLOSED, False)])
def test_the_engine_is_asked_once(answer: Any, usable: bool) -> None:
    probe, pool = GridProbe(), Engine(answer).pool
    assert [asyncio.run(probe.usable(pool)) for _ in range(2)] == [usable, usable]


@pytest.mark.parametrize("code", [46, 63, 344])
def test_an_engine_without_them_is_not_asked_again(code: int) -> None:
    probe, pool = GridProbe(), Engine(TransientClickHouseError(code, "what?"), RIGHT).pool
    assert not any(asyncio.run(probe.usable(pool)) for _ in range(2))


def test_an_engine_that_is_down_is_asked_again() -> None:
    probe, pool = GridProbe(), Engine(TransientClickHouseError(210, "refused"), RIGHT).pool
    assert [asyncio.run(probe.usable(pool)) for _ in range(2)] == [False, True]


def test_after_a_refusal_they_are_used_no_more() -> None:
    probe, pool = GridProbe(), Engine(RIGHT).pool
    assert asyncio.run(probe.usable(pool))
    probe.give_up(PermanentClickHouseError(49, "LOGICAL_ERROR"))
    assert not asyncio.run(probe.usable(pool))
