"""The account adds up, whatever happened, and nothing in it cancels."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rak_services.query.pipeline_account import (
    BootState,
    HourAccount,
    Rows,
    Source,
    balance,
)

OPEN, COMPLETE, GONE = BootState.OPEN, BootState.COMPLETE, BootState.GONE
NUMBERS = st.integers(0, 10**12)
REASONS = st.dictionaries(st.sampled_from(["a", "b", "c"]), NUMBERS, max_size=3)
SOURCES = st.builds(
    Source,
    state=st.sampled_from(BootState),
    accepted=NUMBERS,
    failed=NUMBERS,
    rejected=REASONS,
    arrived=NUMBERS,
    dead_lettered=REASONS,
    rejected_by_headers=NUMBERS,
)
ROWS = st.builds(
    Rows,
    claimed=NUMBERS,
    not_found=NUMBERS,
    expired=NUMBERS,
    surplus=NUMBERS,
    unclaimed=NUMBERS,
)


def adds_up(account: HourAccount) -> bool:
    came = account.received + account.duplicated + account.unreported
    went = account.stored + sum(account.dead_lettered.values()) + sum(account.rejected.values())
    went += account.waiting + account.expired
    return came == went + account.never_arrived + account.unexplained + account.not_found


@given(st.lists(SOURCES, max_size=6), ROWS, st.booleans())
def test_the_account_adds_up_whatever_is_said(
    sources: list[Source], rows: Rows, settled: bool
) -> None:
    account = balance(sources, rows, settled=settled)
    assert adds_up(account)
    numbers = [getattr(account, name) for name in HourAccount.__slots__]
    numbers += [n for each in (account.rejected, account.dead_lettered) for n in each.values()]
    assert min(number for number in numbers if isinstance(number, int)) >= 0


def healthy(accepted: int = 100, state: BootState = COMPLETE) -> Source:
    return Source(
        state, accepted=accepted, rejected={"trace_id": 2}, arrived=accepted, rejected_by_headers=2
    )


def test_an_hour_in_which_nothing_happened_to_anything() -> None:
    account = balance([healthy(100), healthy(50)], Rows(claimed=150), settled=True)
    assert (account.received, account.accepted, account.stored) == (154, 150, 150)
    assert account.rejected == {"trace_id": 4}
    assert (account.unaccounted, account.duplicated, account.waiting) == (0, 0, 0)


@given(st.integers(1, 100), st.integers(1, 100))
def test_one_receivers_loss_and_anothers_surplus_do_not_cancel(lost: int, again: int) -> None:
    sources = [
        replace(healthy(), arrived=100 - lost),
        replace(healthy(), arrived=100 + again),
    ]
    account = balance(sources, Rows(claimed=200 - lost + again), settled=True)
    assert (account.never_arrived, account.duplicated) == (lost, again)
    assert account.unaccounted == lost


def test_a_row_that_is_gone_and_one_that_is_there_twice_do_not_cancel() -> None:
    account = balance([healthy()], Rows(claimed=100, not_found=1, surplus=1), settled=True)
    assert (account.stored, account.not_found, account.duplicated) == (100, 1, 1)
    assert account.unaccounted == 1


@pytest.mark.parametrize("settled", [False, True])
def test_a_deleted_row_is_missed_in_every_hour(settled: bool) -> None:
    """A writer accounts for rows that it knows to be there, so there is nothing to wait for."""
    account = balance([healthy()], Rows(claimed=100, not_found=1), settled=settled)
    assert (account.stored, account.unaccounted) == (99, 1)


def test_a_row_of_a_day_that_is_kept_no_longer_is_no_loss() -> None:
    account = balance([healthy()], Rows(claimed=100, expired=40), settled=True)
    assert (account.stored, account.expired, account.unaccounted) == (60, 40, 0)


@pytest.mark.parametrize(("settled", "waiting", "unaccounted"), [(False, 30, 0), (True, 0, 30)])
def test_what_writers_have_not_read_waits_until_the_hour_is_settled(
    settled: bool, waiting: int, unaccounted: int
) -> None:
    account = balance([replace(healthy(), arrived=70)], Rows(claimed=70), settled=settled)
    assert (account.waiting, account.never_arrived) == (waiting, unaccounted)
    assert account.unaccounted == unaccounted


def test_dead_letters_are_accounted_for() -> None:
    source = replace(healthy(), dead_lettered={"undecodable": 9, "time_expired": 1})
    account = balance([source], Rows(claimed=90), settled=True)
    assert account.dead_lettered == {"undecodable": 9, "time_expired": 1}
    assert account.unaccounted == 0


def test_what_arrived_and_is_nowhere_is_missed() -> None:
    account = balance([healthy()], Rows(claimed=97), settled=True)
    assert (account.unexplained, account.unaccounted) == (3, 3)


def test_a_receiver_that_fell_silent_leaves_items_that_it_never_reported() -> None:
    """They are stored; that they were accepted is known from the writers alone."""
    source = Source(
        GONE, accepted=100, rejected={"trace_id": 2}, arrived=130, rejected_by_headers=5
    )
    account = balance([source], Rows(claimed=130), settled=True)
    assert (account.received, account.stored, account.unreported) == (102, 130, 33)
    assert account.rejected == {"trace_id": 2, "unreported": 3}
    assert account.unaccounted == 33


def test_a_running_receivers_report_is_waited_for() -> None:
    """It comes within seconds; what the writers saw counts until then."""
    account = balance([replace(healthy(state=OPEN), arrived=130)], Rows(claimed=130), settled=False)
    assert (account.received, account.stored, account.unaccounted) == (132, 130, 0)


def test_what_was_given_up_and_landed_was_received() -> None:
    source = replace(healthy(), failed=20, arrived=115)
    account = balance([source], Rows(claimed=115), settled=True)
    assert (account.accepted, account.failed, account.unaccounted) == (115, 20, 0)
    assert account.duplicated == 0


def test_what_was_given_up_and_never_landed_was_not_received() -> None:
    account = balance([replace(healthy(), failed=20)], Rows(claimed=100), settled=True)
    assert (account.accepted, account.failed, account.unaccounted) == (100, 20, 0)


def test_what_was_read_twice_is_a_duplicate() -> None:
    """Nobody but a broker without notes lets that happen."""
    account = balance([replace(healthy(), arrived=110)], Rows(claimed=110), settled=True)
    assert (account.stored, account.duplicated, account.unaccounted) == (110, 10, 0)


def test_messages_of_other_producers_are_received_as_they_arrive() -> None:
    source = Source(BootState.OTHER, arrived=40, dead_lettered={"undecodable": 1})
    account = balance([source], Rows(claimed=39), settled=True)
    assert (account.received, account.stored, account.unaccounted) == (40, 39, 0)


def test_rows_that_no_writer_claims_are_duplicates_once_the_hour_is_settled() -> None:
    """Until then their writer's account may follow: they still wait."""
    source = replace(healthy(), arrived=70)
    account = balance([source], Rows(claimed=70, unclaimed=30), settled=False)
    assert (account.stored, account.waiting, account.duplicated) == (70, 30, 0)
    account = balance([healthy()], Rows(claimed=100, unclaimed=30), settled=True)
    assert (account.stored, account.duplicated, account.unaccounted) == (130, 30, 0)
