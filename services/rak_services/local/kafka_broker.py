"""Apache Kafka on this machine: one JVM, KRaft, broker and controller in one process.

`python -m rak_services.local.kafka_broker` writes the configuration, formats the folder when it is
new, and becomes the JVM: the process that is started is the broker, and a signal reaches it. The
jars come from `deploy/kafka/pom.xml`; `make` copies them to `[local] kafka_jars_dir`.

Measured with Kafka 4.4.0 (docs/adr/0005-apache-kafka.md says more):
- What was acknowledged survives kill -9 of the JVM, since it is in the system's page cache; nothing
  is forced to disk before it is acknowledged, so a power cut can lose it.
- After a kill -9 the controller keeps the dead broker's session until it expires, and refuses the
  new one meanwhile: `broker.session.timeout.ms` is most of a restart.
- The controller's listener needs a port that nobody else knows; a free one is chosen at each start.
"""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rak_libs.runtime.config import config_from_command_line
from rak_libs.runtime.settings import KafkaSettings

_CLUSTER_ID: Final = "cmFrLWluZ2VzdC1sb2NhbA"  # base64 of the 16 bytes `rak-ingest-local`
_SESSION_MS: Final = 3_000
_REQUEST_BYTES: Final = 100 * 1024 * 1024
_HEAP: Final = "-Xmx512m"
_LOG4J: Final = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %c{1} %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = info
"""


class KafkaNotInstalled(Exception):
    """Java or the jars are missing; the message says which and what to do."""


def java_program() -> str:
    """The `java` of `JAVA_HOME`, else the first one of `PATH`.

    Raises:
        KafkaNotInstalled: there is none.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if found is None:
        raise KafkaNotInstalled(
            "Apache Kafka needs Java 17 or newer: no `java` in JAVA_HOME or PATH"
        )
    return found


def java_command(jars: Path, folder: Path, main: str, *arguments: str) -> list[str]:
    """The command that runs one of Kafka's programs.

    Args:
        jars: Folder of the jars.
        folder: Where `write_configuration` has put its files.
        main: The program's class.
        arguments: What it is told.

    Raises:
        KafkaNotInstalled: there is no Java or no jar.
    """
    if not any(jars.glob("kafka_*.jar")):
        raise KafkaNotInstalled(
            f"the jars of Apache Kafka are not in {jars} ([local] kafka_jars_dir): "
            "`make kafka-jars` fetches them"
        )
    return [
        java_program(),
        _HEAP,
        "-XX:TieredStopAtLevel=1",
        f"-Dlog4j2.configurationFile={folder / 'log4j2.properties'}",
        *("-cp", f"{jars}/*"),
        main,
        *arguments,
    ]


def server_properties(
    settings: KafkaSettings, log_dir: Path, controller_port: int
) -> dict[str, str]:
    """Configuration of the broker in Kafka's own names and units.

    Args:
        settings: `[kafka]`; the broker listens on the first of the bootstrap servers.
        log_dir: Where Kafka keeps its logs.
        controller_port: A free port for the controller, on the broker's own address.
    """
    broker = settings.bootstrap_servers.split(",")[0].strip()
    controller = f"{broker.rpartition(':')[0]}:{controller_port}"
    size = settings.max_message_bytes
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{controller}",
        "listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(log_dir),
        "broker.session.timeout.ms": str(_SESSION_MS),
        "broker.heartbeat.interval.ms": str(_SESSION_MS // 6),
        # Topics are rak-migrate's to make, with their partitions and limits.
        "auto.create.topics.enable": "false",
        "message.max.bytes": str(size),
        "replica.fetch.max.bytes": str(size),
        "socket.request.max.bytes": str(max(_REQUEST_BYTES, settings.partitions * 2 * size)),
        # One node holds the only copy of the topics that Kafka keeps for itself.
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # A fleet of one writer has nobody to wait for.
        "group.initial.rebalance.delay.ms": "0",
        # Kafka's own 6 s would refuse a short `[kafka] session_timeout_seconds`.
        "group.min.session.timeout.ms": "1000",
        # The default is a quarter of the heap, for compacted topics that hold next to nothing here.
        "log.cleaner.dedupe.buffer.size": str(8 * 1024 * 1024),
    }


def write_configuration(settings: KafkaSettings, folder: Path) -> Path:
    """Write the broker's files into `folder`; returns the path of its `server.properties`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "server.properties"
    path.write_text(_as_text(server_properties(settings, folder / "data", _free_port())))
    (folder / "log4j2.properties").write_text(_LOG4J)
    return path


def prepare(settings: KafkaSettings, jars: Path, folder: Path) -> list[str]:
    """Write the configuration, format the folder when it is new, and return the broker's command.

    Args:
        settings: `[kafka]`.
        jars: Folder of the jars.
        folder: Where the broker keeps everything; the same folder holds the same messages.

    Raises:
        KafkaNotInstalled: there is no Java or no jar.
        subprocess.CalledProcessError: the folder cannot be formatted.
    """
    jars, folder = jars.resolve(), folder.resolve()
    command = java_command(jars, folder, "kafka.Kafka", str(folder / "server.properties"))
    properties = write_configuration(settings, folder)
    if not (folder / "data" / "meta.properties").exists():
        arguments = ["format", "--cluster-id", _CLUSTER_ID, "--config", str(properties)]
        format_command = java_command(jars, folder, "kafka.tools.StorageTool", *arguments)
        subprocess.run(format_command, check=True, stdout=subprocess.DEVNULL)
    return command


def check_installed(jars: Path) -> None:
    """Return when Apache Kafka can be started.

    Raises:
        KafkaNotInstalled: there is no Java or no jar in `jars`.
    """
    java_command(jars, Path(), "kafka.Kafka")


def main() -> None:
    """Become the broker; Ctrl-C or SIGTERM stops it cleanly."""
    config, _ = config_from_command_line("rak_services.local.kafka_broker")
    folder = Path(config.local.data_dir) / "kafka"
    try:
        command = prepare(config.kafka, Path(config.local.kafka_jars_dir), folder)
    except KafkaNotInstalled as error:
        sys.exit(str(error))
    address = config.kafka.bootstrap_servers.split(",")[0].strip()
    print(f"Apache Kafka on {address}, its data in {folder}; Ctrl-C stops it.", flush=True)
    os.execv(command[0], command)  # noqa: S606  no shell is wanted


def _as_text(properties: Mapping[str, str]) -> str:
    return "".join(f"{key}={value}\n" for key, value in properties.items())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
