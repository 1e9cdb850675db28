"""The one-machine fleet: which processes there are, in which order they start and drain."""

import asyncio
import dataclasses
import os
import sys
from pathlib import Path

import msgspec

from rak_libs.kafka.admin import topic_lag
from rak_libs.kafka.errors import KafkaError
from rak_libs.kafka.topics import DATA_TOPICS, writers_group
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.process import ALLOCATOR_SETTINGS
from rak_libs.runtime.settings import Config
from rak_services.local import broker
from rak_services.local.broker_recycling import BrokerRecycler
from rak_services.local.child import ChildSpec
from rak_services.local.ports import listeners, table
from rak_services.local.supervisor import Supervisor

_MIGRATE_SECONDS = 120.0
_ENGINE_STOP_SECONDS = 15.0
_MARGIN_SECONDS = 15.0
_BROKER_READY_SECONDS = 30.0
_LAG_POLL_SECONDS = 0.25
_SESSION_SECONDS = 4.0

_EMBEDDED_PROMISE = """\
The embedded broker keeps its messages in memory: what agents were told is accepted
survives the death of every service but the broker. Ctrl-C writes everything first."""
_KAFKA_PROMISE = """\
Apache Kafka keeps its messages on disk: what agents were told is accepted survives the
death of every service, kill -9 of the broker included, but as there is one broker, not a
power cut. Ctrl-C writes everything first."""

log = get_logger(__name__)


