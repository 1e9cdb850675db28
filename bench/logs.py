"""CPU per log record of the writer's steps: decoding, and encoding for the engine."""

import json
import subprocess
import sys
import time

from bench.log_payloads import agent_logs
from rak_libs.clickhouse.insert import encode_block
from rak_libs.model.batch import new_batch
from rak_libs.model.logs import LOGS
from rak_libs.model.time_window import time_window
from rak_libs.otlp.decode_logs import decode_logs
from rak_libs.runtime.process import ensure_allocator, tune_garbage_collector

Row = tuple[str, str, float, str]

_RECORDS_PER_MESSAGE = 1000
_MESSAGES = 30
_ROUNDS = 3


def run() -> list[Row]:
    """Measure in a process of its own.

    Returns:
        Rows of (what, setting, value, unit).
    """
    # With the allocator settings of a service, which a process has from its start.
    command = [sys.executable, "-m", "bench.logs"]
    steps = subprocess.run(command, capture_output=True, check=True)
    return [*map(tuple, json.loads(steps.stdout))]


def _steps() -> list[Row]:
    """Time decoding and encoding in this process; the best of a few rounds."""
    tune_garbage_collector()
    start_ns = time.time_ns() - 600 * 10**9
    window = time_window(30, time.time_ns())
    decoding, encoding, size = [], [], 0
    for number in range(_ROUNDS):
        # New messages each round: the decoder remembers attributes that it has read.
        messages = [
            agent_logs(
                _RECORDS_PER_MESSAGE, number * _MESSAGES + seed, start_ns
            ).SerializeToString()
            for seed in range(_MESSAGES)
        ]
        batch = new_batch(LOGS)
        started = time.process_time()
        for message in messages:
            decode_logs(message, 0, window, batch)
        decoded = time.process_time()
        size = len(encode_block(LOGS, batch).data)
        encoding.append(time.process_time() - decoded)
        decoding.append(decoded - started)
    records = _MESSAGES * _RECORDS_PER_MESSAGE
    setting = f"in process, {records} records, best of {_ROUNDS}"
    return [
        ("decode, CPU a record", setting, min(decoding) / records * 1e6, "us"),
        ("encode and LZ4, CPU a record", setting, min(encoding) / records * 1e6, "us"),
        ("block after LZ4, a record", setting, size / records, "B"),
    ]


if __name__ == "__main__":
    ensure_allocator()
    print(json.dumps(_steps()))
