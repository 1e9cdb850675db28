"""The one way in: every transport and encoding ends in `Exporter.export`."""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from google.protobuf.message import Message

from rak_libs.kafka.account import Account
from rak_libs.kafka.publisher import Publisher, Stored
from rak_libs.receiving.acknowledged import PUBLISH_FACTOR, AccountedPublisher, largest_value
from rak_libs.receiving.admission import Ticket
from rak_libs.receiving.answers import ACCEPTED, PARTLY_REJECTED, Transport, count
from rak_libs.runtime.metrics import counter
from rak_services.otlp_receiver.decoding_memory import decoding_bytes
from rak_services.otlp_receiver.encodings import Encoding
from rak_services.otlp_receiver.partial_success import partial_success_message
from rak_services.otlp_receiver.prepare import Prepared, prepare
from rak_services.otlp_receiver.signals import Signal

_NS_PER_MS: Final = 1_000_000

_INLINE_BYTES: Final[Mapping[Encoding, int]] = {
    Encoding.PROTOBUF: 4 * 1024 * 1024,
    Encoding.JSON: 256 * 1024,
}
"""Bodies up to this size are decoded on the event loop, where they cost it some ten milliseconds;
handing every body to a thread costs half as much again as decoding it."""


class Exporter:
    """Takes the requests of one signal and acknowledges them once the broker has them."""

    def __init__(
        self,
        signal: Signal,
        publisher: Publisher,
        decoding: ThreadPoolExecutor,
        max_message_bytes: int,
        account: Account,
    ) -> None:
        """Compose an exporter.

        Args:
            signal: What is exported.
            publisher: Where it goes.
            decoding: Decodes bodies too large for the event loop.
            max_message_bytes: The largest message that the broker takes.
            account: Counts what becomes of the items.
        """
        self.signal = signal
        self._items = signal.kind.items.replace(" ", "_")
        self._publisher = AccountedPublisher(publisher, account, signal.name, signal.topic)
        self._decoding = decoding
        self._max_value_bytes = largest_value(max_message_bytes)

    async def export(
        self, body: bytes, encoding: Encoding, transport: Transport, ticket: Ticket
    ) -> Message:
        """Publish what is good in a request, and return the response that says what was not.

        When it returns, every part is acknowledged by the broker's in-sync replicas. When it
        raises, some parts may have been published all the same: a client that repeats the request
        then stores them twice, which OTLP allows ("duplicate data").

        Raises:
            UndecodableRequest, RequestTooLarge: The client must not repeat the request.
            NotNow, KafkaError: It should (see `statuses`).
        """
        received_ns = time.time_ns()
        ticket.charge(decoding_bytes(body, encoding))
        prepared = await self._prepare(body, encoding, received_ns)
        del body  # else it would stay beside the parts until the broker has answered
        rejected = sum(prepared.rejected.values())
        received = counter(f"ingest_{self._items}_received_total").labels(transport)
        received.inc(prepared.accepted + rejected)
        if prepared.parts:
            ticket.charge(sum(len(part.value) for part in prepared.parts) * PUBLISH_FACTOR)
            await self._publish(prepared, rejected, received_ns)
        elif rejected:
            self._publisher.count_rejected(prepared.rejected, received_ns // _NS_PER_MS)
        self._count(prepared)
        count(transport, self.signal.name, PARTLY_REJECTED if rejected else ACCEPTED)
        message = partial_success_message(
            self.signal.kind.items, prepared.accepted, prepared.rejected, prepared.warnings
        )
        return self.signal.response(rejected, message)

    async def _prepare(self, body: bytes, encoding: Encoding, now_ns: int) -> Prepared:
        if len(body) <= _INLINE_BYTES[encoding]:
            return prepare(self.signal, body, encoding, now_ns, self._max_value_bytes)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._decoding, prepare, self.signal, body, encoding, now_ns, self._max_value_bytes
        )

    async def _publish(self, prepared: Prepared, rejected: int, received_ns: int) -> None:
        first, *others = prepared.parts
        # Rejected items are counted once for a request, however many parts it has.
        publish = self._publisher.publish
        publishing = [publish(first.value, first.items, rejected, received_ns)]
        publishing += [publish(part.value, part.items, 0, received_ns) for part in others]
        if not others:
            stored = await publishing[0]
            self._publisher.count_rejected(prepared.rejected, stored.timestamp_ms)
            return
        # Every part is waited for, so that the ticket covers them until the last is settled.
        outcomes = await asyncio.gather(*publishing, return_exceptions=True)
        if isinstance(outcomes[0], Stored):
            self._publisher.count_rejected(prepared.rejected, outcomes[0].timestamp_ms)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    def _count(self, prepared: Prepared) -> None:
        for reason, items in prepared.rejected.items():
            counter(f"ingest_{self._items}_rejected_total").labels(reason).inc(items)
        for reason, items in prepared.warnings.items():
            counter(f"ingest_{self._items}_adjusted_total").labels(reason).inc(items)
