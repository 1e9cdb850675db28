from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """What a decoder is given of a message of the queue.

    Attributes:
        value: The payload.
        timestamp_ms: When the broker took it, unix milliseconds.
        headers: Names and values in order.
    """

    value: bytes
    timestamp_ms: int
    headers: Sequence[tuple[str, bytes]] = ()
