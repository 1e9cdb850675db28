import msgspec

from rak_libs.runtime.settings import Config
from rak_services.local.ports import listeners, table


def test_every_port_of_the_fleet_is_listed_with_the_key_that_changes_it() -> None:
    config = msgspec.convert(
        {
            "server": {"otlp_grpc_port": 14317, "host": "127.0.0.2"},
            "kafka": {"bootstrap_servers": "127.0.0.3:19092"},
            "clickhouse": {"url": "clickhouse://127.0.0.4:19000"},
        },
        Config,
    )
    addresses = {item.key: (item.host, item.port) for item in listeners(config)}
    assert addresses == {
        "[server] otlp_grpc_port": ("127.0.0.2", 14317),
        "[server] otlp_http_port": ("127.0.0.2", 4318),
        "[server] otlp_admin_port": ("127.0.0.2", 8081),
        "[server] pprof_port": ("127.0.0.2", 4319),
        "[server] pprof_admin_port": ("127.0.0.2", 8082),
        "[server] writer_admin_port": ("127.0.0.2", 8083),
        "[server] derive_admin_port": ("127.0.0.2", 8090),
        "[server] query_api_port": ("127.0.0.2", 8080),
        "[kafka] bootstrap_servers": ("127.0.0.3", 19092),
        "[clickhouse] url": ("127.0.0.4", 19000),
    }


def test_the_table_names_every_address() -> None:
    drawn = table(listeners(Config()))
    assert "OTLP over gRPC" in drawn
    assert all(f"127.0.0.1:{port}" in drawn for port in (4317, 4318, 8080, 8081, 8083, 9092, 9000))
