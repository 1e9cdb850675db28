"""The whole fleet on Apache Kafka, as `make run BROKER=kafka` starts it."""

from pathlib import Path

from fleet import Ports, fleet, fleet_config, lag_is_zero, require_kafka, service, wait_until
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
        assert f"Apache Kafka on 127.0.0.1:{ports.broker}" in output()
        assert "broker.recycling" not in output()
    with fleet(tmp_path, ports, local={"broker": "kafka"}) as started:
        assert "create topic" not in started.supervisor.output()
        assert lag_is_zero(started)
        assert missing(started, "on-kafka", SPANS) == 0


def test_jars_that_are_not_there_are_named_before_anything_is_started(tmp_path: Path) -> None:
    jars = tmp_path / "no-jars"
    config = fleet_config(Ports(), tmp_path, local={"broker": "kafka", "kafka_jars_dir": str(jars)})
    with service("rak-local", config, tmp_path) as supervisor:
        assert supervisor.process.wait(timeout=30) == 1
        assert f"not in {jars} ([local] kafka_jars_dir): `make kafka-jars`" in supervisor.output()
