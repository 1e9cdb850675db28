from collections.abc import Iterator

import pytest

from e2e.clients.recording_proxy import RecordingProxy, recording_proxy
from fleet import Fleet, Ports, fleet_config, service
from rak_libs.runtime.settings import Config


@pytest.fixture(scope="package")
def receiver(started: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Config]:
    """A second receiver of the fleet, which takes requests of 128 KiB at most."""
    folder = tmp_path_factory.mktemp("receiver")
    limits = {"max_request_bytes": 131_072}
    kafka = {"bootstrap_servers": started.config.kafka.bootstrap_servers}
    config = fleet_config(Ports(), folder, receiver=limits, kafka=kafka)
    with service("rak-otlp-receiver", config, folder) as process:
        process.wait_ready(config.server.otlp_admin_port)
        yield config


@pytest.fixture(scope="package")
def proxy(receiver: Config) -> Iterator[RecordingProxy]:
    """What counts the attempts of each client at that receiver."""
    server = receiver.server
    with recording_proxy(server.otlp_grpc_port, server.otlp_http_port) as running:
        yield running
