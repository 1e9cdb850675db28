"""Apache Kafka's configuration and command."""

from pathlib import Path

import pytest

from rak_libs.runtime.settings import KafkaSettings
from rak_services.local.kafka_broker import (
    KafkaNotInstalled,
    check_installed,
    java_command,
    java_program,
    server_properties,
)

MEBIBYTE = 1024 * 1024


@pytest.fixture
def jars(tmp_path: Path) -> Path:
    (tmp_path / "kafka_2.13-4.4.0.jar").touch()
    return tmp_path


@pytest.fixture
def java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `java` in JAVA_HOME."""
    program = tmp_path / "home" / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    return program


def test_the_broker_listens_on_the_first_bootstrap_server_and_its_controller_beside_it() -> None:
    settings = KafkaSettings(bootstrap_servers="127.0.0.1:19092, 127.0.0.1:19093")
    properties = server_properties(settings, Path("/data"), 5000)
    assert properties["listeners"] == "PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:5000"
    assert properties["controller.quorum.voters"] == "1@127.0.0.1:5000"
    assert properties["log.dirs"] == "/data"


def test_topics_are_never_made_by_asking_for_them() -> None:
    properties = server_properties(KafkaSettings(), Path("/data"), 5000)
    assert properties["auto.create.topics.enable"] == "false"


@pytest.mark.parametrize("size", [MEBIBYTE, 16 * MEBIBYTE, 256 * MEBIBYTE])
def test_a_message_of_the_limit_fits_everywhere(size: int) -> None:
    settings = KafkaSettings(max_message_bytes=size)
    properties = server_properties(settings, Path("/data"), 5000)
    assert int(properties["message.max.bytes"]) == size
    assert int(properties["replica.fetch.max.bytes"]) == size
    # A produce request holds at most one large message of each partition.
    assert int(properties["socket.request.max.bytes"]) > settings.partitions * size


def test_the_command_runs_one_jvm_on_every_jar(jars: Path, java: Path) -> None:
    command = java_command(jars, Path("/folder"), "kafka.Kafka", "/folder/server.properties")
    assert command[0] == str(java)
    assert command[command.index("-cp") + 1] == f"{jars}/*"
    assert command[-2:] == ["kafka.Kafka", "/folder/server.properties"]
    assert [option for option in command if option.startswith("-Xmx")] == ["-Xmx512m"]


def test_missing_jars_are_named_with_what_fetches_them(tmp_path: Path) -> None:
    with pytest.raises(KafkaNotInstalled, match=r"kafka_jars_dir.*make kafka-jars"):
        check_installed(tmp_path)


def test_a_missing_java_is_named(
    jars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KafkaNotInstalled, match="Java 17"):
        check_installed(jars)


def test_java_home_wins_over_the_path(java: Path) -> None:
    assert java_program() == str(java)
