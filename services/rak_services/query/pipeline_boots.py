"""Which runs of receivers have said all about an hour, and whether an hour is settled."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from rak_libs.model.pipeline import HOUR_MS
from rak_services.query.pipeline_account import BootState

MARGIN_MS: Final = 60_000
"""How long after an hour everything that belongs to it has been acknowledged, or given up, and
clocks that differ a little have passed its end."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """What one run of a receiver has shown of itself; times are unix milliseconds.

    Attributes:
        boot: Its id.
        started_ms: When it started.
        last_seen_ms: Its last status record.
        ended: Whether that closed its account.
        release: Its version.
    """

    boot: str
    started_ms: int
    last_seen_ms: int
    ended: bool
    release: str


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Everything that tells how complete what is known of an hour is.

    Attributes:
        receivers: Runs of receivers, by boot.
        written_until_ms: Of each partition: all messages before this moment are written.
        newest_status_ms: The newest status record of any process. Silence is measured from there:
            while no record comes through, nobody is taken for gone.
        silent_after_ms: Without a record for this long, a process is gone.
    """

    receivers: Mapping[str, Receiver]
    written_until_ms: Iterable[int]
    newest_status_ms: int
    silent_after_ms: int

    def state_of(self, boot: str, hour_ms: int, arrived_ms: int = 0) -> BootState:
        """Tell what is known of the account that a run keeps of an hour.

        Args:
            boot: The run; '' for another producer.
            hour_ms: Begin of the hour.
            arrived_ms: When a writer last accounted for items of it: a sign of life as well,
                sooner than the first status record.
        """
        if not boot:
            return BootState.OTHER
        receiver = self.receivers.get(boot)
        last_seen_ms = receiver.last_seen_ms if receiver else 0
        if receiver and (receiver.ended or last_seen_ms >= hour_ms + HOUR_MS + MARGIN_MS):
            return BootState.COMPLETE
        silent_ms = self.newest_status_ms - max(last_seen_ms, arrived_ms)
        return BootState.GONE if silent_ms > self.silent_after_ms else BootState.OPEN

    def gone_in(self, hour_ms: int, states: Mapping[str, BootState]) -> list[str]:
        """Return the runs that fell silent in an hour, or left items in it: in order.

        Args:
            hour_ms: Begin of the hour.
            states: The state of every run that has items in the hour.
        """
        silent = {
            receiver.boot
            for receiver in self.receivers.values()
            if hour_ms <= receiver.last_seen_ms < hour_ms + HOUR_MS
            and self.state_of(receiver.boot, hour_ms) is BootState.GONE
        }
        with_items = {boot for boot, state in states.items() if state is BootState.GONE}
        return sorted(silent | with_items)

    def settled(self, hour_ms: int, states: Iterable[BootState]) -> bool:
        """Tell whether nothing more will be said about an hour.

        Writers have written everything of it in every partition, and no receiver that ran in it
        has yet to speak.

        Args:
            hour_ms: Begin of the hour.
            states: The states of the runs that have items in the hour.
        """
        over_ms = hour_ms + HOUR_MS + MARGIN_MS
        written = list(self.written_until_ms)
        if not written or min(written) < over_ms or BootState.OPEN in states:
            return False
        return not any(
            self.state_of(receiver.boot, hour_ms) is BootState.OPEN
            for receiver in self.receivers.values()
            if receiver.started_ms < hour_ms + HOUR_MS
        )
