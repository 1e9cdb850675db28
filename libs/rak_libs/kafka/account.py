"""What one run of a receiver has accepted, rejected and failed to hand on, by signal and hour."""

from collections import defaultdict
from typing import Final, NamedTuple

from rak_libs.model.pipeline import ACCEPTED, FAILED, HOUR_MS, REJECTED
from rak_libs.model.status import Count
from rak_libs.runtime.boot import Boot

MOST_CHANGES: Final = 5_000
"""Counts in one status record: some 600 kB."""

_FORGET_SECONDS: Final = 3 * 3600.0


class Key(NamedTuple):
    """What items are counted by; fields as of `rak_libs.model.status.Count`."""

    signal: str
    hour_ms: int
    principal: str
    outcome: str
    reason: str


class Account:
    """Counts that only grow, and which of them the broker has been told.

    Counting costs a request one addition in a dict for each outcome. What has not changed for three
    hours is forgotten: an hour of the broker's clock is over by then, wherever that clock stands.
    """

    def __init__(self, boot: Boot) -> None:
        self.boot = boot
        self._items: defaultdict[Key, int] = defaultdict(int)
        self._told: dict[Key, int] = {}
        self._told_at: dict[Key, float] = {}

    def accepted(self, signal: str, principal: str, timestamp_ms: int, items: int) -> None:
        """Count items that the broker acknowledged in a message that it dated `timestamp_ms`."""
        self._items[_key(signal, timestamp_ms, principal, ACCEPTED)] += items

    def rejected(
        self, signal: str, principal: str, timestamp_ms: int, reason: str, items: int
    ) -> None:
        """Count rejected items, dated as the message with the rest of their request.

        Without one, `timestamp_ms` is when they arrived.
        """
        self._items[_key(signal, timestamp_ms, principal, REJECTED, reason)] += items

    def failed(
        self, signal: str, principal: str, sent_ms: int, given_up_ms: int, items: int
    ) -> None:
        """Count items that were sent and not acknowledged: the broker may have them or not.

        Where the hour ends in between, they count in both, since they may be dated in either.
        """
        first, last = sent_ms // HOUR_MS, given_up_ms // HOUR_MS
        for hour in {first, last}:
            self._items[_key(signal, hour * HOUR_MS, principal, FAILED)] += items

    def changes(self) -> list[Count]:
        """Return counts that the broker has not been told, `MOST_CHANGES` at most."""
        changed = []
        for key, items in self._items.items():
            if self._told.get(key) != items:
                changed.append(Count(**key._asdict(), items=items))
                if len(changed) == MOST_CHANGES:
                    break
        return changed

    def told(self, changes: list[Count], now: float) -> None:
        """Note that the broker has these counts.

        Args:
            changes: What `changes` returned; they may have grown since.
            now: A clock that only goes forward, seconds.
        """
        for count in changes:
            key = Key(count.signal, count.hour_ms, count.principal, count.outcome, count.reason)
            self._told[key] = count.items
            self._told_at[key] = now
        for key, at in list(self._told_at.items()):
            if now - at > _FORGET_SECONDS and self._told[key] == self._items[key]:
                del self._items[key], self._told[key], self._told_at[key]


def _key(signal: str, timestamp_ms: int, principal: str, outcome: str, reason: str = "") -> Key:
    return Key(signal, timestamp_ms - timestamp_ms % HOUR_MS, principal, outcome, reason)
