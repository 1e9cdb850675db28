import time
from typing import Any

from aiokafka import AIOKafkaConsumer

from rak_libs.kafka.admin import connect
from rak_libs.kafka.consumer import PartitionConsumer, Record
from rak_libs.runtime.settings import KafkaSettings


async def read_topic(
    settings: KafkaSettings, topic: str, count: int, seconds: float = 30
) -> list[Record]:
    """Read a topic from its beginning until `count` messages came, or for `seconds`."""
    group = f"test-{time.monotonic_ns()}"
    consumer = PartitionConsumer(settings, group=group, topics=[topic], client_id="test")
    found: list[Record] = []
    deadline = time.monotonic() + seconds
    while len(found) < count and time.monotonic() < deadline:
        for records in (await consumer.poll(200)).values():
            found += records
    await consumer.stop()
    return found


async def read_whole_topic(settings: KafkaSettings, topic: str) -> list[Any]:
    """Read everything that a topic holds, outside any group, as the client library's records."""
    async with connect(settings) as admin:
        ends = await admin.end_offsets([topic])
    assert ends
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers, enable_auto_commit=False
    )
    await consumer.start()
    try:
        consumer.assign(list(ends))
        await consumer.seek_to_beginning()
        found: list[Any] = []
        for partition, end in ends.items():
            while await consumer.position(partition) < end:
                got = await consumer.getmany(partition, timeout_ms=1000)
                found += got.get(partition, [])
        return found
    finally:
        await consumer.stop()
