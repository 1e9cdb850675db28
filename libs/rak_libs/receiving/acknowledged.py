"""Publishing what a receiver was sent, with an account of what the broker acknowledged."""

import time
from collections.abc import Mapping
from typing import Final

from rak_libs.kafka.account import Account
from rak_libs.kafka.publisher import Publisher, Stored, compression_growth
from rak_libs.kafka.topics import Envelope, Headers

PRINCIPAL: Final = "anonymous"

PUBLISH_FACTOR: Final = 3
"""Memory until the broker has acknowledged, in sizes of the value: itself, its copy in a batch, the
batch compressed and on its way to the socket."""

_NS_PER_MS: Final = 1_000_000
_RECORD_OVERHEAD_BYTES: Final = 4096
"""Room in a broker message for headers and the record batch around the value."""


def largest_value(max_message_bytes: int) -> int:
    """Return the size of the largest value in a message of `[kafka] max_message_bytes`."""
    return max_message_bytes - compression_growth(max_message_bytes) - _RECORD_OVERHEAD_BYTES


class AccountedPublisher:
    """Publishes messages of one signal, and counts what became of the items in them."""

    def __init__(self, publisher: Publisher, account: Account, signal: str, topic: str) -> None:
        """Compose a publisher of `signal`, by its name in the account, to `topic`."""
        self._publisher = publisher
        self._account = account
        self._signal = signal
        self._topic = topic

    async def publish(
        self, value: bytes, items: int, rejected: int, received_ns: int, headers: Headers = ()
    ) -> Stored:
        """Publish one message and return when every in-sync replica has it.

        Args:
            value: The message.
            items: How many items it holds.
            rejected: How many items of the same request are not in it.
            received_ns: When the request arrived, unix nanoseconds.
            headers: What it carries beside its envelope.

        Raises:
            KafkaError: It was not acknowledged; the broker may have it or not.
        """
        envelope = Envelope(received_ns, PRINCIPAL, items, rejected, self._account.boot.id)
        try:
            stored = await self._publisher.publish(
                self._topic, value, [*envelope.to_headers(), *headers]
            )
        except BaseException:
            given_up_ms = time.time_ns() // _NS_PER_MS
            sent_ms = received_ns // _NS_PER_MS
            self._account.failed(self._signal, PRINCIPAL, sent_ms, given_up_ms, items)
            raise
        self._account.accepted(self._signal, PRINCIPAL, stored.timestamp_ms, items)
        return stored

    def count_rejected(self, rejected: Mapping[str, int], timestamp_ms: int) -> None:
        """Count rejected items by reason, dated as the message with the rest of their request."""
        for reason, items in rejected.items():
            self._account.rejected(self._signal, PRINCIPAL, timestamp_ms, reason, items)
