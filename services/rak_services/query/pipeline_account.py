"""The arithmetic of the account: what of an hour's items is where, and what nobody can say.

Receivers say what they accepted, rejected and failed to hand on; writers say, by batch, what
arrived and what became of it; the table says what is there. For a signal and hour

    received + duplicated + unreported
        = stored + dead_lettered + rejected + waiting + expired
        + never_arrived + unexplained + not_found

holds whatever happened, with every term zero or more. Nothing cancels: receivers are compared with
writers for each run of a receiver and principal, writers with the table for each batch and day.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

UNREPORTED: Final = "unreported"
"""The reason of items whose rejection is only known from the headers of messages."""


class BootState(Enum):
    """What is known of the account that one run of a receiver keeps of an hour."""

    OPEN = "open"
    """It runs, and may yet say more."""
    COMPLETE = "complete"
    """It has said all: it ended, or spoke after the hour."""
    GONE = "gone"
    """It fell silent without an end: what it did last is not in its account."""
    OTHER = "other"
    """There is none: another producer wrote the messages."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is said of the items of one run of a receiver and one principal in an hour.

    Attributes:
        state: What is known of the receiver's account.
        accepted: By the receiver: acknowledged by the broker.
        failed: By the receiver: sent, never acknowledged; the broker may have them.
        rejected: By the receiver, by reason.
        arrived: By writers: read from the topic.
        dead_lettered: By writers, by reason.
        rejected_by_headers: By writers: what the headers of its messages say was rejected.
    """

    state: BootState
    accepted: int = 0
    failed: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    arrived: int = 0
    dead_lettered: Mapping[str, int] = field(default_factory=dict)
    rejected_by_headers: int = 0


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of an hour in the data table, held against what writers claim, by batch and day.

    Attributes:
        claimed: Items that writers say they stored.
        not_found: Claimed, not there, of a day that the table keeps.
        expired: Claimed, not there, of a day that the table may have dropped.
        surplus: There, beyond the claim of their batch.
        unclaimed: There, of batches that no writer has claimed.
    """

    claimed: int = 0
    not_found: int = 0
    expired: int = 0
    surplus: int = 0
    unclaimed: int = 0


@dataclass(frozen=True, slots=True)
class HourAccount:
    """Where the items of an hour are.

    Attributes:
        received: Accepted and rejected.
        accepted: Acknowledged by the broker; also what landed there although the agent was told to
            repeat it, and what other producers wrote.
        rejected: Refused, by reason.
        failed: Sent to the broker and never acknowledged; what of it landed counts as accepted.
        stored: In the table.
        dead_lettered: In the dead-letter topic, by reason.
        waiting: Accepted, not yet accounted for by a writer, in an hour that is not settled.
        expired: Stored once, dropped by the table's retention.
        duplicated: Stored, set aside or read once more than they were received.
        never_arrived: Accepted, and in a settled hour read by no writer.
        unexplained: Arrived, and neither stored nor set aside.
        not_found: Stored as writers say, and not in the table.
        unreported: Arrived from, or rejected by, a receiver that fell silent before it said so.
    """

    accepted: int
    rejected: Mapping[str, int]
    failed: int
    stored: int
    dead_lettered: Mapping[str, int]
    waiting: int
    expired: int
    duplicated: int
    never_arrived: int
    unexplained: int
    not_found: int
    unreported: int

    @property
    def received(self) -> int:
        """Items that came in, as far as somebody counted them."""
        return self.accepted + sum(self.rejected.values()) - self.rejected.get(UNREPORTED, 0)

    @property
    def unaccounted(self) -> int:
        """Items of which nobody can say where they came from or where they are."""
        return self.never_arrived + self.unexplained + self.not_found + self.unreported


def balance(sources: Iterable[Source], rows: Rows, *, settled: bool) -> HourAccount:
    """Hold everything that is said of an hour against each other.

    Args:
        sources: One for each run of a receiver and principal.
        rows: What the table says.
        settled: Whether writers have read everything of the hour and receivers have said all.
    """
    accepted = failed = missing = duplicated = unreported = arrived = 0
    rejected: Counter[str] = Counter()
    dead_lettered: Counter[str] = Counter()
    for source in sources:
        landed, beyond = _more_than_accepted(source)
        accepted += source.accepted + landed
        failed += source.failed
        arrived += source.arrived
        missing += max(source.accepted - source.arrived, 0)
        rejected.update(source.rejected)
        dead_lettered.update(source.dead_lettered)
        if source.state is BootState.COMPLETE:
            duplicated += beyond
        elif source.state is BootState.GONE:
            silent = max(source.rejected_by_headers - sum(source.rejected.values()), 0)
            rejected[UNREPORTED] += silent
            unreported += beyond + silent
        else:
            accepted += beyond
    # A tally never sets aside or stores more than arrived, so the sum hides nothing.
    left = arrived - dead_lettered.total() - rows.claimed
    # Both were looked for a moment after the claims were added up.
    not_found = min(rows.not_found, rows.claimed)
    expired = min(rows.expired, rows.claimed - not_found)
    unclaimed = rows.unclaimed if settled else 0
    return HourAccount(
        accepted=accepted,
        rejected=+rejected,
        failed=failed,
        stored=rows.claimed - not_found - expired + rows.surplus + unclaimed,
        dead_lettered=+dead_lettered,
        waiting=0 if settled else missing,
        expired=expired,
        duplicated=duplicated + rows.surplus + unclaimed + max(-left, 0),
        never_arrived=missing if settled else 0,
        unexplained=max(left, 0),
        not_found=not_found,
        unreported=unreported,
    )


def _more_than_accepted(source: Source) -> tuple[int, int]:
    """Items that arrived beyond those accepted: what had failed and landed, and what remains.

    What arrives beyond both comes from a receiver that has not said so (yet), or was read twice.
    """
    beyond = max(source.arrived - source.accepted, 0)
    landed = min(beyond, source.failed)
    return landed, beyond - landed
