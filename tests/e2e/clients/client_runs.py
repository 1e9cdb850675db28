"""Runs the client programs as the agents they stand for; README.md here describes a program."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from e2e.clients.builds import ToolchainMissing, programs

GRPC = "grpc"
PROTOCOLS = {
    "python": (GRPC, "http/protobuf"),
    "javascript": (GRPC, "http/protobuf", "http/json"),
    "go": (GRPC, "http/protobuf", "http/json"),
    "rust": (GRPC, "http/protobuf", "http/json"),
}
"""What each language's SDK speaks."""

AT_ONCE = 4


@dataclass(frozen=True)
class Client:
    """One way to send: a language's SDK, the protocol and the compression it is told to use."""

    language: str
    protocol: str
    compression: str = "gzip"

    def __str__(self) -> str:
        return f"{self.language}-{self.protocol.replace('/', '-')}-{self.compression}"

    @property
    def transport(self) -> str:
        """The transport as the receiver's metrics call it."""
        return "grpc" if self.protocol == GRPC else "http"

    def environ(self, endpoints: Mapping[str, str], service: str) -> dict[str, str]:
        """Return the OpenTelemetry SDK's own variables that make it send to an endpoint.

        Args:
            endpoints: The base URL for each transport.
            service: The service to be.
        """
        environ = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoints[self.transport],
            "OTEL_EXPORTER_OTLP_PROTOCOL": self.protocol,
            "OTEL_SERVICE_NAME": service,
        }
        if self.compression != "none":  # Python's SDK refuses the word over gRPC
            environ["OTEL_EXPORTER_OTLP_COMPRESSION"] = self.compression
        return environ

    def timeout(self, seconds: int) -> dict[str, str]:
        """Return the variable that bounds an export with all its retries.

        Its unit is the millisecond, but Python's SDK reads seconds.
        """
        units = 1 if self.language == "python" else 1000
        return {"OTEL_EXPORTER_OTLP_TIMEOUT": str(seconds * units)}


def clients(compressions: Sequence[str] = ("gzip",)) -> list[Client]:
    """List every client."""
    return [
        Client(language, protocol, compression)
        for language, protocols in PROTOCOLS.items()
        for protocol in protocols
        for compression in compressions
    ]


@dataclass(frozen=True)
class Run:
    """What a program said when it ended.

    Attributes:
        service: The service that it was.
        trace_id: The trace that all it sent belongs to.
        flushed: Whether the SDK told the program that everything was exported.
        reports: What the SDK said in its own log, at warning level and above.
        span_id: The span that its measurements and log records belong to; of `signals` alone.
    """

    service: str
    trace_id: str
    flushed: bool
    reports: str
    span_id: str = ""


@dataclass(frozen=True)
class Running:
    """A program that was started."""

    client: Client
    service: str
    process: subprocess.Popen[str]

    def wait(self) -> Run:
        """Wait for the program's end."""
        output, errors = self.process.communicate(timeout=120)
        assert self.process.returncode in {0, 3}, f"{self.client}:\n{output}\n{errors}"
        line = json.loads(output.splitlines()[-1])
        assert line["flushed"] == (self.process.returncode == 0)
        reports = "\n".join(line["reports"])
        span_id = line.get("span_id", "")
        return Run(self.service, line["trace_id"], line["flushed"], reports, span_id)


Runs = Mapping[Client, Run | ToolchainMissing]


@dataclass(frozen=True)
class Scenario:
    """How clients are started.

    Attributes:
        name: How the names of their services start.
        endpoints: The base URL for each transport.
        arguments: The programs' options.
        seconds: What an export may take with all its retries; 10 is every SDK's default.
        headers: Sent with every request, as `name=value`, beside `x-client`, which is the service.
        environ: Further variables.
        program: Which of a client's programs.
    """

    name: str
    endpoints: Mapping[str, str]
    arguments: Sequence[str] = ()
    seconds: int = 10
    headers: Sequence[str] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    program: str = "client"

    def start(self, client: Client, program: str = "") -> Running:
        """Start a client's program.

        Raises:
            ToolchainMissing: It cannot be built here.
        """
        service = f"{self.name}-{client}"
        process = subprocess.Popen(
            [*programs(client.language)[program or self.program], *self.arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                **client.environ(self.endpoints, service),
                **client.timeout(self.seconds),
                "OTEL_EXPORTER_OTLP_HEADERS": ",".join([f"x-client={service}", *self.headers]),
                **self.environ,
            },
        )
        return Running(client, service, process)

    def run_all(self, wanted: Sequence[Client]) -> Runs:
        """Run clients to their end, a few at a time."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(wanted, pool.map(self._run, wanted), strict=True))

    def _run(self, client: Client) -> Run | ToolchainMissing:
        try:
            return self.start(client).wait()
        except ToolchainMissing as error:
            return error


def ran(runs: Runs, client: Client) -> Run:
    """Return a client's run; without its toolchain the test is skipped, in CI it fails."""
    run = runs[client]
    if isinstance(run, Run):
        return run
    if os.environ.get("CI"):
        pytest.fail(f"{run}, and CI needs it")
    pytest.skip(str(run))
