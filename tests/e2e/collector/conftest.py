"""A whole fleet on each broker, a Collector in front of it and a Collector behind it."""

from collections.abc import Iterator

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from e2e.collector.collectors import CONFIGURATIONS, Sink, collector, require_collector, sink
from e2e.collector.variants import FrontPorts, write_variants
from fleet import Fleet, fleet, require_kafka
from otlp_generation import canonical
from round_trips import generated

DRAWN = 100  # some of them hold no span


@pytest.fixture(scope="package")
def drawn() -> list[ExportTraceServiceRequest]:
    """Anything a client may send, drawn once; each holds a span."""
    requests = list(filter(canonical, generated(DRAWN)))
    assert len(requests) >= DRAWN / 4
    return requests


@pytest.fixture(scope="package", params=["kafka", "embedded"])
def interoperating(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    """One fleet a broker for all tests of this folder."""
    require_collector()
    if request.param == "kafka":
        require_kafka()
    folder = tmp_path_factory.mktemp(request.param)
    with fleet(folder, local={"broker": request.param}) as started:
        yield started


@pytest.fixture(scope="package")
def front(interoperating: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontPorts]:
    """A Collector on deploy/collector/in-front.yaml, and on variants of its exporter."""
    folder = tmp_path_factory.mktemp("front")
    ports = FrontPorts()
    variants = write_variants(ports, folder / "variants.json")
    environ = {"KAFKA_BROKERS": interoperating.config.kafka.bootstrap_servers, **ports.environ}
    configurations = [CONFIGURATIONS / "in-front.yaml", variants]
    with collector("front", configurations, folder, environ) as service:
        for port in ports.all:
            service.wait_listening(port)
        yield ports


@pytest.fixture(scope="package")
def behind(interoperating: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sink]:
    """What a Collector on deploy/collector/behind.yaml hands on."""
    brokers = interoperating.config.kafka.bootstrap_servers
    with sink() as handed_on:
        environ = {"KAFKA_BROKERS": brokers, "OTLP_HTTP_ENDPOINT": handed_on.endpoint}
        folder = tmp_path_factory.mktemp("behind")
        with collector("behind", [CONFIGURATIONS / "behind.yaml"], folder, environ):
            yield handed_on
