"""The configuration file's sections as frozen structs: one field a key, its default, its unit.

`config.example.toml` shows every key with its meaning; `rak_libs.runtime.config` reads the file
and the environment into these.
"""

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct
from msgspec.structs import asdict

INT64_MAX = 2**63 - 1

Port = Annotated[int, Meta(ge=1, le=65535)]
Positive = Annotated[int, Meta(ge=1, le=INT64_MAX)]
Days = Annotated[int, Meta(ge=1, le=3650)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
Text = Annotated[str, Meta(min_length=1)]
Secret = Annotated[str, Meta(extra={"secret": True})]
SecretText = Annotated[str, Meta(min_length=1, extra={"secret": True})]

MEBIBYTE = 1024 * 1024
NATIVE_PORT = 9000
HOST_NAME = re.compile(r"[A-Za-z0-9._:%-]+")


class SettingError(ValueError):
    """A value that has the right type and is still refused; the text names section and key."""

    def __init__(self, section: str, key: str, problem: str) -> None:
        self.section = section
        self.key = key
        super().__init__(f"[{section}] {key}: {problem}")


def native_address(url: str) -> tuple[str, int]:
    """Host and port of `clickhouse://host[:port]`; the port is 9000 when it is left out.

    Raises ValueError, whose text never repeats the URL (it may hold credentials), for any other
    scheme and for URLs that carry more than host and port.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("expected clickhouse://host[:port]") from None
    if parts.scheme in {"http", "https"}:
        raise ValueError(
            "the HTTP interface is not used; expected the native protocol's address,"
            " clickhouse://host:9000"
        )
    if "@" in parts.netloc and parts.scheme == "clickhouse":
        raise ValueError("credentials belong in [clickhouse] user and password, not in the URL")
    host = parts.hostname or ""
    if parts.scheme != "clickhouse" or not HOST_NAME.fullmatch(host):
        raise ValueError("expected clickhouse://host[:port]")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("expected nothing after clickhouse://host[:port]")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("expected a port from 1 to 65535 in clickhouse://host[:port]")
    return host, port or NATIVE_PORT


class ServerSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[server]`: addresses of every service and the size of batches."""

    host: Text = "127.0.0.1"
    otlp_grpc_port: Port = 4317
    otlp_http_port: Port = 4318
    otlp_admin_port: Port = 8081
    pprof_port: Port = 4319
    pprof_admin_port: Port = 8082
    writer_admin_port: Port = 8083
    derive_admin_port: Port = 8090
    query_api_port: Port = 8080
    batch_size: Positive = 100_000
    batch_bytes: Positive = 32 * MEBIBYTE
    batch_timeout_seconds: Seconds = 1.0
    batch_stretch_seconds: Seconds = 2.5
    batch_stretch_rows: Positive = 5_000
    shutdown_timeout_seconds: Seconds = 30.0
    status_interval_seconds: Seconds = 10.0


class ReceiverSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[receiver]`: what a receiver accepts and how much memory it may hold."""

    max_request_bytes: Positive = 64 * MEBIBYTE
    memory_budget_bytes: Positive = 512 * MEBIBYTE
    retry_after_seconds: Positive = 1
    max_connection_age_seconds: Seconds = 1800.0
    drain_notice_seconds: Seconds = 0.5


class WriterSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[writer]`: when a writer must stop rather than go on."""

    max_dead_letters_per_minute: Positive = 1000
    stuck_after_seconds: Seconds = 120.0


class DeriveSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[derive]`: when derived rows are computed, and how much of the engine that may take."""

    interval_seconds: Seconds = 120.0
    ledger_interval_seconds: Seconds = 15.0
    ledger_traces: Positive = 20_000
    prices: str = ""
    settle_seconds: Seconds = 30.0
    points_per_statement: Positive = 2_000_000
    max_memory_bytes: Positive = 2048 * MEBIBYTE
    threads: Positive = 2


class KafkaSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[kafka]`: the broker, the topics and the limits of a message."""

    bootstrap_servers: Text = "127.0.0.1:9092"
    enable_idempotence: bool = True
    partitions: Positive = 4
    replication_factor: Positive = 1
    min_insync_replicas: Positive = 1
    max_message_bytes: Positive = 16 * MEBIBYTE
    publish_timeout_seconds: Seconds = 10.0
    session_timeout_seconds: Seconds = 10.0
    group_prefix: Text = "rak-writer"

    def __post_init__(self) -> None:
        """Refuse more in-sync replicas than replicas: no publish would ever be acknowledged."""
        if self.min_insync_replicas > self.replication_factor:
            raise SettingError(
                "kafka",
                "min_insync_replicas",
                f"expected at most replication_factor ({self.replication_factor}),"
                f" got {self.min_insync_replicas}",
            )


class ClickHouseSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[clickhouse]`: the engine; `cluster` empty means one node without ON CLUSTER."""

    url: SecretText = "clickhouse://127.0.0.1:9000"
    user: Text = "default"
    password: Secret = ""
    database: Text = "telemetry"
    cluster: str = ""
    max_connections: Positive = 10
    connection_timeout_seconds: Seconds = 5.0
    insert_timeout_seconds: Seconds = 60.0

    def __post_init__(self) -> None:
        """Refuse a URL that is no native address (SettingError)."""
        try:
            native_address(self.url)
        except ValueError as error:
            raise SettingError("clickhouse", "url", str(error)) from None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the native protocol."""
        return native_address(self.url)

    def __repr__(self) -> str:
        shown = asdict(self) | {"password": "***" if self.password else ""}
        return (
            f"ClickHouseSettings({', '.join(f'{key}={value!r}' for key, value in shown.items())})"
        )


class StorageSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[storage]`: days that each signal is kept."""

    spans_retention_days: Days = 30
    metrics_retention_days: Days = 90
    metric_rollups_retention_days: Days = 400
    summaries_retention_days: Days = 400
    logs_retention_days: Days = 30
    profiles_retention_days: Days = 7
    pipeline_retention_days: Days = 90


class QuerySettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[query]`: limits that the engine enforces on every question."""

    max_query_time_seconds: Seconds = 30.0
    max_result_rows: Positive = 10_000
    max_memory_bytes: Positive = 1024 * MEBIBYTE


class LoggingSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[logging]`: how much is logged and in which form."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"


class LocalSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[local]`: the embedded parts of the one-machine fleet."""

    data_dir: Text = ".rak"
    broker: Literal["embedded", "kafka"] = "embedded"
    kafka_jars_dir: Text = ".kafka/jars"
    broker_memory_bytes: Positive = 512 * MEBIBYTE
    engine_memory_bytes: Positive = 4096 * MEBIBYTE
    drain_timeout_seconds: Seconds = 30.0


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole configuration file; every service reads the sections it needs."""

    server: ServerSettings = ServerSettings()
    receiver: ReceiverSettings = ReceiverSettings()
    kafka: KafkaSettings = KafkaSettings()
    writer: WriterSettings = WriterSettings()
    derive: DeriveSettings = DeriveSettings()
    clickhouse: ClickHouseSettings = ClickHouseSettings()
    storage: StorageSettings = StorageSettings()
    query: QuerySettings = QuerySettings()
    logging: LoggingSettings = LoggingSettings()
    local: LocalSettings = LocalSettings()
