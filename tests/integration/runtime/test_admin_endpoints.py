"""`/healthz`, `/readyz` and `/metrics` of a real process over real HTTP."""

import http.client
import json
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

StartService = Callable[..., Any]


def get(
    port: int, path: str, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read().decode()
    finally:
        connection.close()


def ready(port: int) -> tuple[int, dict[str, Any]]:
    status, headers, body = get(port, "/readyz")
    assert headers["content-type"] == "application/json"
    return status, json.loads(body)


@pytest.fixture
def running(start_service: StartService, tmp_path: Path) -> Any:
    service = start_service(
        "drains",
        PROBE_BROKER_DOWN=str(tmp_path / "broker down"),
        PROBE_ENGINE_HANGS=str(tmp_path / "engine hangs"),
    )
    service.wait_for("probe.ready")
    return service


def test_healthz_says_that_the_process_is_alive(running: Any) -> None:
    status, headers, body = get(running.port, "/healthz")
    assert (status, json.loads(body)) == (200, {"alive": True})
    assert "server" not in headers
    assert "date" in headers
    assert get(running.port, "/healthz", "HEAD")[0] == 200
    assert get(running.port, "/healthz", "POST")[0] == 405
    assert get(running.port, "/other")[0] == 404


def test_readyz_is_200_when_every_dependency_is_usable(running: Any) -> None:
    checks = {"broker": "ok", "engine": "ok", "running": "ok"}
    assert ready(running.port) == (200, {"ready": True, "checks": checks})


def test_readyz_names_the_dependency_that_is_not_usable_and_why(
    running: Any, tmp_path: Path
) -> None:
    (tmp_path / "broker down").touch()
    checks = {"broker": "no broker at 127.0.0.1:9092", "engine": "ok", "running": "ok"}
    assert ready(running.port) == (503, {"ready": False, "checks": checks})
    assert get(running.port, "/healthz")[0] == 200
    (tmp_path / "broker down").unlink()
    assert ready(running.port)[0] == 200


def test_readyz_answers_while_a_check_hangs_and_other_endpoints_do_not_wait(
    running: Any, tmp_path: Path
) -> None:
    (tmp_path / "engine hangs").touch()
    with ThreadPoolExecutor() as pool:
        probes = [pool.submit(ready, running.port) for _ in range(3)]
        assert get(running.port, "/healthz")[0] == 200
        assert not any(probe.done() for probe in probes)
        checks = {"broker": "ok", "engine": "no answer within 2 s", "running": "ok"}
        for probe in probes:
            assert probe.result() == (503, {"ready": False, "checks": checks})
    (tmp_path / "engine hangs").unlink()
    deadline = time.monotonic() + 30
    while ready(running.port)[0] != 200:
        assert time.monotonic() < deadline


def test_metrics_are_prometheus_text_of_the_service_and_its_process(running: Any) -> None:
    status, headers, body = get(running.port, "/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }
    assert samples["ingest_spans_received_total", "grpc"] == 41
    assert samples["process_resident_memory_bytes",] > 10_000_000
    assert samples["process_cpu_seconds_total",] > 0
    assert samples["process_open_fds",] >= 3
    assert not any(name.endswith("_created") for name, *_ in samples)
    assert not any(name.startswith("query_") for name, *_ in samples)


def test_metrics_speak_openmetrics_when_asked(running: Any) -> None:
    accept = "application/openmetrics-text; version=1.0.0"
    _, headers, body = get(running.port, "/metrics", accept=accept)
    assert headers["content-type"].startswith("application/openmetrics-text")
    assert body.endswith("# EOF\n")


def test_requests_leave_no_lines_in_the_log(running: Any) -> None:
    get(running.port, "/healthz")
    get(running.port, "/other")
    running.process.send_signal(signal.SIGTERM)
    assert running.exit_status() == 0
    assert running.named("library.log") == []
    assert running.plain_lines == []
