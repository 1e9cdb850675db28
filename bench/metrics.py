"""Metrics: CPU per point of the writer's steps, and what a stored point takes in the engine."""

import contextlib
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import psutil
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

import fleet
from bench.metric_payloads import HISTOGRAMS_PER_REQUEST, POINTS_PER_REQUEST, AgentProcess
from rak_libs.clickhouse.insert import EncodedBlock, Inserter, encode_block
from rak_libs.clickhouse.statements import Statements
from rak_libs.model.batch import ColumnBatch, new_batch
from rak_libs.model.metrics import METRIC_HISTOGRAMS, METRIC_SAMPLES, METRIC_TABLES
from rak_libs.model.time_window import time_window
from rak_libs.otlp.decode_metrics import decode_metrics
from rak_libs.otlp.metrics import data_points
from rak_libs.runtime.process import ensure_allocator, tune_garbage_collector

Row = tuple[str, str, float, str]

_PROCESSES = 40
_CYCLES = 180
_BATCH_SECONDS = 3
_PACE = f"{_PROCESSES} processes, an INSERT each {_BATCH_SECONDS} s"
_DECODED_CYCLES = 24
_ROUNDS = 3
_MEASURED = (METRIC_SAMPLES, METRIC_HISTOGRAMS)
_SHOWN_BYTES = 0.05
_NS_PER_MS = 10**6


def _exports(cycles: int) -> list[tuple[int, bytes]]:
    """Return messages after their arrival, unix milliseconds: yesterday, from ten o'clock on."""
    day_ns = 86_400 * 10**9
    start_ns = time.time_ns() // day_ns * day_ns - day_ns + 10 * 3_600 * 10**9
    rng = random.Random(1)
    return sorted(
        (_time_ns(request) // _NS_PER_MS + rng.randrange(5, 60), request.SerializeToString())
        for number in range(_PROCESSES)
        for request in AgentProcess(number, start_ns).requests(cycles)
    )


def _time_ns(request: ExportMetricsServiceRequest) -> int:
    (metric, *_) = request.resource_metrics[0].scope_metrics[0].metrics
    return data_points(metric)[0].time_unix_nano


def _decode(messages: Sequence[tuple[int, bytes]]) -> dict[str, ColumnBatch]:
    """Return the rows of messages without their series."""
    window = time_window(90, time.time_ns())
    batches = {table.name: new_batch(table) for table in METRIC_TABLES}
    for arrival_ms, message in messages:
        decode_metrics(message, arrival_ms, window, batches, lambda _fingerprint, _day: False)
    return batches


def _batches() -> Iterator[dict[str, ColumnBatch]]:
    """Yield what the writer inserts: the messages of some seconds at a time."""
    batch: list[tuple[int, bytes]] = []
    for message in _exports(_CYCLES):
        if batch and message[0] - batch[0][0] > _BATCH_SECONDS * 1000:
            yield _decode(batch)
            batch = []
        batch.append(message)
    yield _decode(batch)


def run() -> list[Row]:
    """Measure decoding in a process of its own, then the engine.

    Returns:
        Rows of (what, setting, value, unit).
    """
    # With the allocator settings of a service, which a process has from its start.
    command = [sys.executable, "-m", "bench.metrics"]
    steps = subprocess.run(command, capture_output=True, check=True)
    return [*map(tuple, json.loads(steps.stdout)), *_engine()]


def _steps() -> list[Row]:
    """Time decoding and encoding in this process; the best of a few rounds."""
    tune_garbage_collector()
    messages = _exports(_DECODED_CYCLES)
    points = len(messages) * (POINTS_PER_REQUEST + HISTOGRAMS_PER_REQUEST)
    _decode(messages)
    decoding, encoding = [], []
    for _ in range(_ROUNDS):
        started = time.process_time()
        batches = _decode(messages)
        decoded = time.process_time()
        for table in METRIC_TABLES:
            encode_block(table, batches[table.name])
        encoding.append(time.process_time() - decoded)
        decoding.append(decoded - started)
    setting = f"{points} points, one in 11 a histogram"
    return [
        ("decode, CPU a point", setting, min(decoding) / points * 1e6, "us"),
        ("encode and LZ4, CPU a point", setting, min(encoding) / points * 1e6, "us"),
    ]


def _engine() -> list[Row]:
    """Insert half an hour of points; measure the engine's CPU and the columns' bytes."""
    rng = random.Random(2)
    blocks: dict[str, list[EncodedBlock]] = {table.name: [] for table in _MEASURED}
    for batches in _batches():
        batch_number = rng.getrandbits(64)
        for table in _MEASURED:
            blocks[table.name].append(encode_block(table, batches[table.name], batch_number))
    found: list[Row] = []
    with contextlib.ExitStack() as until_the_end:
        folder = Path(until_the_end.enter_context(tempfile.TemporaryDirectory()))
        ports = fleet.Ports()
        config = fleet.fleet_config(ports, folder)
        _, engine = until_the_end.enter_context(fleet.engine(folder, ports.engine))
        fleet.migrate(config, folder, "--only", "tables")
        inserter = until_the_end.enter_context(contextlib.closing(Inserter(config.clickhouse)))
        statements = until_the_end.enter_context(Statements(config.clickhouse))
        for name, of_table in blocks.items():
            inserts = [partial(inserter.insert_block, block, {}) for block in of_table]
            found += _table(statements, f"{config.clickhouse.database}.{name}", engine.pid, inserts)
    return found


def _table(
    statements: Statements, table: str, pid: int, inserts: list[Callable[[], None]]
) -> list[Row]:
    name = table.partition(".")[2]
    statements.execute(f"SYSTEM STOP MERGES {table}")
    inserting = _cpu_of(pid, inserts)
    statements.execute(f"SYSTEM START MERGES {table}")
    merging = _cpu_of(pid, [partial(statements.execute, f"OPTIMIZE TABLE {table} FINAL")])
    of_table = f"active AND concat(database, '.', table) = '{table}'"
    ((rows, size),) = statements.rows(
        f"SELECT sum(rows), sum(bytes_on_disk) FROM system.parts WHERE {of_table}"  # noqa: S608 - constants
    )
    sizes = "SELECT column, sum(column_data_compressed_bytes) AS size FROM system.parts_columns"
    columns = statements.rows(f"{sizes} WHERE {of_table} GROUP BY column ORDER BY size DESC")
    return [
        (f"{name}, rows an INSERT", _PACE, rows / len(inserts), "rows"),
        (f"{name}, engine's CPU an INSERT", "", inserting / len(inserts) * 1e3, "ms"),
        (f"{name}, engine's CPU, one merge", f"{rows} rows", merging / rows * 1e6, "us"),
        (f"{name}, a row", "one part", size / rows, "B"),
        *(
            (f"  {column}", "", column_size / rows, "B")
            for column, column_size in columns
            if column_size / rows >= _SHOWN_BYTES
        ),
    ]


def _cpu_of(pid: int, steps: list[Callable[[], None]]) -> float:
    process = psutil.Process(pid)
    before = process.cpu_times()
    for step in steps:
        step()
    after = process.cpu_times()
    return after.user + after.system - before.user - before.system


if __name__ == "__main__":
    ensure_allocator()
    print(json.dumps(_steps()))
