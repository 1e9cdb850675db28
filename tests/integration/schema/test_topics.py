"""`rak-migrate` makes the topics, once, beside the tables or alone."""

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import fleet
from rak_libs.kafka.admin import delete_topics
from rak_libs.kafka.topics import TOPICS
from rak_libs.runtime.settings import ClickHouseSettings, Config, KafkaSettings
from rak_services.migrate.app import ExitStatus
from rak_services.migrate.config import Target

RakMigrate = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(params=["embedded", "kafka"])
def kafka(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KafkaSettings]:
    """Either broker, without topics."""
    if request.param == "kafka":
        shared: KafkaSettings = request.getfixturevalue("shared_kafka")
        asyncio.run(delete_topics(shared, TOPICS))
        yield shared
        return
    with fleet.broker(tmp_path) as (settings, _):
        yield settings


@pytest.fixture
def migrate(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `rak-migrate` as a process to its end."""

    def run(config: Config, *arguments: str) -> subprocess.CompletedProcess[str]:
        path = fleet.write_config(config, tmp_path / "rak.toml")
        command = [str(fleet.CONSOLE_SCRIPTS / "rak-migrate"), *arguments, "--config", str(path)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    return run


def test_topics_alone(kafka: KafkaSettings, migrate: RakMigrate) -> None:
    """No ClickHouse is needed, and a second run finds nothing to do."""
    config = Config(
        kafka=kafka,
        clickhouse=ClickHouseSettings(url=f"clickhouse://127.0.0.1:{fleet.free_port()}"),
    )
    plan = migrate(config, "plan", "--only", "topics")
    assert plan.returncode == ExitStatus.PENDING, plan.stderr
    assert plan.stdout.split("\n\n") == [
        *(f"-- create topic {name}" for name in TOPICS[:-1]),
        f"-- create topic {TOPICS[-1]}\n",
    ]
    up = migrate(config, "up", "--only", "topics")
    assert up.returncode == ExitStatus.DONE, up.stderr
    assert up.stdout.splitlines() == [f"create topic {name}" for name in TOPICS]
    again = migrate(config, "up", "--only", "topics")
    assert (again.returncode, again.stdout) == (ExitStatus.DONE, "Nothing to do.\n")


def test_tables_and_topics(
    kafka: KafkaSettings, engine: ClickHouseSettings, target: Target, migrate: RakMigrate
) -> None:
    """One `up` makes both; `status` shows both."""
    config = Config(
        kafka=kafka, clickhouse=ClickHouseSettings(url=engine.url, database=target.database)
    )
    assert migrate(config, "status").returncode == ExitStatus.PENDING
    up = migrate(config, "up")
    assert up.returncode == ExitStatus.DONE, up.stderr
    assert "apply 0002_spans.sql" in up.stdout
    assert f"create topic {TOPICS[0]}" in up.stdout
    status = migrate(config, "status")
    assert status.returncode == ExitStatus.DONE, status.stdout + status.stderr
    assert status.stdout.count(" present") == len(TOPICS)


def test_a_broker_that_is_not_there_is_waited_for_and_then_named(migrate: RakMigrate) -> None:
    """The message names the address and the key that changes it."""
    servers = f"127.0.0.1:{fleet.free_port()}"
    config = Config(kafka=KafkaSettings(bootstrap_servers=servers))
    failed = migrate(config, "up", "--only", "topics", "--wait", "1")
    assert failed.returncode == ExitStatus.UNAVAILABLE
    assert f"no Kafka at {servers} ([kafka] bootstrap_servers) within 1 s" in failed.stderr
