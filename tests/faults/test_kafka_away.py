"""Apache Kafka stands still under full load: agents come again, and nothing is lost.

`RAK_TEST_KAFKA_STOP_SECONDS` is how long.
"""

import contextlib
import os
import signal
from collections.abc import Iterator

import psutil
import pytest

from fleet import Fleet, fleet, lag_is_zero, require_kafka, wait_until
from prometheus_text import metric
from traffic import Stream, missing

MEBIBYTE = 1024 * 1024
STOP_SECONDS = float(os.environ.get("RAK_TEST_KAFKA_STOP_SECONDS", "8"))
PUBLISH_SECONDS = 3.0
BUDGET_BYTES = 32 * MEBIBYTE
AGENTS = 16
SPANS_PER_REQUEST = 1_000
PADDING = "p" * 500
SETTLING_SHARE = 0.5
FLAT = 16 * MEBIBYTE


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    require_kafka()
    with fleet(
        tmp_path_factory.mktemp("fleet"),
        local={"broker": "kafka"},
        kafka={"publish_timeout_seconds": PUBLISH_SECONDS},
        receiver={"memory_budget_bytes": BUDGET_BYTES, "retry_after_seconds": 1},
    ) as running:
        yield running


class Agents:
    """Agents that send as fast as they are answered; an answer that forbids a retry fails them."""

    def __init__(self, started: Fleet, name: str) -> None:
        self._started = started
        self._streams = [
            Stream(
                started.otlp_http_url,
                f"{name}-{number}",
                per_request=SPANS_PER_REQUEST,
                padding=PADDING,
            ).start()
            for number in range(AGENTS)
        ]

    @property
    def acknowledged(self) -> int:
        return sum(stream.acknowledged for stream in self._streams)

    def wait_acknowledged(self, spans: int, what: str) -> None:
        """Wait for as many spans more."""
        goal = self.acknowledged + spans
        wait_until(lambda: self.acknowledged >= goal, what, seconds=120)

    def stop(self) -> None:
        for stream in self._streams:
            stream.stop()

    def missing(self) -> int:
        return sum(
            missing(self._started, stream.service, stream.acknowledged) for stream in self._streams
        )


@contextlib.contextmanager
def sending(started: Fleet, name: str) -> Iterator[Agents]:
    agents = Agents(started, name)
    try:
        yield agents
    finally:
        agents.stop()


def outcomes(started: Fleet) -> float:
    """Count the requests that were answered, however."""
    return metric(started.ports.otlp_admin, "ingest_requests_total")


def test_everything_acknowledged_is_stored_after_kafka_stood_still(started: Fleet) -> None:
    receiver = psutil.Process(started.child_pid("otlp-receiver"))
    writer = started.child_pid("writer")
    kafka = psutil.Process(started.child_pid("broker"))
    with sending(started, "stopped") as agents:
        agents.wait_acknowledged(20 * SPANS_PER_REQUEST, "the agents send")
        kafka.send_signal(signal.SIGSTOP)
        try:
            seen: list[int] = []
            ends = STOP_SECONDS / 0.25

            def is_over() -> bool:
                seen.append(receiver.memory_info().rss)
                return len(seen) >= ends

            wait_until(is_over, "the time passes", seconds=3 * STOP_SECONDS, every=0.25)
            at_the_end = agents.acknowledged
            answered = outcomes(started)
        finally:
            kafka.send_signal(signal.SIGCONT)
        agents.wait_acknowledged(20 * SPANS_PER_REQUEST, "the agents are accepted again")
    wait_until(lambda: lag_is_zero(started), "everything is written", seconds=120)

    assert agents.missing() == 0
    assert answered * SPANS_PER_REQUEST > at_the_end, "some were told to come again"
    assert receiver.pid == started.child_pid("otlp-receiver"), "the receiver lived through it"
    assert writer == started.child_pid("writer"), "the writer lived through it"
    assert "kafka.log_started_anew" not in started.supervisor.output()
    # The budget fills once, in the beginning.
    settled = seen[int(len(seen) * SETTLING_SHARE) :]
    assert max(settled) - settled[0] < FLAT, [rss // MEBIBYTE for rss in seen]
    print(f"stood still for {STOP_SECONDS:g} s, {agents.acknowledged} spans acknowledged, "
          f"receiver RSS from {seen[0] // MEBIBYTE} to {max(seen) // MEBIBYTE} MiB")  # fmt: skip
