"""What the tools write into a dead-letter topic about its letters: records without a payload."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rak_libs.kafka.topics import Headers

MARKER: Final = "rak-marker"
LETTER: Final = "rak-letter"
ROUND: Final = "rak-round"
RUN: Final = "rak-run"
OPERATOR: Final = "rak-operator"
SENT_AS: Final = "rak-sent-as"
STORED_AT: Final = "rak-stored-at"


class Step(StrEnum):
    """What a marker says.

    A letter that is sent again is CLAIMED before and REPLAYED after. A claim that neither became
    REPLAYED nor was RELEASED leaves open whether its message was sent.
    """

    CLAIMED = "claimed"
    RELEASED = "released"
    REPLAYED = "replayed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Marker:
    """One step of one letter.

    Attributes:
        step: What was done, or is about to be.
        letter: `Letter.key`.
        round: Which sending this belongs to: 1, and 2 and so on for letters sent on purpose again.
        run: Who wrote it: a name that is different for each run of the tool, as hexadecimal.
        operator: Who wrote it, for people: `user@host`.
        sent_as: `rak-replay-of` of the message that is or was to be sent; empty for DROPPED.
        stored_at: Where a REPLAYED one was stored, `topic/partition/offset`; empty for other steps.
    """

    step: Step
    letter: str
    round: int
    run: str
    operator: str
    sent_as: str = ""
    stored_at: str = ""

    def to_headers(self) -> list[tuple[str, bytes]]:
        """Encode for a record without a payload; numbers are decimal ASCII, text is UTF-8."""
        return [
            (MARKER, self.step.encode()),
            (LETTER, self.letter.encode()),
            (ROUND, b"%d" % self.round),
            (RUN, self.run.encode()),
            (OPERATOR, self.operator.encode()),
            (SENT_AS, self.sent_as.encode()),
            (STORED_AT, self.stored_at.encode()),
        ]

    @classmethod
    def from_headers(cls, headers: Headers) -> "Marker | None":
        """Decode from a record; None when it is no marker, or one of a later release."""
        values = {name: (value or b"").decode(errors="replace") for name, value in headers}
        if values.get(MARKER) not in set(Step):
            return None
        number = values.get(ROUND, "")
        return cls(
            step=Step(values[MARKER]),
            letter=values.get(LETTER, ""),
            round=int(number) if number.isdecimal() else 1,
            run=values.get(RUN, ""),
            operator=values.get(OPERATOR, ""),
            sent_as=values.get(SENT_AS, ""),
            stored_at=values.get(STORED_AT, ""),
        )
