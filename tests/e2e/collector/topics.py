"""What lies on the brokers' topics, seen beside the fleet."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from fleet import Fleet
from rak_libs.kafka.admin import topic_configuration
from rak_libs.kafka.consumer import PartitionConsumer, Record
from rak_libs.kafka.topics import OTLP_SPANS, dead_letter_topic

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
"""Compression of a record batch by the low three bits of its attributes (KIP-98, KIP-110)."""

DEAD_LETTERS = dead_letter_topic(OTLP_SPANS)


def read_topic(
    started: Fleet, topic: str, wanted: Callable[[Record], bool], count: int
) -> list[Record]:
    """Read a topic from its beginning until `count` records are `wanted`; half a minute at most."""

    async def read() -> list[Record]:
        consumer = PartitionConsumer(
            started.config.kafka,
            group=f"test-{time.monotonic_ns()}",
            topics=[topic],
            client_id="test",
        )
        found: list[Record] = []
        deadline = time.monotonic() + 30
        while len(found) < count and time.monotonic() < deadline:
            for records in (await consumer.poll(200)).values():
                found += filter(wanted, records)
        await consumer.stop()
        return found

    return asyncio.run(read())


def keep_compression(started: Fleet) -> None:
    """Have the spans topic keep what producers compressed, as a topic does that nobody set up."""

    async def alter() -> None:
        kafka = started.config.kafka
        settings = topic_configuration(OTLP_SPANS, kafka) | {"compression.type": "producer"}
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
        await admin.start()
        try:
            resource = ConfigResource(ConfigResourceType.TOPIC, OTLP_SPANS, configs=settings)
            for response in await admin.alter_configs([resource]):
                assert [code for code, *_ in response.resources] == [0]
        finally:
            await admin.close()

    asyncio.run(alter())


def codecs_on_disk(started: Fleet) -> set[str]:
    """Compressions of the record batches in the log of Kafka's spans topic."""
    data = Path(started.config.local.data_dir) / "kafka" / "data"
    logs = list(data.glob(f"{OTLP_SPANS}-*/*.log"))
    assert logs, f"no log under {data}"
    return {CODECS[attributes & 7] for log in logs for attributes in _attributes(log.read_bytes())}


def _attributes(log: bytes) -> list[int]:
    """Attributes of every record batch: base offset (8), length (4), ... attributes at byte 21."""
    found, start = [], 0
    while start + 23 <= len(log):
        length = int.from_bytes(log[start + 8 : start + 12], "big")
        if not length:
            break  # the rest of the file is allocated in advance
        found.append(int.from_bytes(log[start + 21 : start + 23], "big"))
        start += 12 + length
    return found
