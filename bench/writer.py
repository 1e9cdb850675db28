"""CPU per item of the writer: the process between broker and engine, and its steps alone."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import psutil

import fleet
from bench.log_payloads import agent_logs
from bench.metric_payloads import HISTOGRAMS_PER_REQUEST, POINTS_PER_REQUEST, AgentProcess
from bench.payloads import agent_request
from rak_libs.clickhouse.insert import encode_block
from rak_libs.kafka.publisher import Publisher
from rak_libs.model.batch import new_batch
from rak_libs.model.spans import SPANS
from rak_libs.model.time_window import time_window
from rak_libs.otlp.decode_spans import decode_spans
from rak_libs.runtime.process import ensure_allocator, tune_garbage_collector
from rak_libs.runtime.settings import Config
from rak_services.writer.signals import SIGNALS

Row = tuple[str, str, float, str]

_SPANS_PER_MESSAGE = 1000
_RECORDS_PER_MESSAGE = 1000
_PROCESSES = 20
_POINTS_PER_EXPORT = POINTS_PER_REQUEST + HISTOGRAMS_PER_REQUEST
_EXPORTS = 9_000
_MESSAGES = 900
_BREAKDOWN_MESSAGES = 30
_ROUNDS = 3
_TICKS = os.sysconf("SC_CLK_TCK")
_SUBJECT_CORE = {0}


def run() -> list[Row]:
    """Measure the process, then its steps.

    Returns:
        Rows of (what, setting, value, unit).
    """
    # The steps run with the allocator settings of a service, which a process has from its start.
    command = [sys.executable, "-m", "bench.writer"]
    steps = subprocess.run(command, capture_output=True, check=True)
    processes = [row for load in _loads() for row in process(load)]
    return [*processes, *map(tuple, json.loads(steps.stdout))]


@dataclass(frozen=True)
class Load:
    """What is in a topic before the writer starts.

    Attributes:
        signal: The signal's name.
        item: What one of its items is called.
        messages: Makes the messages.
        items: Items in a message.
    """

    signal: str
    item: str
    messages: Callable[[], list[bytes]]
    items: int


def _loads() -> list[Load]:
    return [
        Load("spans", "span", lambda: _spans(_MESSAGES), _SPANS_PER_MESSAGE),
        Load("metrics", "point", lambda: _points(_MESSAGES), _PROCESSES * _POINTS_PER_EXPORT),
        Load("metrics", "point", lambda: _exports(_EXPORTS), _POINTS_PER_EXPORT),
        Load("logs", "record", lambda: _logs(_MESSAGES), _RECORDS_PER_MESSAGE),
    ]


def _start_ns() -> int:
    return time.time_ns() - 6 * 3_600 * 10**9


def _spans(count: int) -> list[bytes]:
    return [
        agent_request(_SPANS_PER_MESSAGE, seed, _start_ns()).SerializeToString()
        for seed in range(count)
    ]


def _logs(count: int) -> list[bytes]:
    return [
        agent_logs(_RECORDS_PER_MESSAGE, seed, _start_ns()).SerializeToString()
        for seed in range(count)
    ]


def _exports(count: int) -> list[bytes]:
    """As agents' processes send them: one after the other exports its series."""
    cycles = count // _PROCESSES
    processes = [AgentProcess(number, _start_ns()).requests(cycles) for number in range(_PROCESSES)]
    return [next(each).SerializeToString() for _ in range(cycles) for each in processes]


def _points(count: int) -> list[bytes]:
    """As a Collector sends them: exports of many processes in one message."""
    exports = _exports(count * _PROCESSES)
    return [b"".join(exports[n * _PROCESSES :][:_PROCESSES]) for n in range(count)]


