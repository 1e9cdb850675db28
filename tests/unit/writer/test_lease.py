"""An INSERT begins only while the broker has lately called the partition ours."""

import asyncio

import pytest

from rak_libs.kafka.errors import PartitionLost
from rak_services.writer.lease import Lease, LeaseExpired


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_confirmation_counts_from_when_it_was_asked_for() -> None:
    """The broker's answer may be late; by then the session has run for as long."""
    clock = Clock()

    async def confirm() -> None:
        clock.now += 2.0

    lease = Lease(5.0, confirm, clock)
    with pytest.raises(LeaseExpired):
        lease.check()
    asyncio.run(lease.renew())
    clock.now += 2.9
    lease.check()
    clock.now += 0.2
    assert not lease.holds
    with pytest.raises(LeaseExpired):
        lease.check()


def test_what_the_broker_refuses_is_no_confirmation() -> None:
    clock = Clock()

    async def refuse() -> None:
        raise PartitionLost("another's")

    lease = Lease(5.0, refuse, clock)
    with pytest.raises(PartitionLost):
        asyncio.run(lease.renew())
    assert not lease.holds
