"""What a request adds to the account, by what becomes of its parts; the broker is a script."""

import asyncio
import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from rak_libs.kafka.account import Account
from rak_libs.kafka.errors import TransientKafkaError
from rak_libs.kafka.publisher import Publisher, Stored
from rak_libs.kafka.topics import Envelope, Headers
from rak_libs.model.pipeline import HOUR_MS
from rak_libs.receiving.admission import Admission
from rak_libs.runtime.boot import Boot
from rak_services.otlp_receiver.encodings import Encoding
from rak_services.otlp_receiver.export import Exporter
from rak_services.otlp_receiver.signals import traces

BROKERS_MS = 500_000 * HOUR_MS + 7
"""How the broker dates messages: not at all as this machine's clock would."""

MESSAGE_BYTES = 10_000


class ScriptedPublisher:
    """Acknowledges messages in order, but for those whose number is among `failing`."""

    def __init__(self, *failing: int) -> None:
        self.envelopes: list[Envelope | None] = []
        self._failing = failing

    async def publish(self, _topic: str, _value: bytes, headers: Headers) -> Stored:
        number = len(self.envelopes)
        self.envelopes.append(Envelope.from_headers(headers))
        if number in self._failing:
            raise TransientKafkaError("no acknowledgement")
        return Stored(0, number, BROKERS_MS)


def request_of(good: int, bad: int, padding: int = 0) -> bytes:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for number in range(good + bad):
        spans.add(
            trace_id=b"t" * 16 if number < good else b"short",
            span_id=(number + 1).to_bytes(8, "big"),
            name="x" * padding,
            start_time_unix_nano=time.time_ns(),
        )
    return request.SerializeToString()


def counts(publisher: ScriptedPublisher, body: bytes) -> dict[tuple[str, bool], int]:
    """Items by outcome, and whether they are in the hour of the broker's clock."""
    account = Account(Boot("b1", 0, "1.0"))

    async def export() -> None:
        with ThreadPoolExecutor(1) as threads, Admission(2**30).enter() as ticket:
            exporter = Exporter(
                traces(30), cast("Publisher", publisher), threads, MESSAGE_BYTES, account
            )
            await exporter.export(body, Encoding.PROTOBUF, "http", ticket)

    with contextlib.suppress(TransientKafkaError):
        asyncio.run(export())
    hour_ms = BROKERS_MS - BROKERS_MS % HOUR_MS
    return {
        (change.outcome, change.hour_ms == hour_ms): change.items for change in account.changes()
    }


def test_items_count_in_the_hour_of_the_brokers_clock() -> None:
    """Those rejected as well: they are in the header of the message with the others."""
    publisher = ScriptedPublisher()
    assert counts(publisher, request_of(3, bad=2)) == {("accepted", True): 3, ("rejected", True): 2}
    (envelope,) = publisher.envelopes
    assert envelope is not None
    assert (envelope.accepted, envelope.rejected, envelope.boot) == (3, 2, "b1")


def test_a_request_without_a_message_counts_in_the_hour_of_its_arrival() -> None:
    publisher = ScriptedPublisher()
    assert counts(publisher, request_of(0, bad=2)) == {("rejected", False): 2}
    assert publisher.envelopes == []


def test_what_was_not_acknowledged_has_failed() -> None:
    """Its rejected items are counted when the agent repeats the request."""
    assert counts(ScriptedPublisher(0), request_of(3, bad=2)) == {("failed", False): 3}


@pytest.mark.parametrize(("failing", "rejected"), [(0, 0), (1, 2)])
def test_each_part_of_a_request_counts_for_itself(failing: int, rejected: int) -> None:
    """What the broker has is accepted, although the agent is told to repeat it all."""
    publisher = ScriptedPublisher(failing)
    found = counts(publisher, request_of(20, bad=2, padding=1000))
    parts = [envelope.accepted for envelope in publisher.envelopes if envelope]
    assert len(parts) > 3
    wanted = {("accepted", True): 20 - parts[failing], ("failed", False): parts[failing]}
    assert found == wanted | ({("rejected", True): rejected} if rejected else {})
