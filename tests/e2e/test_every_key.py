"""Every key of the configuration file has an effect: each is changed, and what it changes is seen.

One fleet runs with all keys changed at once. Where an effect needs a cluster, many brokers or a
long wait, the value is looked for where it leaves our hands: in the limits, the statement or the
client that a service makes from it.
"""

import asyncio
import contextlib
import http.client
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from fleet import Ports, fleet_config, http_status, post_traces, service, wait_until
from prometheus_text import metric
from rak_libs.clickhouse.connection import connect
from rak_libs.clickhouse.select import ReadPool
from rak_libs.kafka.admin import connect as connect_admin
from rak_libs.kafka.consumer import PartitionConsumer
from rak_libs.kafka.publisher import Publisher
from rak_libs.kafka.topics import OTLP_SPANS
from rak_libs.runtime.settings import Config
from rak_services.derive.config import derive_limits, ledger_limits
from rak_services.local.__main__ import _with_time_to_drain
from rak_services.writer.config import writer_limits
from traffic import numbered_request

HOST = "127.0.0.2"
SPANS = 300

CHANGED: dict[str, dict[str, object]] = {
    "server": {
        "host": HOST,
        "batch_size": 1234,
        "batch_bytes": 7_654_321,
        "batch_timeout_seconds": 0.25,
        "batch_stretch_seconds": 1.5,
        "batch_stretch_rows": 77,
        "shutdown_timeout_seconds": 17.0,
        "status_interval_seconds": 0.5,
    },
    "receiver": {
        "max_request_bytes": 200_000,
        "memory_budget_bytes": 64 * 1024 * 1024,
        "retry_after_seconds": 40,
        "max_connection_age_seconds": 0.001,
    },
    "derive": {
        "interval_seconds": 0.2,
        "ledger_interval_seconds": 0.3,
        "ledger_traces": 4_321,
        "settle_seconds": 3.5,
        "points_per_statement": 54_321,
        "max_memory_bytes": 876_543_210,
        "threads": 1,
    },
    "writer": {
        "max_dead_letters_per_minute": 7,
        "stuck_after_seconds": 99.0,
    },
    "kafka": {
        "partitions": 3,
        "max_message_bytes": 150_000,
        "publish_timeout_seconds": 8.0,
        "session_timeout_seconds": 3.0,
        "group_prefix": "other-writers",
        "enable_idempotence": False,
    },
    "clickhouse": {
        "user": "somebody",
        "password": "hush",
        "database": "elsewhere",
        "max_connections": 3,
        "connection_timeout_seconds": 4.0,
        "insert_timeout_seconds": 44.0,
    },
    "storage": {
        "spans_retention_days": 11,
        "pipeline_retention_days": 12,
        "metrics_retention_days": 13,
        "metric_rollups_retention_days": 14,
        "logs_retention_days": 15,
        "profiles_retention_days": 16,
        "summaries_retention_days": 17,
    },
    "query": {
        "max_query_time_seconds": 21.0,
        "max_result_rows": 120,
        "max_memory_bytes": 987_654_321,
    },
    "logging": {"level": "debug", "format": "console"},
    "local": {
        "broker_memory_bytes": 400_000_000,
        "engine_memory_bytes": 2_222_222_222,
        "drain_timeout_seconds": 13.0,
    },
}


@dataclass
class Changed:
    """A running fleet whose every key is changed."""

    config: Config
    ports: Ports
    output: Callable[[], str]
    folder: Path

    def url(self, port: int, path: str) -> str:
        return f"http://{HOST}:{port}{path}"

    def select(self, sql: str) -> list[tuple[Any, ...]]:
        client = connect(self.config.clickhouse)
        try:
            rows: list[tuple[Any, ...]] = client.execute(sql)
        finally:
            client.disconnect()
        return rows


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Changed]:
    folder, ports = tmp_path_factory.mktemp("changed"), Ports()
    config = fleet_config(ports, folder, **CHANGED)
    with service("rak-local", config, folder) as supervisor:
        running = Changed(config, ports, supervisor.output, folder)
        ready = running.url(ports.query, "/readyz")
        wait_until(lambda: http_status(ready) == 200, "the fleet is ready", seconds=90)
        request = numbered_request("every-key", 0, SPANS)
        post_traces(running.url(ports.otlp_http, "/v1/traces"), request.SerializeToString())
        count = "SELECT count() FROM spans"
        wait_until(lambda: running.select(count) == [(SPANS,)], "the spans are stored")
        yield running


