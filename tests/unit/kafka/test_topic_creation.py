"""Topics are created as `[kafka]` says, whatever the broker makes of it."""

import asyncio
from typing import Any

from rak_libs.kafka.admin import KafkaAdmin
from rak_libs.kafka.topics import OTLP_SPANS
from rak_libs.runtime.settings import KafkaSettings


class RecordingClient:
    """Takes the request that aiokafka's admin client would send."""

    def __init__(self) -> None:
        self.requested: list[Any] = []

    async def create_topics(self, topics: list[Any]) -> Any:
        self.requested += topics
        return type("Response", (), {"topic_errors": []})()


def test_a_topic_is_asked_for_with_the_configured_replicas_and_limits() -> None:
    settings = KafkaSettings(
        partitions=6, replication_factor=3, min_insync_replicas=2, max_message_bytes=1_000_000
    )
    client = RecordingClient()
    admin = KafkaAdmin(settings, client, None)  # type: ignore[arg-type]
    asyncio.run(admin._create([OTLP_SPANS]))
    (topic,) = client.requested
    assert (topic.name, topic.num_partitions, topic.replication_factor) == (OTLP_SPANS, 6, 3)
    assert topic.topic_configs["min.insync.replicas"] == "2"
    assert topic.topic_configs["max.message.bytes"] == "1000000"
    assert topic.topic_configs["compression.type"] == "zstd"