def process(load: Load) -> list[Row]:
    """Measure a writer that drains a topic: rows of CPU, rates and memory."""
    ports = fleet.Ports()
    values = load.messages()
    items = len(values) * load.items
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = fleet.fleet_config(ports, folder)
        with _others_core(), fleet.engine(folder, ports.engine), fleet.broker(folder, ports.broker):
            fleet.migrate(config, folder)
            asyncio.run(_publish(config, SIGNALS[load.signal].topic, values))
            cpu, wall, memory = _drain_topic(config, folder, load.signal, items)
    cores = f"{len(values)} messages of {load.items}, one core"
    unit = f"{load.item}s/s"
    return [
        (f"writer process, CPU a {load.item}", cores, cpu / items * 1e6, "us"),
        (f"writer process, {load.item}s a CPU second", cores, items / cpu, unit),
        ("writer process, through one core", cores, items / wall, unit),
        ("writer process, resident memory", cores, memory / 2**20, "MiB"),
    ]


@contextlib.contextmanager
def _others_core() -> Iterator[None]:
    """Keep everything that is started inside off the subject's core, where there are two."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores - _SUBJECT_CORE or cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


async def _publish(config: Config, topic: str, values: list[bytes]) -> None:
    publisher = Publisher(config.kafka, "bench")
    await publisher.start()
    for value in values:
        await publisher.publish(topic, value, [])
    await publisher.stop(5)


def _drain_topic(
    config: Config, folder: Path, signal: str, items: int
) -> tuple[float, float, float]:
    """Run a writer until the topic is drained; CPU and wall seconds, and bytes of memory."""
    with fleet.service("rak-writer", config, folder, ["--signal", signal]) as writer:
        os.sched_setaffinity(writer.pid, _SUBJECT_CORE)
        writer.wait_ready(config.server.writer_admin_port)
        # Joining the group takes seconds, so nothing has been read yet.
        _until(lambda: "writer.partitions_assigned" in writer.output())
        cpu, wall = _cpu_seconds(writer.pid), time.monotonic()
        _until(lambda: _items_inserted(writer) >= items)
        cpu, wall = _cpu_seconds(writer.pid) - cpu, time.monotonic() - wall
        return cpu, wall, psutil.Process(writer.pid).memory_info().rss


def _until(probe: Callable[[], bool]) -> None:
    fleet.wait_until(probe, "the topic is drained", seconds=120, every=0.02)


def _items_inserted(writer: fleet.Service) -> int:
    """Items by the writer's own log: asking it for metrics would cost what is measured."""
    lines = [line for line in writer.output().splitlines() if "writer.batch_inserted" in line]
    return sum(json.loads(line)["items"] for line in lines)


def _cpu_seconds(pid: int) -> float:
    """User and system time of a process, from /proc (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _steps() -> list[Row]:
    """Time decoding and encoding in this process; the best of a few rounds."""
    tune_garbage_collector()
    messages = _spans(_BREAKDOWN_MESSAGES * _ROUNDS)
    window = time_window(30, time.time_ns())
    decoding, encoding, size = [], [], 0
    for number in range(_ROUNDS):
        # New messages each round: the decoder remembers attributes that it has read.
        fresh = messages[number * _BREAKDOWN_MESSAGES :][:_BREAKDOWN_MESSAGES]
        batch = new_batch(SPANS)
        started = time.process_time()
        for message in fresh:
            decode_spans(message, 0, window, batch)
        decoded = time.process_time()
        size = len(encode_block(SPANS, batch).data)
        encoding.append(time.process_time() - decoded)
        decoding.append(decoded - started)
    spans = _BREAKDOWN_MESSAGES * _SPANS_PER_MESSAGE
    setting = f"in process, {spans} spans, best of {_ROUNDS}"
    return [
        ("decode, CPU a span", setting, min(decoding) / spans * 1e6, "us"),
        ("encode and LZ4, CPU a span", setting, min(encoding) / spans * 1e6, "us"),
        ("block after LZ4, a span", setting, size / spans, "B"),
    ]


if __name__ == "__main__":
    ensure_allocator()
    print(json.dumps(_steps()))