def listens(port: int, host: str = HOST) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def refused(running: Changed, body: bytes) -> urllib.error.HTTPError:
    request = urllib.request.Request(
        running.url(running.ports.otlp_http, "/v1/traces"), data=body, method="POST"
    )
    request.add_header("Content-Type", "application/x-protobuf")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    caught.value.close()
    return caught.value


def retry_after(running: Changed) -> int:
    admin = running.url(running.ports.otlp_admin, "")
    for path in ("/hold?seconds=60", "/release"):
        post = urllib.request.Request(admin + path, method="POST")
        if path == "/release":
            answer = refused(running, ExportTraceServiceRequest().SerializeToString())
        with urllib.request.urlopen(post):
            pass
    return int(answer.headers["Retry-After"])


def partitions(running: Changed) -> int:
    async def ask() -> int:
        async with connect_admin(running.config.kafka) as admin:
            return (await admin.topics())[OTLP_SPANS]

    return asyncio.run(ask())


def group_reaches_the_end(running: Changed, prefix: str) -> bool:
    async def lag() -> int:
        async with connect_admin(running.config.kafka) as admin:
            return sum((await admin.lag(f"{prefix}-spans", [OTLP_SPANS])).values())

    wait_until(lambda: asyncio.run(lag()) == 0, f"a group {prefix}-spans has read everything")
    return True


def oversized_span_is_rejected(running: Changed) -> bool:
    request = numbered_request("every-key", 10**6, 1, padding="x" * 160_000)
    answer = post_traces(
        running.url(running.ports.otlp_http, "/v1/traces"), request.SerializeToString()
    )
    return b"1 of 1 spans" in answer


def three_status_records_come_soon(running: Changed) -> bool:
    def told() -> float:
        port = running.ports.otlp_admin
        return metric(port, "ingest_status_records_total", HOST, outcome="published")

    before = told()
    wait_until(lambda: told() >= before + 3, "three more status records", seconds=15)
    return True


def cycles_follow_each_other(running: Changed, of: str = "derive") -> bool:
    def done() -> float:
        return metric(running.ports.derive_admin, f"{of}_cycle_duration_seconds_count", HOST)

    before = done()
    wait_until(lambda: done() >= before + 3, "three more cycles", seconds=15)
    return True


def password_is_asked(running: Changed) -> bool:
    wrong = msgspec.structs.replace(running.config.clickhouse, password="wrong")
    with pytest.raises(Exception, match=r"516|Authentication"):
        connect(wrong).execute("SELECT 1")
    return running.select("SELECT 1") == [(1,)]


def engine_setting(running: Changed, name: str) -> str:
    """What the engine says of a setting when the query service's own pool asks."""

    async def ask() -> str:
        pool = ReadPool(running.config.clickhouse, running.config.query)
        try:
            ((value,),) = await pool.select(f"SELECT toString(getSetting('{name}'))")
        finally:
            await pool.close()
        return str(value)

    return asyncio.run(ask())


def engine_memory(running: Changed) -> int:
    sql = "SELECT value FROM system.server_settings WHERE name = 'max_server_memory_usage'"
    ((value,),) = running.select(sql)
    return int(value)


def producer_of(running: Changed) -> Any:
    """The aiokafka producer that a publisher of this configuration makes."""

    async def make() -> Any:
        producer = Publisher(running.config.kafka, "test")._new_producer()
        producer._closed = True  # it was never started, so there is nothing to stop
        return producer

    return asyncio.run(make())


def session_of(running: Changed) -> int:
    """Milliseconds that the broker waits for a writer's heartbeat."""

    async def nothing(_: object) -> None: ...

    async def make() -> int:
        consumer = PartitionConsumer(
            running.config.kafka,
            group="g",
            topics=[OTLP_SPANS],
            client_id="test",
            on_assigned=nothing,
            on_revoked=nothing,
        )
        made = consumer._new_consumer()
        made._closed = True  # it was never started, so there is nothing to stop
        return int(made._session_timeout_ms)

    return asyncio.run(make())


