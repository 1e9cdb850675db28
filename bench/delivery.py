"""What storing each batch once costs the writer, and how large its INSERTs are at given rates.

Both on Apache Kafka where `make kafka-jars` has been run, else on the embedded broker.
"""

import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import fleet
from bench.payloads import agent_request
from rak_libs.kafka.publisher import Publisher
from rak_libs.kafka.topics import OTLP_SPANS
from rak_libs.runtime.config import config_from_command_line
from rak_libs.runtime.lifecycle import run_service
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.process import ensure_allocator
from rak_libs.runtime.settings import Config
from rak_services.local.kafka_broker import KafkaNotInstalled, check_installed
from rak_services.writer import app
from rak_services.writer.batch import Batch
from rak_services.writer.delivery import Delivery
from rak_services.writer.insertion import OnFailure
from rak_services.writer.lease import Lease
from rak_services.writer.signals import SIGNALS

log = get_logger(__name__)

Row = tuple[str, str, float, str]

_SPANS_PER_MESSAGE = 1000
_MESSAGES = 200
_BATCH_ROWS = (100_000, 1_000)
_ROUNDS = 3
_RATES = (1_000, 10_000, 50_000)
_RATE_SECONDS = 10
_SPANS_AT_RATE = 200
_TICKS = os.sysconf("SC_CLK_TCK")


def run() -> list[Row]:
    """Measure the cost of the protocol, then batches by rate.

    Returns:
        Rows of (what, setting, value, unit).
    """
    with tempfile.TemporaryDirectory() as name, _pipeline(Path(name)) as (config, folder, broker):
        costs = [row for rows in _BATCH_ROWS for row in _costs(rows, config, folder, broker)]
        rates = [row for rate in _RATES for row in _at_rate(rate, config, folder / str(rate))]
    return [*costs, *rates]


def _costs(batch_rows: int, config: Config, folder: Path, broker: str) -> list[Row]:
    """Let writers of both kinds drain the same, in turns, so that both see the same machine."""
    limited = fleet.changed(config, server={"batch_size": batch_rows})
    costs: dict[str, list[float]] = {"once": [], "bare": []}
    for number in range(_ROUNDS):
        for kind, each in costs.items():
            each.append(_cpu_of(kind, limited, folder / f"{kind}-{batch_rows}-{number}"))
    once, bare = (statistics.median(each) for each in costs.values())
    setting = f"{broker}, batches of {batch_rows:,}, {_ROUNDS} rounds"
    return [
        ("writer with the protocol, CPU a span", setting, once, "us"),
        ("writer without (INSERT, commit)", setting, bare, "us"),
        ("with over without", setting, once / bare, ""),
    ]


class BareDelivery(Delivery):
    """INSERT and commit, and nothing else: what a writer does that may store a batch twice."""

    async def deliver(self, batch: Batch, abandoned: asyncio.Event, on_failure: OnFailure) -> None:
        """Write the batch and commit it."""

        async def confirm() -> None:
            return

        encoded = await self._insertion.encode(batch)
        if encoded is not None:
            lease = Lease(3600.0, confirm)
            await self._insertion.insert(encoded, lease, abandoned, on_failure)
            log.info("writer.batch_inserted", **batch.described, rows=encoded.rows)
        await self._commit(batch, batch.end_offset, "")


@contextlib.contextmanager
def _pipeline(folder: Path) -> Iterator[tuple[Config, Path, str]]:
    ports = fleet.Ports()
    kind = "kafka"
    try:
        check_installed(fleet.KAFKA_JARS)
    except KafkaNotInstalled:
        kind = "embedded"
    config = fleet.fleet_config(ports, folder, local={"broker": kind})
    with fleet.engine(folder, ports.engine), fleet.broker_of(config, folder):
        fleet.migrate(config, folder)
        yield config, folder, kind


def _messages(count: int, spans: int = _SPANS_PER_MESSAGE) -> list[bytes]:
    start_ns = time.time_ns() - 600 * 10**9
    return [agent_request(spans, seed, start_ns).SerializeToString() for seed in range(count)]


def _cpu_of(kind: str, config: Config, folder: Path) -> float:
    """Publish a topic's worth, let a writer of this kind drain it; microseconds of CPU a span."""
    spans = _MESSAGES * _SPANS_PER_MESSAGE
    asyncio.run(_publish(config, _messages(_MESSAGES), 0.0))
    path = fleet.write_config(config, folder / "config.toml")
    command = [sys.executable, "-m", "bench.delivery", "--config", str(path)]
    environ = {"RAK_BENCH_DELIVERY": kind, "PYTHONPATH": os.pathsep.join(sys.path)}
    with fleet.running("writer", command, folder, environ) as writer:
        writer.wait_ready(config.server.writer_admin_port)
        fleet.wait_until(lambda: "writer.partitions_assigned" in writer.output(), "it reads")
        # Joining the group takes seconds, so next to nothing has been read yet.
        before = _cpu_seconds(writer.pid)
        fleet.wait_until(lambda: sum(_inserted(writer)) >= spans, "drained", seconds=120, every=0.1)
        used = _cpu_seconds(writer.pid) - before
        writer.terminate()
    return used / spans * 1e6


def _at_rate(rate: int, config: Config, folder: Path) -> list[Row]:
    """Publish at a rate beside a writer; how many INSERTs it made of that, and how large."""
    messages = _messages(rate * _RATE_SECONDS // _SPANS_AT_RATE, _SPANS_AT_RATE)
    with fleet.service("rak-writer", config, folder) as writer:
        writer.wait_ready(config.server.writer_admin_port)
        fleet.wait_until(lambda: "writer.partitions_assigned" in writer.output(), "it reads")
        asyncio.run(_publish(config, messages, _SPANS_AT_RATE / rate))
        wanted = len(messages) * _SPANS_AT_RATE
        fleet.wait_until(lambda: sum(_inserted(writer)) >= wanted, "written", seconds=120)
        rows = _inserted(writer)
        writer.terminate()
    setting = f"{rate:,} spans/s for {_RATE_SECONDS} s, 4 partitions"
    return [
        ("INSERTs a second", setting, len(rows) / _RATE_SECONDS, "/s"),
        ("rows an INSERT, median", setting, statistics.median(rows), ""),
    ]


async def _publish(config: Config, values: Sequence[bytes], every: float) -> None:
    publisher = Publisher(config.kafka, "bench")
    await publisher.start()
    begin = time.monotonic()
    for number, value in enumerate(values):
        await asyncio.sleep(max(0.0, begin + number * every - time.monotonic()))
        await publisher.publish(OTLP_SPANS, value, [])
    await publisher.stop(5)


def _inserted(writer: fleet.Service) -> list[int]:
    """Rows of each batch of spans by the writer's own log."""
    lines = [line for line in writer.output().splitlines() if "writer.batch_inserted" in line]
    batches: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return [batch["rows"] for batch in batches if batch["topic"] == OTLP_SPANS]


def _cpu_seconds(pid: int) -> float:
    """User and system time of a process, from /proc (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _writer_process() -> None:
    """Run a writer of spans in this process, with the protocol or without."""
    ensure_allocator()
    config, _ = config_from_command_line("bench-writer")
    bare = os.environ["RAK_BENCH_DELIVERY"] == "bare"

    async def run_writer(stop: asyncio.Event) -> None:
        await app.serve(config, [SIGNALS["spans"]], stop)

    if bare:
        app.Delivery = BareDelivery  # type: ignore[misc]

    sys.exit(run_service("writer", config, run_writer))


if __name__ == "__main__":
    _writer_process()
