"""A client that closes its connection frees what its question held."""

import socket
from pathlib import Path

import msgspec
import pytest

import fleet
from integration.query.conftest import query_service
from rak_libs.clickhouse.connection import connect
from rak_libs.runtime.settings import ClickHouseSettings, Config, QuerySettings

QUESTIONS = {
    "a search": "/api/v1/traces?order=duration",
    "a page of a trace": f"/api/v1/traces/{'a' * 32}",
    "a list of services": "/api/v1/services",
    "a search for logs": "/api/v1/logs?start=0&order=oldest",
}
CONNECTIONS = 2


@pytest.fixture(scope="module")
def two_connections(endless: Config) -> Config:
    clickhouse = msgspec.structs.replace(endless.clickhouse, max_connections=CONNECTIONS)
    return msgspec.structs.replace(endless, clickhouse=clickhouse)


def test_the_engine_s_query_ends_and_its_connection_is_free_again(
    two_connections: Config, clickhouse: ClickHouseSettings, tmp_path: Path
) -> None:
    """Each question runs in the engine when its client leaves, long before its time is over.

    With two connections, the third question would find none if one was lost.
    """
    limits = QuerySettings(max_query_time_seconds=600)
    with (
        query_service(two_connections, tmp_path, limits) as (api, service),
        connect(clickhouse) as client,
    ):
        running = "SELECT count() FROM system.processes WHERE current_database = 'endless'"
        for path in [*QUESTIONS.values(), *QUESTIONS.values()]:
            with socket.create_connection(tuple(api.base.removeprefix("http://").split(":"))) as at:
                at.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
                fleet.wait_until(lambda: client.execute(running) == [(1,)], f"{path} runs")
            fleet.wait_until(lambda: client.execute(running) == [(0,)], f"{path} has ended")
        fleet.wait_until(
            lambda: service.output().count("query.client_left") == 2 * len(QUESTIONS), "all logged"
        )
        metrics = api.get("/metrics").body.decode()
        assert 'query_requests_total{path="/api/v1/traces",status="499"} 2.0' in metrics


def test_questions_that_wait_for_a_connection_are_given_up_too(
    two_connections: Config, clickhouse: ClickHouseSettings, tmp_path: Path
) -> None:
    """Four clients at two connections: when all have left, nothing runs, now or later."""
    limits = QuerySettings(max_query_time_seconds=600)
    with (
        query_service(two_connections, tmp_path, limits) as (api, service),
        connect(clickhouse) as client,
    ):
        running = "SELECT count() FROM system.processes WHERE current_database = 'endless'"
        clients = []
        for _ in range(2 * CONNECTIONS):
            at = socket.create_connection(tuple(api.base.removeprefix("http://").split(":")))
            at.sendall(b"GET /api/v1/services HTTP/1.1\r\nHost: test\r\n\r\n")
            clients.append(at)
        full = [(CONNECTIONS,)]
        fleet.wait_until(lambda: client.execute(running) == full, "both connections are busy")
        for at in clients:
            at.close()
        fleet.wait_until(
            lambda: service.output().count("query.client_left") == 2 * CONNECTIONS, "all logged"
        )
        fleet.wait_until(lambda: client.execute(running) == [(0,)], "nothing runs")