def a_connection_ends_soon(running: Changed) -> bool:
    connection = http.client.HTTPConnection(HOST, running.ports.otlp_http, timeout=10)
    with contextlib.closing(connection):
        for _ in range(1000):
            connection.request("GET", "/v1/traces")
            answer = connection.getresponse()
            answer.read()
            if answer.headers["connection"] == "close":
                return True
    return False


def any_line_is_json(text: str) -> bool:
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            if isinstance(json.loads(line.partition("| ")[2] or line), dict):
                return True
    return False


EFFECTS: dict[str, Callable[[Changed], bool]] = {
    "server.host": lambda r: listens(r.ports.query) and not listens(r.ports.query, "127.0.0.1"),
    "server.otlp_grpc_port": lambda r: listens(r.ports.otlp_grpc),
    "server.otlp_http_port": lambda r: listens(r.ports.otlp_http),
    "server.otlp_admin_port": lambda r: listens(r.ports.otlp_admin),
    "server.pprof_port": lambda r: listens(r.ports.pprof),
    "server.pprof_admin_port": lambda r: listens(r.ports.pprof_admin),
    "server.writer_admin_port": lambda r: listens(r.ports.writer_admin),
    "server.derive_admin_port": lambda r: listens(r.ports.derive_admin),
    "server.query_api_port": lambda r: listens(r.ports.query),
    "server.batch_size": lambda r: writer_limits(r.config).policy.rows == 1234,
    "server.batch_bytes": lambda r: writer_limits(r.config).policy.size == 7_654_321,
    "server.batch_timeout_seconds": lambda r: writer_limits(r.config).policy.timeout == 0.25,
    "server.batch_stretch_seconds": lambda r: writer_limits(r.config).policy.stretch == 1.5,
    "server.batch_stretch_rows": lambda r: writer_limits(r.config).policy.stretch_rows == 77,
    "server.shutdown_timeout_seconds": lambda r: 0 < writer_limits(r.config).drain_seconds < 17,
    "server.status_interval_seconds": three_status_records_come_soon,
    "receiver.max_request_bytes": lambda r: refused(r, b"\n" * 200_001).code == 413,
    "receiver.memory_budget_bytes": lambda r: (
        metric(r.ports.otlp_admin, "ingest_buffer_limit", HOST) == 64 * 1024 * 1024
    ),
    "receiver.retry_after_seconds": lambda r: retry_after(r) >= 20,
    "receiver.max_connection_age_seconds": a_connection_ends_soon,
    "derive.interval_seconds": cycles_follow_each_other,
    "derive.ledger_interval_seconds": lambda r: cycles_follow_each_other(r, "derive_ledger"),
    "derive.ledger_traces": lambda r: ledger_limits(r.config).traces == 4_321,
    "derive.settle_seconds": lambda r: derive_limits(r.config).settle_seconds == 3.5,
    "derive.points_per_statement": lambda r: derive_limits(r.config).points_per_statement == 54_321,
    "derive.max_memory_bytes": lambda r: derive_limits(r.config).memory_bytes == 876_543_210,
    "derive.threads": lambda r: derive_limits(r.config).threads == 1,
    "kafka.bootstrap_servers": lambda r: listens(r.ports.broker, "127.0.0.1"),
    "kafka.partitions": lambda r: partitions(r) == 3,
    "kafka.max_message_bytes": oversized_span_is_rejected,
    "kafka.enable_idempotence": lambda r: producer_of(r)._txn_manager is None,
    "kafka.publish_timeout_seconds": lambda r: producer_of(r)._request_timeout_ms == 4_000,
    "writer.max_dead_letters_per_minute": lambda r: (
        writer_limits(r.config).dead_letters_per_minute == 7
    ),
    "writer.stuck_after_seconds": lambda r: writer_limits(r.config).stuck_seconds == 99,
    "kafka.session_timeout_seconds": lambda r: session_of(r) == 3_000,
    "kafka.group_prefix": lambda r: group_reaches_the_end(r, "other-writers"),
    "clickhouse.url": lambda r: listens(r.ports.engine, "127.0.0.1"),
    "clickhouse.user": lambda r: r.select("SELECT 1") == [(1,)],
    "clickhouse.password": password_is_asked,
    "clickhouse.database": lambda r: r.select("SELECT count() FROM elsewhere.spans") != [],
    "clickhouse.max_connections": lambda r: writer_limits(r.config).inserts == 3,
    "clickhouse.connection_timeout_seconds": lambda r: (
        connect(r.config.clickhouse).connection.connect_timeout == 4.0
    ),
    "clickhouse.insert_timeout_seconds": lambda r: (
        connect(r.config.clickhouse).connection.send_receive_timeout == 44.0
    ),
    "storage.spans_retention_days": lambda r: (
        "toIntervalDay(11)" in str(r.select("SHOW CREATE TABLE spans"))
    ),
    "storage.pipeline_retention_days": lambda r: (
        "toIntervalDay(12)" in str(r.select("SHOW CREATE TABLE pipeline"))
    ),
    "storage.metrics_retention_days": lambda r: (
        "toIntervalDay(13)" in str(r.select("SHOW CREATE TABLE metric_samples"))
    ),
    "storage.metric_rollups_retention_days": lambda r: (
        "toIntervalDay(14)" in str(r.select("SHOW CREATE TABLE metric_samples_1m"))
    ),
    "storage.logs_retention_days": lambda r: (
        "toIntervalDay(15)" in str(r.select("SHOW CREATE TABLE logs"))
    ),
    "storage.profiles_retention_days": lambda r: (
        "toIntervalDay(16)" in str(r.select("SHOW CREATE TABLE cpu_profiles"))
    ),
    "storage.summaries_retention_days": lambda r: (
        "toIntervalDay(17)" in str(r.select("SHOW CREATE TABLE llm_call_summary_states"))
    ),
    "query.max_query_time_seconds": lambda r: engine_setting(r, "max_execution_time") == "21",
    "query.max_result_rows": lambda r: engine_setting(r, "max_result_rows") == "121",
    "query.max_memory_bytes": lambda r: engine_setting(r, "max_memory_usage") == "987654321",
    "logging.level": lambda r: "debug" in r.output(),
    "logging.format": lambda r: not any_line_is_json(r.output()),
    "local.engine_memory_bytes": lambda r: engine_memory(r) == 2_222_222_222,
    "local.drain_timeout_seconds": lambda r: (
        _with_time_to_drain(r.config).server.shutdown_timeout_seconds == 13 + 4 * 17 + 45
    ),
    "local.data_dir": lambda r: any((r.folder / "data").iterdir()),
}