class LocalFleet:
    """Every process of a fleet on one machine, with its broker and the embedded engine."""

    def __init__(self, config: Config, config_path: Path | None) -> None:
        self._embedded_broker = config.local.broker == "embedded"
        self._config = config = embedded(config) if self._embedded_broker else config
        self._config_path = config_path
        self._data_dir = Path(config.local.data_dir).resolve()
        self._supervisor = Supervisor(config.server.host)
        self._recycler_stop = asyncio.Event()
        self._recycling: asyncio.Task[None] | None = None

    @property
    def failed(self) -> asyncio.Future[None]:
        """Fails when some service cannot be kept running."""
        return self._supervisor.failed

    async def start(self) -> None:
        """Start everything in the order of its dependencies; the query service comes last.

        Raises:
            FleetFailed: a migration failed.
            NotReady: a service did not become ready.
        """
        self._data_dir.mkdir(parents=True, exist_ok=True)
        await asyncio.gather(
            self._supervisor.start(self._engine()),
            self._supervisor.start(
                self._broker(),
                after_restart=self._restore_topics if self._embedded_broker else None,
            ),
        )
        await self._supervisor.run_once(self._service("migrate", ["up"]), _MIGRATE_SECONDS)
        server = self._config.server
        await asyncio.gather(
            self._supervisor.start(self._service("writer", port=server.writer_admin_port)),
            self._supervisor.start(self._service("otlp_receiver", port=server.otlp_admin_port)),
            self._supervisor.start(self._service("pprof_receiver", port=server.pprof_admin_port)),
            self._supervisor.start(self._service("derive", port=server.derive_admin_port)),
        )
        await self._supervisor.start(self._service("query", port=server.query_api_port))
        if self._embedded_broker:
            recycler = BrokerRecycler(
                self._config, lambda: self._supervisor.pid("broker"), self._restart_writer
            )
            self._recycling = asyncio.create_task(recycler.run(self._recycler_stop))

    async def drain(self) -> None:
        """Stop in the order of the data path, so that what was acknowledged is written.

        Receivers first; then writers, once nothing is left to write or the deadline has passed;
        then the services that only read and derive; then the broker and the engine.
        """
        local = self._config.local
        grace = self._config.server.shutdown_timeout_seconds
        self._recycler_stop.set()
        if self._recycling is not None:
            self._recycling.cancel()
            await asyncio.gather(self._recycling, return_exceptions=True)
        await asyncio.gather(
            self._supervisor.stop("otlp-receiver", grace),
            self._supervisor.stop("pprof-receiver", grace),
        )
        if self._supervisor.pid("writer") is not None:
            await self._wait_for_lag(local.drain_timeout_seconds)
        await self._supervisor.stop("writer", grace)
        await self._supervisor.stop("derive", grace)
        await self._supervisor.stop("query", grace)
        await self._supervisor.stop("broker", _ENGINE_STOP_SECONDS)
        await self._supervisor.stop("engine", _ENGINE_STOP_SECONDS)

    def describe(self) -> str:
        """Say what listens where, what the broker promises and what it does not."""
        return (
            "rak-ingest is running.\n\n"
            f"{table(listeners(self._config))}\n\n"
            f"Data: {self._data_dir}\n"
            f"{_EMBEDDED_PROMISE if self._embedded_broker else _KAFKA_PROMISE}"
        )

    async def _wait_for_lag(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            left = await self._lag()
            if left == 0:
                log.info("fleet.drained", unwritten_messages=0)
                return
            if loop.time() > deadline:
                log.error("fleet.drain_deadline_passed", unwritten_messages=left)
                return
            await asyncio.sleep(_LAG_POLL_SECONDS)

    async def _lag(self) -> int | None:
        kafka = self._config.kafka
        try:
            lags = [
                await topic_lag(kafka, writers_group(kafka.group_prefix, topic), [topic])
                for topic in DATA_TOPICS
            ]
            return sum(lags)
        except KafkaError as error:
            log.warning("fleet.lag_unknown", error=str(error))
            return None

    async def _restore_topics(self) -> None:
        """Make the topics anew: the embedded broker starts empty."""
        log.error(
            "fleet.broker_lost_messages",
            meaning="messages that were accepted but not yet written died with the broker",
        )
        await broker.wait_ready(self._config.kafka, _BROKER_READY_SECONDS)
        topics = self._service("migrate", ["up", "--only", "topics"])
        await self._supervisor.run_once(topics, _MIGRATE_SECONDS)

    async def _restart_writer(self) -> None:
        await self._supervisor.restart("writer", self._config.server.shutdown_timeout_seconds)

    def _service(
        self, module: str, arguments: list[str] | None = None, port: int | None = None
    ) -> ChildSpec:
        command = [sys.executable, "-m", f"rak_services.{module}", *(arguments or [])]
        if self._config_path is not None:
            command += ["--config", str(self._config_path)]
        return ChildSpec(
            name=module.replace("_", "-"),
            command=command,
            environ=_environment(self._config),
            ready_port=port,
        )

    def _engine(self) -> ChildSpec:
        clickhouse = self._config.clickhouse
        host, port = clickhouse.address
        command = [sys.executable, "-m", "rak_services.local.engine"]
        command += ["--host", host, "--port", str(port)]
        command += ["--data-dir", str(self._data_dir / "clickhouse")]
        command += ["--user", clickhouse.user]
        command += ["--memory-bytes", str(self._config.local.engine_memory_bytes)]
        command += ["--log-level", self._config.logging.level]
        command += ["--log-format", self._config.logging.format]
        return ChildSpec("engine", command, {"RAK_ENGINE_PASSWORD": clickhouse.password})

    def _broker(self) -> ChildSpec:
        if self._embedded_broker:
            return ChildSpec("broker", broker.broker_command(self._config.kafka))
        return dataclasses.replace(self._service("local.kafka_broker"), name="broker")


def longest_drain_seconds(config: Config) -> float:
    """Return what `LocalFleet.drain` takes when every process uses up its time.

    It counts the receivers, which stop together, writer, derive and query service, the wait for
    what is unwritten, broker and engine, and a margin for asking the broker how much that is.
    """
    services = 4 * config.server.shutdown_timeout_seconds
    parts = 2 * _ENGINE_STOP_SECONDS
    return services + config.local.drain_timeout_seconds + parts + _MARGIN_SECONDS


def embedded(config: Config) -> Config:
    """Fit a configuration to the embedded broker.

    It has no idempotent producer. It answers a consumer that joins again after 1.8 session
    timeouts, which is how long a restarted writer would read nothing.
    """
    kafka = msgspec.structs.replace(
        config.kafka,
        enable_idempotence=False,
        session_timeout_seconds=min(config.kafka.session_timeout_seconds, _SESSION_SECONDS),
    )
    return msgspec.structs.replace(config, kafka=kafka)


def _environment(config: Config) -> dict[str, str]:
    """Hand what `embedded` may have changed to the services.

    The allocator settings are among it, so that no service has to start twice to have them.
    """
    kafka = config.kafka
    return {
        "RAK_KAFKA__ENABLE_IDEMPOTENCE": str(kafka.enable_idempotence).lower(),
        "RAK_KAFKA__SESSION_TIMEOUT_SECONDS": str(kafka.session_timeout_seconds),
        **{name: os.environ.get(name, value) for name, value in ALLOCATOR_SETTINGS.items()},
    }
