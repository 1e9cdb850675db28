"""How long after its acknowledgement a span is found by the query service."""

import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from bench.payloads import agent_request
from fleet import Fleet, fleet, http_status, post_traces

_ROUNDS = 15


def _seconds_until_found(started: Fleet, seed: int) -> float:
    request = agent_request(1, seed, time.time_ns())
    span = request.resource_spans[0].scope_spans[0].spans[0]
    post_traces(started.otlp_http_url, request.SerializeToString())
    acknowledged = time.monotonic()
    url = f"{started.query_url}/traces/{span.trace_id.hex()}"
    while http_status(url) != 200:
        time.sleep(0.01)
    return time.monotonic() - acknowledged


def run() -> list[tuple[str, str, float, str]]:
    """Measure on a whole fleet at rest, one span at a time.

    Returns:
        Rows of (what, setting, value, unit).
    """
    with tempfile.TemporaryDirectory() as folder, fleet(Path(folder)) as started:
        _seconds_until_found(started, 0)
        seconds = sorted(_seconds_until_found(started, seed) for seed in range(1, _ROUNDS + 1))
    setting = f"one span at a time, {_ROUNDS} rounds"
    return [
        ("acknowledged to queryable, median", setting, statistics.median(seconds), "s"),
        ("acknowledged to queryable, worst", setting, seconds[-1], "s"),
    ]
