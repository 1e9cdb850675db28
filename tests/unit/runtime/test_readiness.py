"""A readiness check runs once at a time and is answered in time, whatever it does."""

import asyncio

import pytest

from rak_libs.runtime import admin
from rak_libs.runtime.admin import _Check, not_stopping


@pytest.fixture(autouse=True)
def _short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "ANSWER_SECONDS", 0.05)


def test_a_check_that_returns_is_ok() -> None:
    async def fine() -> None: ...

    assert asyncio.run(_Check(fine).answer()) == "ok"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionError("no broker at 127.0.0.1:9092"), "no broker at 127.0.0.1:9092"),
        (TimeoutError(), "TimeoutError"),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_the_text_of_the_error_is_the_reason(error: Exception, reason: str) -> None:
    async def failing() -> None:
        raise error

    assert asyncio.run(_Check(failing).answer()) == reason


def test_probes_join_a_check_that_hangs_and_see_when_it_ends() -> None:
    async def scenario() -> None:
        started = 0
        release = asyncio.Event()

        async def hanging() -> None:
            nonlocal started
            started += 1
            await release.wait()

        check = _Check(hanging)
        slow = "no answer within 0.05 s"
        assert await asyncio.gather(check.answer(), check.answer()) == [slow, slow]
        assert await check.answer() == slow
        assert started == 1
        release.set()
        assert await check.answer() == "ok"
        assert await check.answer() == "ok"
        assert started == 2

    asyncio.run(scenario())


def test_probes_that_come_one_after_the_other_each_get_their_answer() -> None:
    """Also the one whose check is done, and replaced by the next, before it looks."""

    async def scenario() -> None:
        async def fine() -> None: ...

        check = _Check(fine)
        probes = []
        for _ in range(10):
            probes.append(asyncio.create_task(check.answer()))
            await asyncio.sleep(0)
        assert await asyncio.gather(*probes) == ["ok"] * 10

    asyncio.run(scenario())


def test_a_check_that_never_ends_is_abandoned_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admin, "ABANDON_SECONDS", 0.06)

    async def scenario() -> None:
        answers = iter([asyncio.Event().wait(), asyncio.sleep(0)])

        async def hangs_once() -> None:
            await next(answers)

        check = _Check(hangs_once)
        assert await check.answer() == "no answer within 0.05 s"
        assert await check.answer() == "TimeoutError"
        assert await check.answer() == "ok"

    asyncio.run(scenario())


def test_a_service_that_stops_is_not_ready() -> None:
    async def scenario() -> None:
        stop = asyncio.Event()
        check = _Check(not_stopping(stop))
        assert await check.answer() == "ok"
        stop.set()
        assert await check.answer() == "the service is shutting down"

    asyncio.run(scenario())
