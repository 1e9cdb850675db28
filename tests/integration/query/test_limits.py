"""What happens when the engine's limits, the engine itself or the client end a question."""

import socket
import time
from pathlib import Path

import msgspec
import pytest

import fleet
from integration.query.api_client import Api
from integration.query.conftest import Corpus, query_service
from integration.query.known_spans import SECOND, KnownSpan, request_of, store
from rak_libs.clickhouse.connection import connect
from rak_libs.runtime.settings import ClickHouseSettings, Config, QuerySettings


@pytest.fixture(scope="module")
def crowd(clickhouse: ClickHouseSettings) -> str:
    """The start of a range with 400,000 traces."""
    start = time.time_ns() - 8 * 86_400 * SECOND
    with connect(clickhouse) as client:
        client.execute(
            "INSERT INTO spans (trace_id, span_id, timestamp, service_name) "
            "SELECT lower(hex(sipHash128(number))), '00000000000000aa', "
            f"fromUnixTimestamp64Nano({start} + number, 'UTC'), 'crowd' FROM numbers(400000)"
        )
    return str(start)


def test_no_page_is_longer_than_max_result_rows(
    config: Config, tmp_path: Path, corpus: Corpus
) -> None:
    """A larger limit is cut to it, and the engine is told the same."""
    with query_service(config, tmp_path, QuerySettings(max_result_rows=3)) as (api, _):
        asked = {**corpus.period, "limit": "500"}
        pages = list(api.pages("/api/v1/traces", asked))
        assert {len(page) for page in pages[:-1]} == {3}
        assert sum(map(len, pages)) == len({span.trace_id for span in corpus.spans})
        trace_id = corpus.spans[0].trace_id
        assert all(len(page) <= 3 for page in api.pages(f"/api/v1/traces/{trace_id}", {}))


def test_the_engine_s_query_ends_when_the_client_leaves(
    config: Config, tmp_path: Path, clickhouse: ClickHouseSettings, crowd: str
) -> None:
    """A client that closes its connection frees the engine long before the time limit."""
    asked = f"/api/v1/traces?start={crowd}&order=duration&q=" + "nothing" * 30
    limits = QuerySettings(max_query_time_seconds=60)
    with (
        query_service(config, tmp_path, limits) as (api, service),
        connect(clickhouse) as client,
    ):
        host, port = api.base.removeprefix("http://").split(":")
        slow = (
            "SELECT count() FROM system.processes "
            "WHERE query LIKE '%nothing%' AND query NOT LIKE '%processes%'"
        )
        for _ in range(20):
            with socket.create_connection((host, int(port))) as leaving:
                leaving.sendall(f"GET {asked} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        fleet.wait_until(lambda: client.execute(slow) == [(0,)], "no query is left", seconds=10)
        fleet.wait_until(lambda: "query.client_left" in service.output(), "the log says so")
        assert api.page("/api/v1/services")["complete"] is True


def test_while_the_engine_is_down_questions_are_answered_503_and_work_again_afterwards(
    tmp_path: Path,
) -> None:
    """The service starts without an engine, says so, recovers by itself, twice."""
    ports = fleet.Ports()
    config = fleet.fleet_config(ports, tmp_path)
    with fleet.service("rak-query", config, tmp_path) as service:
        service.wait_listening(ports.query)
        api = Api(f"http://127.0.0.1:{ports.query}")
        assert_unavailable(api)
        for _ in range(2):
            with fleet.engine(tmp_path, ports.engine):
                fleet.migrate(config, tmp_path, "--only", "tables")
                service.wait_ready(ports.query)
                assert api.page("/api/v1/traces")["items"] == []
            assert_unavailable(api)
        assert service.terminate() == 0


def assert_unavailable(api: Api) -> None:
    trace = f"/api/v1/traces/{'a' * 32}"
    for path in ("/api/v1/traces", trace, "/api/v1/services"):
        answer = api.get(path)
        assert answer.status == 503
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.json["title"] == "The storage does not answer"
    ready = api.get("/readyz")
    assert (ready.status, ready.json["ready"]) == (503, False)
    assert ready.json["checks"]["clickhouse"] != "ok"
    assert api.get("/healthz").status == 200


def test_an_engine_without_the_schema_is_not_ready(tmp_path: Path) -> None:
    """Readiness names the missing database or table; questions are answered 503."""
    ports = fleet.Ports()
    config = fleet.fleet_config(ports, tmp_path)
    with (
        fleet.engine(tmp_path, ports.engine),
        fleet.service("rak-query", config, tmp_path) as service,
    ):
        service.wait_listening(ports.query)
        api = Api(f"http://127.0.0.1:{ports.query}")
        ready = api.get("/readyz")
        assert ready.status == 503
        assert "telemetry" in ready.json["checks"]["clickhouse"]
        assert api.get("/api/v1/traces").status == 503


def test_a_busy_pool_answers_503_rather_than_queueing_for_ever(
    config: Config, tmp_path: Path, corpus: Corpus
) -> None:
    """With one connection, many questions at once are all answered, one after another."""
    clickhouse = msgspec.structs.replace(config.clickhouse, max_connections=1)
    changed = msgspec.structs.replace(config, clickhouse=clickhouse)
    with query_service(changed, tmp_path, QuerySettings()) as (api, _):
        sockets = []
        for _ in range(10):
            client = socket.create_connection(tuple(api.base.removeprefix("http://").split(":")))
            client.sendall(b"GET /api/v1/services HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
            sockets.append(client)
        for client in sockets:
            with client, client.makefile("rb") as answer:
                assert answer.readline().startswith(b"HTTP/1.1 200")


def test_a_stored_span_is_found_at_once(api: Api, clickhouse: ClickHouseSettings) -> None:
    """No cache stands between the engine and an answer."""
    now = time.time_ns()
    store(clickhouse, request_of([KnownSpan("77" * 16, "1" * 16, now)]), now)
    assert api.page(f"/api/v1/traces/{'77' * 16}")["items"][0]["span_id"] == "1" * 16
