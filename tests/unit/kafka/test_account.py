"""A receiver's counts: what the broker has not been told yet, and what may be forgotten."""

import pytest

from rak_libs.kafka import account as account_module
from rak_libs.kafka.account import Account
from rak_libs.model.pipeline import HOUR_MS
from rak_libs.model.status import Count
from rak_libs.runtime.boot import Boot

HOUR = 500_000 * HOUR_MS
BOOT = Boot("b1", HOUR, "1.0")


def count(outcome: str, items: int, reason: str = "", hour_ms: int = HOUR) -> Count:
    return Count(
        signal="spans",
        hour_ms=hour_ms,
        principal="p",
        outcome=outcome,  # type: ignore[arg-type] # the outcomes are words
        reason=reason,
        items=items,
    )


@pytest.fixture
def account() -> Account:
    """With something of every outcome."""
    account = Account(BOOT)
    account.accepted("spans", "p", HOUR + 5, 10)
    account.accepted("spans", "p", HOUR + 3_599_999, 20)
    account.rejected("spans", "p", HOUR, "trace_id", 2)
    account.rejected("spans", "p", HOUR, "time_zero", 1)
    account.failed("spans", "p", HOUR, HOUR + 10_000, 7)
    return account


def test_counts_are_of_the_hour_outcome_and_reason(account: Account) -> None:
    assert account.changes() == [
        count("accepted", 30),
        count("rejected", 2, "trace_id"),
        count("rejected", 1, "time_zero"),
        count("failed", 7),
    ]


def test_what_the_broker_was_told_is_not_told_again(account: Account) -> None:
    account.told(account.changes(), now=0.0)
    assert account.changes() == []


def test_counts_go_on_growing(account: Account) -> None:
    """Each record says all of the boot so far, so that one which is lost takes nothing along."""
    changes = account.changes()
    account.accepted("spans", "p", HOUR, 1)
    account.told(changes, now=0.0)
    assert account.changes() == [count("accepted", 31)]


def test_what_was_not_told_stays_to_be_told(account: Account) -> None:
    assert account.changes() == account.changes() != []


def test_items_that_were_given_up_in_the_next_hour_may_be_in_either() -> None:
    account = Account(BOOT)
    account.failed("spans", "p", HOUR - 1, HOUR + 10_000, 7)
    assert sorted(change.hour_ms for change in account.changes()) == [HOUR - HOUR_MS, HOUR]
    assert {change.items for change in account.changes()} == {7}


def test_an_hour_that_is_over_is_forgotten_once_it_was_told(account: Account) -> None:
    account.told(account.changes(), now=0.0)
    account.accepted("spans", "p", HOUR, 1)
    account.told([], now=3 * 3600.0 + 1)
    assert account.changes() == [count("accepted", 31)]
    account.told(account.changes(), now=3 * 3600.0 + 1)
    account.accepted("spans", "p", HOUR, 1)
    assert account.changes() == [count("accepted", 32)]


def test_many_changes_come_in_parts(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record has to fit a message."""
    monkeypatch.setattr(account_module, "MOST_CHANGES", 3)
    everything = [count("accepted", 30), count("rejected", 2, "trace_id")]
    everything += [count("rejected", 1, "time_zero"), count("failed", 7)]
    assert account.changes() == everything[:3]
    account.told(account.changes(), now=0.0)
    assert account.changes() == everything[3:]
