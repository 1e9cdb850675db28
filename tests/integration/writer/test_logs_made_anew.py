"""A topic, or a whole broker, that starts again from nothing swallows no message.

Each time the same messages are published at the same offsets again: to a consumer that trusts its
place there is nothing new to read, and to an engine that knows batches by their offsets nothing new
to store.
"""

import asyncio
import contextlib
from pathlib import Path

import pytest
from aiokafka import errors as kafka

import fleet
from integration.broker.group_member import member
from integration.writer.conftest import Pipeline
from integration.writer.test_writer import numbered
from rak_libs.kafka.admin import connect
from rak_libs.kafka.positions import Start
from rak_libs.kafka.publisher import Publisher
from rak_libs.kafka.topics import OTLP_SPANS
from rak_libs.runtime.settings import Config
from rak_services.writer.identity import Intent

SPANS = 10
MESSAGES = [numbered(number * SPANS, SPANS) for number in range(4)]


def publish_one_to_each_partition(config: Config) -> None:
    async def send() -> None:
        publisher = Publisher(config.kafka, "test")
        await publisher.start()
        for partition, value in enumerate(MESSAGES):
            assert (await publisher.publish(OTLP_SPANS, value, [], partition)).offset == 0
        await publisher.stop(5)

    asyncio.run(send())


def make_topic_anew(config: Config) -> None:
    async def recreate() -> None:
        async with connect(config.kafka) as admin:
            await admin.recreate([OTLP_SPANS])

    asyncio.run(recreate())


def leave_intent_of_another_log(config: Config) -> None:
    """As a copy of the group's offsets would, that was made elsewhere."""
    intent = Intent(end_offset=1, token="0123456789abcdef" * 2)
    group = f"{config.kafka.group_prefix}-spans"

    async def commit() -> None:
        async with member(config.kafka, OTLP_SPANS, group=group) as anybody:
            assert await anybody.commit(Start(0, intent.to_note())) is kafka.NoError

    asyncio.run(commit())


def wait_stored(pipeline: Pipeline, times: int) -> None:
    """Wait until every message is stored as often as it was published, and no oftener."""
    wanted = [(times * SPANS * len(MESSAGES), SPANS * len(MESSAGES), times)]
    sql = (
        "SELECT sum(n), count(), max(n) FROM "
        "(SELECT count() AS n FROM spans GROUP BY attributes_int['number'])"
    )
    fleet.wait_until(lambda: pipeline.select(sql) == wanted, f"all is stored {times} times")
    pipeline.wait_written()
    assert pipeline.select(sql) == wanted


def test_a_topic_that_is_made_anew_swallows_nothing(pipeline: Pipeline) -> None:
    """While a writer runs; and while none does, where there are notes with one of another log."""
    config = pipeline.config
    publish_one_to_each_partition(config)
    with pipeline.writer() as writer:
        wait_stored(pipeline, 1)
        make_topic_anew(config)
        publish_one_to_each_partition(config)
        wait_stored(pipeline, 2)
        assert writer.terminate() == 0
        keeps_notes = "writer.at_least_once" not in writer.output()
    make_topic_anew(config)
    publish_one_to_each_partition(config)
    if keeps_notes:
        leave_intent_of_another_log(config)
    with pipeline.writer() as writer:
        wait_stored(pipeline, 3)
        assert ("writer.intent_of_another_log" in writer.output()) == keeps_notes


@pytest.mark.parametrize("kind", ["embedded", "kafka"])
def test_a_broker_that_starts_again_from_nothing_swallows_nothing(
    kind: str, tmp_path: Path
) -> None:
    """Under a writer that runs on, at the same address."""
    ports = fleet.Ports()
    config = fleet.fleet_config(
        ports, tmp_path, kafka={"session_timeout_seconds": 3.0}, local={"broker": kind}
    )
    with contextlib.ExitStack() as running:
        _, engine = running.enter_context(fleet.engine(tmp_path, ports.engine))
        pipeline = Pipeline(config, tmp_path, engine)
        with fleet.broker_of(config, tmp_path / "first"):
            fleet.migrate(config, tmp_path)
            running.enter_context(pipeline.writer())
            publish_one_to_each_partition(config)
            wait_stored(pipeline, 1)
        with fleet.broker_of(config, tmp_path / "second"):
            fleet.migrate(config, tmp_path, "--only", "topics")
            publish_one_to_each_partition(config)
            wait_stored(pipeline, 2)