# Changed and seen by a test that needs a fleet, a broker or a form of its own.
SHOWN_ELSEWHERE = {
    "clickhouse.cluster": "tests/integration/schema",
    "kafka.replication_factor": "tests/unit/kafka/test_topic_creation.py",
    "kafka.min_insync_replicas": "tests/unit/kafka/test_topic_creation.py",
    "derive.prices": "tests/integration/ledger/test_service.py",
    "local.broker": "tests/e2e/test_apache_kafka.py",
    "local.kafka_jars_dir": "tests/e2e/test_apache_kafka.py",
    "receiver.drain_notice_seconds": "tests/integration/otlp_receiver/test_start_and_drain.py",
    "local.broker_memory_bytes": "tests/faults/test_broker_memory.py",
}


def test_every_key_is_changed_and_has_its_effect_looked_for() -> None:
    known = {
        f"{section}.{key}"
        for section, keys in msgspec.to_builtins(Config()).items()
        for key in keys
    }
    assert set(EFFECTS) | set(SHOWN_ELSEWHERE) == known


@pytest.mark.parametrize("key", list(EFFECTS))
def test_a_changed_key_has_its_effect(key: str, changed: Changed) -> None:
    section, _, name = key.partition(".")
    default = getattr(getattr(Config(), section), name)
    assert getattr(getattr(changed.config, section), name) != default
    assert EFFECTS[key](changed)
