"""A pprof receiver as a process of its own on the real broker, and clients as plain as can be."""

import asyncio
import contextlib
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from google.protobuf.json_format import Parse
from google.rpc import error_details_pb2  # noqa: F401 - reading a Status in JSON needs its details
from google.rpc.status_pb2 import Status

from fleet import Ports, Service, broker_of, fleet_config, get_json, service
from integration.otlp_receiver.agents import Answer, ask
from rak_libs.kafka.admin import ensure_topics
from rak_libs.kafka.topics import PIPELINE, PPROF_PROFILES, Envelope
from rak_libs.model.status import ReceiverStatus, decode_status
from rak_libs.pprof.context import ProfileContext
from rak_libs.runtime.settings import Config
from topic_reading import read_whole_topic

PATHS = ("profile", "heap", "goroutine", "block", "mutex", "allocs")


@dataclass(frozen=True)
class Published:
    """One record of the topic."""

    value: bytes
    envelope: Envelope
    context: ProfileContext
    timestamp_ms: int


@dataclass
class PprofReceiver:
    """A running receiver."""

    config: Config
    service: Service
    broker: Service

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.config.server.pprof_port}/pprof"

    @property
    def admin_url(self) -> str:
        return f"http://127.0.0.1:{self.config.server.pprof_admin_port}"

    def post(
        self,
        body: bytes,
        path: str = "profile",
        headers: Mapping[str, str] | None = None,
        **parameters: str,
    ) -> Answer:
        """Post a body; `parameters` become the query."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        return ask("POST", f"{self.url}/{path}{query}", body, headers or {})

    def published(self) -> list[Published]:
        """Read everything that the topic holds."""
        found = []
        for record in asyncio.run(read_whole_topic(self.config.kafka, PPROF_PROFILES)):
            envelope = Envelope.from_headers(record.headers)
            assert envelope is not None
            context = ProfileContext.from_headers(record.headers)
            found.append(Published(record.value, envelope, context, record.timestamp))
        return found

    def statuses(self) -> list[ReceiverStatus]:
        """Read every status record of this receiver's service."""
        found = []
        for record in asyncio.run(read_whole_topic(self.config.kafka, PIPELINE)):
            status = decode_status(record.value)
            assert isinstance(status, ReceiverStatus)
            found.append(status)
        return sorted(found, key=lambda status: (status.started_ms, status.sequence))

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


def error_of(answer: Answer) -> Status:
    """Read the error of an answer, which is in JSON whatever was sent."""
    assert answer.status >= 400
    assert answer.headers["content-type"] == "application/json"
    return Parse(answer.body, Status())


@contextlib.contextmanager
def pprof_receiver_with_broker(
    folder: Path, **sections: Mapping[str, object]
) -> Iterator[PprofReceiver]:
    """Run a broker with its topics and a receiver that is ready."""
    ports = Ports()
    config = fleet_config(ports, folder, **sections)
    with broker_of(config, folder) as broker_process:
        asyncio.run(ensure_topics(config.kafka))
        with service("rak-pprof-receiver", config, folder) as process:
            process.wait_ready(ports.pprof_admin)
            yield PprofReceiver(config, process, broker_process)


@contextlib.contextmanager
def another_pprof_receiver(
    first: PprofReceiver, folder: Path, **sections: Mapping[str, object]
) -> Iterator[PprofReceiver]:
    """Run one more receiver, of other settings, on the broker of the first."""
    ports = Ports()
    kafka = {"bootstrap_servers": first.config.kafka.bootstrap_servers}
    sections["kafka"] = {**sections.get("kafka", {}), **kafka}
    config = fleet_config(ports, folder, **sections)
    with service("rak-pprof-receiver", config, folder) as process:
        process.wait_ready(ports.pprof_admin)
        yield PprofReceiver(config, process, first.broker)
