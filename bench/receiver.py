"""CPU per item of the receiver's process: agents in one process, the broker in another."""

import asyncio
import gzip
import http.client
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import grpc
import psutil

import fleet
from bench.log_payloads import agent_logs
from bench.metric_payloads import HISTOGRAMS_PER_REQUEST, POINTS_PER_REQUEST, AgentProcess
from bench.payloads import agent_request
from rak_libs.kafka.admin import ensure_topics
from rak_libs.otlp.otlp_json import request_to_json
from rak_libs.runtime.settings import Config

Row = tuple[str, str, float, str]
Send = Callable[[], None]

_AGENTS = 8
_ROUNDS = 3
_WARM_UP_REQUESTS = 80
_ITEMS_PER_ROUND = 160_000
_JSON_ITEMS_PER_ROUND = 32_000
_PROCESSES = 20
_SUBJECT_CORE = {0}
_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_PROTOBUF = "application/x-protobuf"


@dataclass(frozen=True)
class Setting:
    """One way of sending.

    Attributes:
        what: For people.
        items: Items in a request.
        agent: Makes a sender of its own for one agent.
        items_per_round: Items sent before the clock is read again.
        item: What an item is called.
    """

    what: str
    items: int
    agent: Callable[[], Send]
    items_per_round: int = _ITEMS_PER_ROUND
    item: str = "span"


def run() -> list[Row]:
    """Measure a receiver with its broker, both as real processes.

    Spans have 11 attributes and about 500 B each; points are those of `bench.metric_payloads`,
    records those of `bench.log_payloads`. The receiver has core 0 for itself; agents and broker
    share the others.

    Returns:
        Rows of (what, setting, value, unit).
    """
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        ports = fleet.Ports()
        config = fleet.fleet_config(ports, Path(folder))
        with fleet.broker(Path(folder), ports.broker) as (settings, broker):
            asyncio.run(ensure_topics(settings))
            with fleet.service("rak-otlp-receiver", config, Path(folder)) as receiver:
                receiver.wait_ready(ports.otlp_admin)
                subject = psutil.Process(receiver.pid)
                separate(subject, psutil.Process(broker.pid))
                for setting in [*_span_settings(config), *_other_settings(config)]:
                    rows += measured(setting, subject)
                peak = subject.memory_info().rss / 2**20
                rows.append(("memory after all of it", "resident", peak, "MiB"))
    return rows


def separate(subject: psutil.Process, broker: psutil.Process) -> None:
    """Give the subject core 0 for itself, where there are several."""
    cores = set(range(os.cpu_count() or 1))
    if hasattr(subject, "cpu_affinity") and len(cores) > 1:
        subject.cpu_affinity(list(_SUBJECT_CORE))
        broker.cpu_affinity(list(cores - _SUBJECT_CORE))


def _span_settings(config: Config) -> list[Setting]:
    http_port, grpc_port = config.server.otlp_http_port, config.server.otlp_grpc_port
    settings = []
    start_ns = time.time_ns() - 600 * 10**9
    for spans in (1000, 512):
        request = agent_request(spans, spans, start_ns)
        body = request.SerializeToString()
        headers = {"Content-Type": _PROTOBUF}
        settings += [
            Setting("HTTP", spans, over_http(http_port, body, headers)),
            Setting("gRPC", spans, _over_grpc(grpc_port, body, grpc.Compression.NoCompression)),
        ]
    zipped = {"Content-Type": _PROTOBUF, "Content-Encoding": "gzip"}
    text = {"Content-Type": "application/json"}
    json_agent = over_http(http_port, request_to_json(request), text)
    return [
        *settings,
        Setting("HTTP, gzip", spans, over_http(http_port, gzip.compress(body), zipped)),
        Setting("gRPC, gzip", spans, _over_grpc(grpc_port, body, grpc.Compression.Gzip)),
        Setting("HTTP, JSON", spans, json_agent, _JSON_ITEMS_PER_ROUND),
    ]


def _other_settings(config: Config) -> list[Setting]:
    port, start_ns = config.server.otlp_http_port, time.time_ns() - 600 * 10**9
    headers = {"Content-Type": _PROTOBUF}
    exports = [
        next(AgentProcess(number, start_ns).requests(1)).SerializeToString()
        for number in range(_PROCESSES)
    ]
    points = POINTS_PER_REQUEST + HISTOGRAMS_PER_REQUEST
    logs = agent_logs(1000, 1, start_ns).SerializeToString()

    def posting(body: bytes, path: str) -> Callable[[], Send]:
        return over_http(port, body, headers, path)

    return [
        Setting("HTTP", points, posting(exports[0], "/v1/metrics"), item="point"),
        Setting(
            "HTTP", points * _PROCESSES, posting(b"".join(exports), "/v1/metrics"), item="point"
        ),
        Setting("HTTP", 1000, posting(logs, "/v1/logs"), item="record"),
    ]


def over_http(
    port: int, body: bytes, headers: dict[str, str], path: str = "/v1/traces"
) -> Callable[[], Send]:
    """Return what makes a sender that posts one body over and over on a connection of its own."""

    def agent() -> Send:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

        def send() -> None:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"the receiver answered {answer.status}")

        return send

    return agent


def _over_grpc(port: int, body: bytes, compression: grpc.Compression) -> Callable[[], Send]:
    def agent() -> Send:
        method = grpc.insecure_channel(f"127.0.0.1:{port}").unary_unary(_EXPORT)

        def send() -> None:
            method(body, timeout=60, compression=compression)

        return send

    return agent


def measured(setting: Setting, subject: psutil.Process) -> list[Row]:
    """Let agents send for some rounds; rows of CPU and rates of the subject."""
    requests = setting.items_per_round // setting.items
    agents = [setting.agent() for _ in range(_AGENTS)]
    cpu: list[float] = []
    rates: list[float] = []
    with ThreadPoolExecutor(_AGENTS) as threads:
        _send_all(threads, agents, _WARM_UP_REQUESTS)
        for _ in range(_ROUNDS):
            cpu_before, wall_before = _cpu_seconds(subject), time.monotonic()
            sent = _send_all(threads, agents, requests) * setting.items
            cpu.append((_cpu_seconds(subject) - cpu_before) * 1e6 / sent)
            rates.append(sent / (time.monotonic() - wall_before))
    item = setting.item
    label = f"{setting.what}, {setting.items} {item}s a request"
    micros = min(cpu)  # the round that the rest of the machine disturbed least
    return [
        ("CPU in the receiver", label, micros, f"µs/{item}"),
        (f"{item}s a second on one core", label, 1e6 / micros, f"{item}s/s"),
        (f"{item}s a second in this run", label, max(rates), f"{item}s/s"),
    ]


def _send_all(threads: ThreadPoolExecutor, agents: list[Send], requests: int) -> int:
    each = max(requests // len(agents), 1)

    def work(send: Send) -> None:
        for _ in range(each):
            send()

    list(threads.map(work, agents))
    return each * len(agents)


def _cpu_seconds(process: psutil.Process) -> float:
    """User and system time, from /proc/<pid>/stat on Linux; ticks of 10 ms."""
    times = process.cpu_times()
    return float(times.user + times.system)
