"""The whole fleet on Apache Kafka, as `make run BROKER=kafka` starts it."""

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


def test_a_fleet_on_kafka_is_drained_and_started_again_on_the_same_folder(tmp_path: Path) -> None:
    require_kafka()
    ports = Ports()
    with fleet(tmp_path, ports, local={"broker": "kafka"}) as started:
        output = started.supervisor.output
        wait_until(lambda: "rak-ingest is running" in output(), "the fleet says that it runs")
        assert "kill -9 of the broker included, but as there is one broker" in output()
        Stream(started.otlp_http_url, "on-kafka", total=SPANS).start().wait()
        assert started.supervisor.terminate() == 0
        assert "fleet.drained" in output()
        assert "broker.recycling" not in output()
    with fleet(tmp_path, ports, local={"broker": "kafka"}) as started:
        assert "create topic" not in started.supervisor.output()
        assert lag_is_zero(started)
        assert missing(started, "on-kafka", SPANS) == 0
