from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RejectedItems:
    """Items of one message that must not be stored, all for one reason.

    Attributes:
        reason: A short stable word, such as `time_expired`.
        count: The number of items.
        value: A message with these items alone, in their groups, serialized like its source.
    """

    reason: str
    count: int
    value: bytes
