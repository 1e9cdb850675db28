"""A receiver as a process of its own on the real broker, and clients as plain as can be."""

import asyncio
import contextlib
import dataclasses
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import msgspec
from google.protobuf.json_format import Parse
from google.protobuf.message import Message
from google.rpc import error_details_pb2  # noqa: F401 - reading a Status in JSON needs its details
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from fleet import Ports, Service, broker_of, fleet_config, get_json, service, wait_until
from rak_libs.kafka.admin import connect, ensure_topics
from rak_libs.kafka.topics import (
    OTLP_LOGS,
    OTLP_METRICS,
    OTLP_SPANS,
    PIPELINE,
    TOPICS,
    Envelope,
)
from rak_libs.model.status import ReceiverStatus, decode_status
from rak_libs.runtime.settings import Config, KafkaSettings
from topic_reading import read_whole_topic

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@dataclass(frozen=True)
class Signal:
    """What a client of one signal speaks."""

    path: str
    method: str
    topic: str
    request: Any
    response: Any


TRACES = Signal(
    "/v1/traces", EXPORT, OTLP_SPANS, ExportTraceServiceRequest, ExportTraceServiceResponse
)
METRICS = Signal(
    "/v1/metrics",
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    OTLP_METRICS,
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
LOGS = Signal(
    "/v1/logs",
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    OTLP_LOGS,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    signal: Signal = TRACES

    def read(self, message: Message) -> Any:
        """Decode the body, whose type must be the one that the headers name, into `message`."""
        if self.headers["content-type"] == JSON:
            return Parse(self.body, message)
        assert self.headers["content-type"] == PROTOBUF
        message.ParseFromString(self.body)
        return message

    @property
    def response(self) -> Any:
        """The answer of the signal's type."""
        assert self.status == 200, self.body
        return self.read(self.signal.response())

    @property
    def error(self) -> Status:
        assert self.status >= 400
        status: Status = self.read(Status())
        return status


@dataclass(frozen=True)
class Published:
    """One record of the topic."""

    value: bytes
    envelope: Envelope
    timestamp_ms: int
    signal: Signal = TRACES

    @property
    def request(self) -> Any:
        """The request of the signal's type."""
        return self.signal.request.FromString(self.value)


@dataclass
class Receiver:
    """A running receiver."""

    config: Config
    service: Service
    broker: Service

    @property
    def url(self) -> str:
        return self.url_of(TRACES)

    def url_of(self, signal: Signal) -> str:
        return f"http://127.0.0.1:{self.config.server.otlp_http_port}{signal.path}"

    @property
    def admin_url(self) -> str:
        return f"http://127.0.0.1:{self.config.server.otlp_admin_port}"

    def channel(self) -> grpc.Channel:
        address = f"127.0.0.1:{self.config.server.otlp_grpc_port}"
        return grpc.insecure_channel(address, options=[("grpc.max_send_message_length", -1)])

    def export(self, body: bytes, signal: Signal = TRACES, **options: Any) -> Any:
        """Call `Export` once; raises grpc.RpcError."""
        with self.channel() as channel:
            answer = channel.unary_unary(signal.method)(body, timeout=60, **options)
        return signal.response.FromString(answer)

    def post(
        self, body: bytes, content_type: str = PROTOBUF, signal: Signal = TRACES, **headers: str
    ) -> Answer:
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers["content-type"] = content_type
        answer = ask("POST", self.url_of(signal), body, headers)
        return dataclasses.replace(answer, signal=signal)

    def published(self, signal: Signal = TRACES) -> list[Published]:
        """Read everything that the signal's topic holds."""
        return [
            Published(record.value, envelope, record.timestamp, signal)
            for record in asyncio.run(read_whole_topic(self.config.kafka, signal.topic))
            if (envelope := Envelope.from_headers(record.headers)) is not None
        ]

    def statuses(self) -> list[ReceiverStatus]:
        """Read every status record."""
        found = map(_status, asyncio.run(read_whole_topic(self.config.kafka, PIPELINE)))
        return sorted(found, key=lambda status: status.sequence)

    def metric(self, line: str) -> float:
        """Return the value of one series, 0 while there is none."""
        with urllib.request.urlopen(f"{self.admin_url}/metrics", timeout=10) as answer:
            for shown in answer.read().decode().splitlines():
                name, _, value = shown.rpartition(" ")
                if name == line:
                    return float(value)
        return 0.0

    def hold_state(self) -> Any:
        return get_json(f"{self.admin_url}/hold")


def ask(method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
    """Send one HTTP request and return the answer, whatever its status."""
    request = urllib.request.Request(url, data=body, method=method, headers=dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return Answer(response.status, _lower(response.headers), response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, _lower(error.headers), error.read())


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _status(record: Any) -> ReceiverStatus:
    status = decode_status(record.value)
    assert isinstance(status, ReceiverStatus)
    return status


@contextlib.contextmanager
def receiver_on(kafka: KafkaSettings, folder: Path) -> Iterator[Receiver]:
    """Run a receiver that is ready on a broker that runs already, its topics made anew."""
    ports = Ports()
    config = msgspec.structs.replace(fleet_config(ports, folder), kafka=kafka)
    asyncio.run(_recreate_topics(kafka))
    with service("rak-otlp-receiver", config, folder) as process:
        process.wait_ready(ports.otlp_admin)
        yield Receiver(config, process, process)


async def _recreate_topics(settings: KafkaSettings) -> None:
    async with connect(settings) as admin:
        await admin.recreate(TOPICS)


@contextlib.contextmanager
def receiver_with_broker(
    folder: Path, ports: Ports | None = None, **sections: Mapping[str, object]
) -> Iterator[Receiver]:
    """Run a broker with its topics and a receiver that is ready."""
    ports = ports or Ports()
    config = fleet_config(ports, folder, **sections)
    with broker_of(config, folder) as broker_process:
        asyncio.run(ensure_topics(config.kafka))
        with service("rak-otlp-receiver", config, folder) as process:
            process.wait_ready(ports.otlp_admin)
            yield Receiver(config, process, broker_process)


@contextlib.contextmanager
def another_receiver(
    first: Receiver, folder: Path, **sections: Mapping[str, object]
) -> Iterator[Receiver]:
    """Run one more receiver, of other settings, on the broker of the first."""
    ports = Ports()
    kafka = {"bootstrap_servers": first.config.kafka.bootstrap_servers}
    sections["kafka"] = {**sections.get("kafka", {}), **kafka}
    config = fleet_config(ports, folder, **sections)
    with service("rak-otlp-receiver", config, folder) as process:
        process.wait_ready(ports.otlp_admin)
        yield Receiver(config, process, first.broker)


@contextlib.contextmanager
def standing_still(broker: Service) -> Iterator[None]:
    """Stop every thread of the broker for the time of the context."""
    threads = Path(f"/proc/{broker.pid}/task")

    def stopped() -> bool:
        stats = [(thread / "stat").read_text() for thread in threads.iterdir()]
        return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)

    os.kill(broker.pid, signal.SIGSTOP)
    try:
        wait_until(stopped, "every thread of the broker stands still")
        yield
        assert stopped(), "something else let the broker go on"
    finally:
        os.kill(broker.pid, signal.SIGCONT)


@contextlib.contextmanager
def held(receiver: Receiver) -> Iterator[None]:
    """Have the receiver refuse everything for the time of the context."""
    assert ask("POST", f"{receiver.admin_url}/hold?seconds=60", b"", {}).status == 200
    try:
        yield
    finally:
        assert ask("POST", f"{receiver.admin_url}/release", b"", {}).status == 200


def request_of(*names: str, padding: str = "") -> ExportTraceServiceRequest:
    """Build a request with a span of each name, starting now.

    A name that starts with `bad` gets a trace id of 3 bytes; the attribute `padding` is set
    unless it is empty.
    """
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    service_name = resource_spans.resource.attributes.add(key="service.name")
    service_name.value.string_value = "tested"
    spans = resource_spans.scope_spans.add().spans
    now_ns = time.time_ns()
    for number, name in enumerate(names, start=1):
        span = spans.add(
            trace_id=b"bad" if name.startswith("bad") else now_ns.to_bytes(16, "big"),
            span_id=number.to_bytes(8, "big"),
            name=name,
            start_time_unix_nano=now_ns,
            end_time_unix_nano=now_ns + number,
        )
        if padding:
            span.attributes.add(key="padding").value.string_value = padding
    return request


def span_names(request: ExportTraceServiceRequest) -> list[str]:
    return [
        span.name
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]
