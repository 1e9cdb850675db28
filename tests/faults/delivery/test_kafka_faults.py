"""Kafka dies, and carries what no writer can store."""

import asyncio
from collections.abc import Sequence

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from delivery_path import DeliveryPath
from ledger import Entry, Ledger, Outcome
from rak_libs.kafka.publisher import Publisher, Stored
from rak_libs.kafka.topics import OTLP_SPANS, DeadLetter, dead_letter_topic
from topic_reading import read_topic

MESSAGES = 10_000
AT_ONCE = 500
PRODUCER = "direct"


def test_a_kafka_that_is_killed_under_load_loses_and_doubles_nothing(path: DeliveryPath) -> None:
    with path.writer() as writer, path.ledger("killed-kafka") as ledger:
        ledger.wait_acknowledged(1_200)
        path.kafka.kill()
        path.start_kafka()
        ledger.wait_acknowledged(1_200)
        ledger.stop()
        path.wait_written()
        assert writer.service.process.poll() is None, "the writer lived through it"
        for never in ("kafka.log_started_anew", "service.unhandled_error"):
            assert never not in writer.service.output()
    assert path.check(ledger).faults == {}


def test_one_poison_message_among_10000_is_one_dead_letter(path: DeliveryPath) -> None:
    """ClickHouse refuses one span, which no decoder can know; its 9,999 neighbours are stored."""
    ledger = path.ledger("poison", producers=1, per_request=1)
    path.execute("ALTER TABLE spans ADD CONSTRAINT poison CHECK span_name != 'poison'")
    try:
        poison = asyncio.run(publish(path, ledger))
        with path.writer() as writer:
            path.wait_written()
            letters = writer.metric("ingest_dead_letters_total")
    finally:
        path.execute("ALTER TABLE spans DROP CONSTRAINT poison")
    assert path.check(ledger).faults == {}
    assert letters == 1
    (letter,) = asyncio.run(read_topic(path.config.kafka, dead_letter_topic(OTLP_SPANS), 1))
    told = DeadLetter.from_headers(letter.headers)
    assert told is not None
    assert (told.reason, told.topic) == ("insert_refused", OTLP_SPANS)
    assert (told.partition, told.offset) == (poison.partition, poison.offset)


async def publish(path: DeliveryPath, ledger: Ledger) -> Stored:
    """Publish every message of a ledger and one poison among them; returns where that is."""
    publisher = Publisher(path.config.kafka, "test")
    await publisher.start()
    bodies = [ledger.request(PRODUCER, number, 1) for number in range(MESSAGES)]
    half = MESSAGES // 2
    await publish_all(publisher, bodies[:half])
    poison = ExportTraceServiceRequest.FromString(ledger.request(PRODUCER, MESSAGES, 1))
    poison.resource_spans[0].scope_spans[0].spans[0].name = "poison"
    stored = await publisher.publish(OTLP_SPANS, poison.SerializeToString(), [])
    await publish_all(publisher, bodies[half:])
    await publisher.stop(5)
    ledger.record(*(Entry(PRODUCER, each, 1, Outcome.FIRST_ATTEMPT) for each in range(MESSAGES)))
    return stored


async def publish_all(publisher: Publisher, bodies: Sequence[bytes]) -> None:
    for start in range(0, len(bodies), AT_ONCE):
        some = bodies[start : start + AT_ONCE]
        await asyncio.gather(*(publisher.publish(OTLP_SPANS, body, []) for body in some))
