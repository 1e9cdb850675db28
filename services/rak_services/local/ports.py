import socket
from dataclasses import dataclass

from rak_libs.runtime.settings import Config


class PortTaken(Exception):
    """A port that the fleet needs is in use; the message names it and the key that changes it."""


@dataclass(frozen=True, slots=True)
class Listener:
    """One address of the fleet.

    Attributes:
        what: What listens there, for people.
        host: Address to bind.
        port: TCP port.
        key: The configuration key that changes the port.
    """

    what: str
    host: str
    port: int
    key: str


def listeners(config: Config) -> list[Listener]:
    """List every address of the one-machine fleet, in the order of the data path."""
    server = config.server
    broker_host, _, broker_port = config.kafka.bootstrap_servers.rpartition(":")
    engine_host, engine_port = config.clickhouse.address
    keyed = [
        ("OTLP over gRPC", server.otlp_grpc_port, "otlp_grpc_port"),
        ("OTLP over HTTP", server.otlp_http_port, "otlp_http_port"),
        ("OTLP receiver: health, metrics", server.otlp_admin_port, "otlp_admin_port"),
        ("profiles in pprof form over HTTP", server.pprof_port, "pprof_port"),
        ("pprof receiver: health, metrics", server.pprof_admin_port, "pprof_admin_port"),
        ("writer: health, metrics", server.writer_admin_port, "writer_admin_port"),
        ("derive: health, metrics", server.derive_admin_port, "derive_admin_port"),
        ("query API, documentation at /docs", server.query_api_port, "query_api_port"),
    ]
    return [
        *(Listener(what, server.host, port, f"[server] {key}") for what, port, key in keyed),
        Listener(
            "broker (Kafka protocol)", broker_host, int(broker_port), "[kafka] bootstrap_servers"
        ),
        Listener(
            "ClickHouse (native protocol)",
            engine_host,
            engine_port,
            "[clickhouse] url",
        ),
    ]


def check_ports(wanted: list[Listener]) -> None:
    """Fail before anything is started when a port of the fleet is taken.

    Raises:
        PortTaken: names every taken port with what needs it and the key that changes it.
    """
    taken = [listener for listener in wanted if not _bindable(listener)]
    if taken:
        lines = [
            f"port {listener.port} is in use, and {listener.what} needs it; "
            f"stop what listens there or change {listener.key}"
            for listener in taken
        ]
        raise PortTaken("\n".join(lines))


def _bindable(listener: Listener) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listener.host, listener.port))
        except OSError:
            return False
    return True


def table(wanted: list[Listener]) -> str:
    """Draw the table of what listens where."""
    width = max(len(listener.what) for listener in wanted)
    rows = [f"  {item.what:<{width}}  {item.host}:{item.port}" for item in wanted]
    return "\n".join(rows)
