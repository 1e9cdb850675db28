import asyncio
import contextlib
from types import SimpleNamespace

import pytest

from rak_libs.receiving.admission import Admission
from rak_libs.receiving.errors import Held, NotNow, Overloaded, ShuttingDown

MEBIBYTE = 1024 * 1024


def test_charges_are_given_back_however_a_request_ends() -> None:
    admission = Admission(MEBIBYTE)
    with admission.enter() as ticket:
        ticket.charge(1000_000)
        assert admission.used_bytes == 1000_000
        assert admission.in_flight == 1
        ticket.charge(500_000)
        assert admission.used_bytes == 500_000
    with pytest.raises(ZeroDivisionError), admission.enter():
        raise ZeroDivisionError
    assert admission.used_bytes == 0
    assert admission.in_flight == 0


def test_what_does_not_fit_beside_the_others_is_refused_and_the_old_charge_stays() -> None:
    admission = Admission(MEBIBYTE)
    with admission.enter() as first, admission.enter() as second:
        first.charge(MEBIBYTE // 2)
        second.charge(MEBIBYTE // 4)
        with pytest.raises(Overloaded):
            second.charge(MEBIBYTE // 2 + 1)
        assert admission.used_bytes == MEBIBYTE // 2 + MEBIBYTE // 4
        second.charge(MEBIBYTE // 2)


def test_a_request_larger_than_the_budget_is_taken_when_it_is_alone() -> None:
    admission = Admission(MEBIBYTE)
    with admission.enter() as large:
        large.charge(10 * MEBIBYTE)
        with pytest.raises(Overloaded), admission.enter():
            pass
        large.charge(1)
        with admission.enter() as other:
            with pytest.raises(Overloaded):
                large.charge(10 * MEBIBYTE)
            other.charge(MEBIBYTE // 2)


def test_the_number_of_small_requests_is_bounded_too() -> None:
    admission = Admission(MEBIBYTE)
    with contextlib.ExitStack() as inside:
        for _ in range(64):
            inside.enter_context(admission.enter())
        with pytest.raises(Overloaded):
            inside.enter_context(admission.enter())
        assert admission.in_flight == 64


def test_a_hold_refuses_until_it_is_released_or_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    admission = Admission(MEBIBYTE)
    with admission.enter():
        admission.hold(10)
        assert admission.held
        assert admission.in_flight == 1
        with pytest.raises(Held), admission.enter():
            pass
    admission.release()
    with admission.enter():
        admission.hold(10)
    now += 10
    assert not admission.held
    with admission.enter():
        pass


def test_a_receiver_that_shuts_down_refuses_for_good() -> None:
    admission = Admission(MEBIBYTE)
    admission.shut_down()
    admission.release()
    with pytest.raises(ShuttingDown), admission.enter():
        pass


def test_every_refusal_is_one_to_be_repeated() -> None:
    assert all(issubclass(error, NotNow) for error in (Held, Overloaded, ShuttingDown))


def test_it_is_quiet_once_nobody_has_come_for_long_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = SimpleNamespace(now=100.0, monotonic=lambda: clock.now)
    monkeypatch.setattr("rak_libs.receiving.admission.time", clock)

    async def late_comer() -> None:
        admission = Admission(MEBIBYTE)
        admission.shut_down()
        quiet = asyncio.create_task(admission.wait_quiet(0.01))
        clock.now = 100.009
        with pytest.raises(ShuttingDown), admission.enter():
            pass
        clock.now = 100.018
        await asyncio.sleep(0.05)
        assert not quiet.done()
        clock.now = 100.020
        await quiet

    asyncio.run(late_comer())
