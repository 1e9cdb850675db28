"""The way of items, each part a process that a test may kill, stop and start again.

Receiver, Apache Kafka and the embedded engine are started once; writers are the test's own. What
dies is started again on the same port and the same data, as its supervisor would.
"""

import contextlib
import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import fleet
from ledger import Ledger
from ledger_check import Findings, check
from ledger_items import PROFILES, SPANS, Items
from prometheus_text import metric
from rak_libs.clickhouse.connection import connect
from rak_libs.kafka.topics import OTLP_SPANS
from rak_libs.runtime.settings import Config

SESSION_SECONDS = 4.0


@dataclass
class RunningWriter:
    """A writer process, its configuration and where its admin endpoints are."""

    service: fleet.Service
    config: Config

    @property
    def port(self) -> int:
        return self.config.server.writer_admin_port

    def metric(self, name: str, **labels: str) -> float:
        return metric(self.port, name, **labels)

    @property
    def assignments(self) -> int:
        """How often it was given partitions of spans."""
        lines = self.service.output().splitlines()
        told = [line for line in lines if "writer.partitions_assigned" in line]
        return sum(OTLP_SPANS in line for line in told)


@dataclass
class DeliveryPath:
    """The parts between an agent and the tables.

    Attributes:
        config: What all of them share; a writer may be given other keys.
        folder: Where their data and output is.
    """

    config: Config
    ports: fleet.Ports
    folder: Path
    _running: contextlib.ExitStack
    kafka: fleet.Service = field(init=False)
    engine: fleet.Service = field(init=False)

    def start_kafka(self) -> None:
        """Start the broker, again on what it had when it was running before."""
        _, self.kafka = self._running.enter_context(fleet.kafka(self.folder, self.ports.broker))

    def start_engine(self, *faults: str) -> None:
        """Start ClickHouse, again on what it had when it was running before.

        Args:
            faults: What `--fault` takes.
        """
        options = [word for fault in faults for word in ("--fault", fault)]
        _, self.engine = self._running.enter_context(
            fleet.engine(self.folder, self.ports.engine, options)
        )

    def start_receiver(self) -> None:
        receiver = self._running.enter_context(
            fleet.service("rak-otlp-receiver", self.config, self.folder)
        )
        receiver.wait_ready(self.ports.otlp_admin)

    @property
    def otlp_http(self) -> str:
        return f"http://127.0.0.1:{self.ports.otlp_http}"

    @cached_property
    def pprof(self) -> str:
        """Where profiles are sent; starts their receiver when it is asked for first."""
        receiver = self._running.enter_context(
            fleet.service("rak-pprof-receiver", self.config, self.folder)
        )
        receiver.wait_ready(self.ports.pprof_admin)
        return f"http://127.0.0.1:{self.ports.pprof}"

    def ledger(self, name: str, items: Items = SPANS, **options: Any) -> Ledger:
        """Make a ledger whose producers send to the receiver of its items."""
        url = self.pprof if items is PROFILES else self.otlp_http
        return Ledger(name, self.folder / "ledgers" / name, url, items=items, **options)

    def config_with(self, **sections: Mapping[str, object]) -> Config:
        """Return the shared configuration with some keys of some sections changed."""
        return fleet.changed(self.config, **sections)

    @contextlib.contextmanager
    def writer(
        self, *arguments: str, config: Config | None = None, **sections: Mapping[str, object]
    ) -> Iterator[RunningWriter]:
        """Run a writer until the end of the context; several may run at once.

        Args:
            arguments: Beside `--config`.
            config: Its configuration, None for the shared one.
            sections: Keys to change in that, by section.
        """
        port = fleet.free_port()
        config = fleet.changed(config or self.config, **sections)
        config = fleet.changed(config, server={"writer_admin_port": port})
        folder = self.folder / f"writer-{port}"
        with fleet.service("rak-writer", config, folder, arguments) as service:
            service.wait_listening(port)
            yield RunningWriter(service, config)
            if service.process.poll() is None:
                # It leaves its group: the next writer need not wait for its session to end.
                service.terminate()

    def wait_written(
        self, config: Config | None = None, seconds: float = 90, topic: str = OTLP_SPANS
    ) -> None:
        """Wait until the group of a configuration's writers has committed everything of a topic."""
        fleet.wait_until(
            lambda: fleet.writers_lag(config or self.config, topic) == 0,
            "everything is written",
            seconds=seconds,
        )

    def check(self, ledger: Ledger, config: Config | None = None) -> Findings:
        """Compare a ledger with the tables once everything is written; prints the figures."""
        findings = check(ledger, (config or self.config).clickhouse)
        print(f"{ledger.name}: {findings}")
        return findings

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one statement on the engine, in the shared database."""
        client = connect(self.config.clickhouse)
        try:
            rows: list[tuple[Any, ...]] = client.execute(sql)
        finally:
            client.disconnect()
        return rows


@contextlib.contextmanager
def delivery_path(folder: Path, **sections: Mapping[str, object]) -> Iterator[DeliveryPath]:
    """Start Kafka, the engine and a receiver, with topics and tables, and no writer.

    Args:
        folder: Where everything is kept.
        sections: Keys of the configuration, by section.
    """
    fleet.require_kafka()
    ports = fleet.Ports()
    kafka = {"session_timeout_seconds": SESSION_SECONDS, "publish_timeout_seconds": 5.0}
    config = fleet.fleet_config(
        ports, folder, **{"local": {"broker": "kafka"}, "kafka": kafka, **sections}
    )
    with contextlib.ExitStack() as running:
        path = DeliveryPath(config, ports, folder, running)
        path.start_engine()
        path.start_kafka()
        fleet.migrate(config, folder)
        path.start_receiver()
        yield path


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Let a process stand still (SIGSTOP) until the end of the context."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
