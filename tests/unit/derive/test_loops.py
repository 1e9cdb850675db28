"""Kinds of derived rows do not wait for each other."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from rak_libs.clickhouse.errors import SchemaError, TransientClickHouseError
from rak_services.derive import loops
from rak_services.derive.loops import Loop, run_loops
from rak_services.derive.progress import Progress
from rak_services.derive.statements import Stopped

DONE = Progress(1, 1)


def refused() -> Progress:
    raise SchemaError(60, "no such table")


def loops_until(stop: asyncio.Event, cycles: int) -> Loop:
    """A loop that works and stops everything after some cycles."""
    event_loop, left = asyncio.get_running_loop(), iter(range(cycles - 1))

    def cycle() -> Progress:
        if next(left, None) is None:
            event_loop.call_soon_threadsafe(stop.set)
        return DONE

    return Loop("ledger", 0.001, cycle)


def failing_first(errors: Iterator[Exception], working: Loop) -> Loop:
    def cycle() -> Progress:
        for error in errors:
            raise error
        return working.cycle()

    return Loop("", 0.001, cycle)


def run(make: Callable[[asyncio.Event], list[Loop]]) -> None:
    async def main() -> None:
        stop = asyncio.Event()
        async with asyncio.timeout(10):
            await run_loops(make(stop), stop)

    asyncio.run(main())


def test_a_refused_loop_stops_no_other() -> None:
    run(lambda stop: [Loop("", 0.001, refused), loops_until(stop, 5)])


def test_when_every_loop_is_refused_the_service_fails() -> None:
    with pytest.raises(ExceptionGroup) as failure:
        run(lambda _: [Loop("", 0.001, refused), Loop("ledger", 0.001, refused)])
    assert failure.group_contains(SchemaError, match="no such table")


def test_a_loop_that_was_refused_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "LONGEST_PAUSE_SECONDS", 0.001)
    left = iter([SchemaError(60, "no such table")])

    def make(stop: asyncio.Event) -> list[Loop]:
        return [failing_first(left, loops_until(stop, 2)), loops_until(stop, 10**9)]

    run(make)
    assert next(left, None) is None


def test_what_can_pass_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "_BACKOFF", lambda _: 0.001)
    left = iter([TransientClickHouseError(210, "away"), TransientClickHouseError(210, "away")])

    run(lambda stop: [failing_first(left, loops_until(stop, 1))])
    assert next(left, None) is None


def test_a_cycle_that_was_told_to_stop_is_no_failure() -> None:
    def make(stop: asyncio.Event) -> list[Loop]:
        working = loops_until(stop, 1)

        def cycle() -> Progress:
            working.cycle()
            raise Stopped

        return [Loop("ledger", 0.001, cycle)]

    run(make)
