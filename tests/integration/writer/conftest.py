import asyncio
import contextlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

import fleet
from prometheus_text import metric
from rak_libs.clickhouse.connection import connect
from rak_libs.kafka.admin import delete_topics, topic_lag
from rak_libs.kafka.consumer import Record
from rak_libs.kafka.errors import TransientKafkaError
from rak_libs.kafka.publisher import Publisher
from rak_libs.kafka.topics import OTLP_SPANS, TOPICS, dead_letter_topic
from rak_libs.runtime.config import config_from_command_line
from rak_libs.runtime.settings import Config, KafkaSettings
from rak_services.writer.command import COMMANDS
from rak_services.writer.command_line import add_arguments, check_arguments
from topic_reading import read_topic


@dataclass
class RunningWriter:
    """A writer process and where its admin endpoints are."""

    process: fleet.Service
    port: int

    def terminate(self) -> int:
        """Send SIGTERM and return the exit status."""
        return self.process.terminate()

    def output(self) -> str:
        return self.process.output()

    def metric(self, name: str) -> float:
        return metric(self.port, name)


class Operated(NamedTuple):
    """How a subcommand ended, and what it printed."""

    status: int
    stdout: str
    stderr: str


@dataclass
class Pipeline:
    """A broker and an engine with topics and tables, for writers of the test's own."""

    config: Config
    folder: Path
    engine: fleet.Service

    def publish(self, values: Iterable[bytes]) -> None:
        """Publish messages to the spans topic, each acknowledged."""

        async def send() -> None:
            publisher = Publisher(self.config.kafka, "test")
            await publisher.start()
            for value in values:
                await publisher.publish(OTLP_SPANS, value, [])
            await publisher.stop(5)

        asyncio.run(send())

    def lag(self) -> int:
        group = f"{self.config.kafka.group_prefix}-spans"
        return asyncio.run(topic_lag(self.config.kafka, group, [OTLP_SPANS]))

    def wait_written(self, seconds: float = 60) -> None:
        def is_written() -> bool:
            # A broker that has just started does not know its groups yet.
            with contextlib.suppress(TransientKafkaError):
                return self.lag() == 0
            return False

        fleet.wait_until(is_written, "everything is committed", seconds=seconds)

    def select(self, sql: str) -> list[tuple[Any, ...]]:
        client = connect(self.config.clickhouse)
        try:
            rows: list[tuple[Any, ...]] = client.execute(sql)
            return rows
        finally:
            client.disconnect()

    def dead_letters(self, count: int, seconds: float = 30) -> list[Record]:
        """Read the dead-letter topic from its beginning until `count` messages came."""
        topic = dead_letter_topic(OTLP_SPANS)
        return asyncio.run(read_topic(self.config.kafka, topic, count, seconds))

    def operate(self, *arguments: str) -> "Operated":
        """Carry out a subcommand of `rak-writer` in this process, which has all imported."""
        path = fleet.write_config(self.config, self.folder / "operator.toml")
        line = [*arguments, "--config", str(path)]
        config, parsed = config_from_command_line("rak-writer", line, add_arguments)
        check_arguments(parsed)
        printed = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(printed[0]), contextlib.redirect_stderr(printed[1]):
            status = asyncio.run(COMMANDS[parsed.command](config, parsed))
        return Operated(status, *(stream.getvalue() for stream in printed))

    @contextlib.contextmanager
    def writer(self, **server: object) -> Iterator[RunningWriter]:
        """Run a writer until the end of the context; several may run at once."""
        port = fleet.free_port()
        changed = {"writer_admin_port": port, "shutdown_timeout_seconds": 10.0, **server}
        config = msgspec.structs.replace(
            self.config, server=msgspec.structs.replace(self.config.server, **changed)
        )
        folder = self.folder / f"writer-{port}"
        with fleet.service("rak-writer", config, folder) as writer:
            writer.wait_ready(port)
            yield RunningWriter(writer, port)


@pytest.fixture(params=["embedded", "kafka"])
def pipeline(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pipeline]:
    """A pipeline on either broker, its topics empty and its tables as well."""
    ports = fleet.Ports()
    # The embedded broker lets members in after half a session.
    config = fleet.fleet_config(ports, tmp_path, kafka={"session_timeout_seconds": 3.0})
    with contextlib.ExitStack() as running:
        _, engine = running.enter_context(fleet.engine(tmp_path, ports.engine))
        if request.param == "embedded":
            running.enter_context(fleet.broker(tmp_path, ports.broker))
        else:
            shared: KafkaSettings = request.getfixturevalue("shared_kafka")
            kafka = msgspec.structs.replace(shared, session_timeout_seconds=3.0)
            config = msgspec.structs.replace(config, kafka=kafka)
            asyncio.run(delete_topics(kafka, TOPICS))
        fleet.migrate(config, tmp_path)
        yield Pipeline(config, tmp_path, engine)
