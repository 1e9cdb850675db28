"""A real OpenTelemetry Collector, run with the configurations of deploy/collector."""

import contextlib
import copy
import gzip
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from fleet import Service, free_port, running
from round_trips import spans_of

ROOT = Path(__file__).resolve().parents[3]
CONFIGURATIONS = ROOT / "deploy" / "collector"
BINARY = ROOT / ".collector" / "collector"

ON_KAFKA = pytest.mark.parametrize("interoperating", ["kafka"], indirect=True)
"""Marks what asks the broker so often that the embedded one, slow to join groups, is left out."""


def require_collector() -> Path:
    """Build the Collector unless it is up to date; where Go is missing, skip, or fail in CI."""
    if shutil.which("go") is None and os.environ.get("CI") != "true":
        pytest.skip("building a Collector needs Go")
    subprocess.run(["make", "--silent", "--directory", str(ROOT), "collector"], check=True)
    return BINARY


@contextlib.contextmanager
def collector(
    name: str, configurations: Sequence[Path], folder: Path, environ: Mapping[str, str]
) -> Iterator[Service]:
    """Run a Collector on merged configuration files until the end of the context.

    Args:
        name: What its log is called.
        configurations: Files; what a later one says wins.
        folder: Where the log goes.
        environ: Values for the `${env:...}` of the files.
    """
    command = [str(require_collector())]
    for path in configurations:
        command += ["--config", str(path)]
    with running(name, command, folder, environ) as service:
        yield service


def as_relayed(request: ExportTraceServiceRequest) -> ExportTraceServiceRequest:
    """Return what a Collector makes of a request: it writes ids that are all zero as nothing."""
    relayed = copy.deepcopy(request)
    for link in (link for span in spans_of(relayed) for link in span.links):
        link.trace_id = link.trace_id if any(link.trace_id) else b""
        link.span_id = link.span_id if any(link.span_id) else b""
    return relayed


@dataclass
class Sink:
    """An OTLP/HTTP server that keeps what it is sent.

    Attributes:
        port: Where it listens on loopback.
        refusals: How many requests it answers with 503 before it takes one.
        requests: What it took of traces.
        others: What it took beside, with the paths that it came to.
    """

    port: int
    refusals: int = 0
    requests: list[ExportTraceServiceRequest] = field(default_factory=list)
    others: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def sink() -> Iterator[Sink]:
    """Accept every OTLP/HTTP request in binary, compressed with gzip or not."""
    found = Sink(free_port())

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            if found.refusals:
                found.refusals -= 1
                self.send_response(503)
            elif self.path == "/v1/traces":
                found.requests.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
            else:
                found.others.append((self.path, body))
                self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", found.port), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
