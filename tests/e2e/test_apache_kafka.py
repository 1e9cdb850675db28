"""The whole fleet on Apache Kafka, as `make run BROKER=kafka` starts it."""

import os
import signal
from pathlib import Path

from fleet import (
    Ports,
    fleet,
    lag_is_zero,
    require_kafka,
    wait_until,
)
from traffic import Stream, missing

SPANS = 5_000


def test_a_fleet_on_kafka_stores_what_it_acknowledged_whatever_happens_to_the_broker(
    tmp_path: Path,
) -> None:
    """A kill -9 under load, a drain, and a start on the same folder."""
    require_kafka()
    ports = Ports()
    with fleet(tmp_path, ports, local={"broker": "kafka"}) as started:
        output = started.supervisor.output
        wait_until(lambda: "rak-ingest is running" in output(), "the fleet says that it runs")
        assert "kill -9 of the broker included, but as there is one broker" in output()
        stream = Stream(started.otlp_http_url, "on-kafka", per_request=200, per_second=2_000)
        stream.start()
        wait_until(lambda: stream.acknowledged >= SPANS, "the stream runs")
        killed = started.child_pid("broker")
        os.kill(killed, signal.SIGKILL)
        before = stream.acknowledged
        wait_until(lambda: stream.acknowledged >= before + SPANS, "it goes on", seconds=60)
        sent = stream.stop()
        wait_until(lambda: lag_is_zero(started), "everything is written", seconds=60)
        assert started.child_pid("broker") != killed
        assert missing(started, "on-kafka", sent) == 0
        assert started.supervisor.terminate() == 0
        assert "fleet.drained" in output()
        for never in ("fleet.broker_lost_messages", "broker.recycling"):
            assert never not in output()
    assert (tmp_path / "data" / "kafka" / "data" / "meta.properties").exists()
    with fleet(tmp_path, ports, local={"broker": "kafka"}) as started:
        assert "create topic" not in started.supervisor.output()
        assert lag_is_zero(started)
        assert missing(started, "on-kafka", sent) == 0
