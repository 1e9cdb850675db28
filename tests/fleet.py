"""Real parts for tests: the embedded engine, both brokers, single services, whole fleets.

Every process listens on free loopback ports, keeps its data in a folder of the test's own and is
gone when its context ends, whatever the test did to it.
"""

import asyncio
import contextlib
import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rak_libs.clickhouse.connection import connect
from rak_libs.kafka.admin import topic_lag
from rak_libs.kafka.errors import TransientKafkaError
from rak_libs.kafka.topics import OTLP_SPANS, writers_group
from rak_libs.runtime.settings import ClickHouseSettings, Config, KafkaSettings, LocalSettings

_SHOWN_ON_FAILURE = 8_000

CONSOLE_SCRIPTS = Path(sys.executable).parent
KAFKA_JARS = Path(__file__).resolve().parents[1] / ".kafka" / "jars"


def _own_ports() -> Sequence[int]:
    """Return the ports that this test process gives out, beginning anywhere among them.

    The system hands ports above 32,767 to outgoing connections and to whoever asks for any, so one
    of those may be taken between a look at it and the start of the service that is to have it.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    share = range(12_000, 32_000)[worker % 4 * 5_000 :][:5_000]
    first = random.randrange(len(share))
    return [*share[first:], *share[:first]]


_PORTS = itertools.cycle(_own_ports())


def free_port() -> int:
    """Return a loopback TCP port that nothing listens on and no other test was given."""
    for port in _PORTS:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("the ports never end")


def wait_until(
    probe: Callable[[], object], what: str, *, seconds: float = 30, every: float | None = None
) -> object:
    """Call `probe` until its answer is true; its last answer or error is in the failure.

    The longer it takes, and the longer a probe takes, the rarer it is called: what is waited for
    needs the machine too.

    Args:
        probe: What to call.
        what: What is waited for.
        seconds: How long at most.
        every: The pause between two calls, for probes that measure; None as above.
    """
    begin = time.monotonic()
    last: object = None
    while (asked := time.monotonic()) < begin + seconds:
        try:
            answer = probe()
        except (OSError, AssertionError) as error:
            last = error
        else:
            if answer:
                return answer
            last = answer
        now = time.monotonic()
        time.sleep(every or min(max((now - begin) / 8, 3 * (now - asked), 0.02), 0.5))
    raise AssertionError(f"not within {seconds} s: {what}; last: {last!r}")


def listening(port: int) -> bool:
    """Tell whether something accepts connections on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Service:
    """A child process of a test, its output kept in a file."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def wait_killed(self, seconds: float = 60) -> None:
        """Wait for its death by SIGKILL, whoever sent it."""
        ended = self.process.wait(timeout=seconds)
        assert ended == -signal.SIGKILL, f"{self.name} ended {ended}:\n{self.output()}"

    def terminate(self, seconds: float = 60) -> int:
        self.process.terminate()
        return self.process.wait(timeout=seconds)

    def wait_listening(self, port: int, seconds: float = 60) -> None:
        def probe() -> bool:
            if self.process.poll() is not None:
                pytest_fail(f"{self.name} exited {self.process.returncode}:\n{self.output()}")
            return listening(port)

        wait_until(probe, f"{self.name} listens on {port}", seconds=seconds)

    def wait_ready(self, port: int, seconds: float = 60) -> None:
        def probe() -> bool:
            if self.process.poll() is not None:
                pytest_fail(f"{self.name} exited {self.process.returncode}:\n{self.output()}")
            return http_status(f"http://127.0.0.1:{port}/readyz") == 200

        wait_until(probe, f"{self.name} is ready", seconds=seconds)


def pytest_fail(message: str) -> None:
    """Fail the test at once; not an AssertionError, so that waiting does not swallow it."""
    raise RuntimeError(message)


def http_status(url: str) -> int:
    """GET a URL and return its status, whatever it is."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def get_json(url: str) -> Any:
    """GET a URL and decode its JSON.

    Raises:
        urllib.error.HTTPError: Another status than 200; its body is gone.
    """
    try:
        with urllib.request.urlopen(url, timeout=60) as response:
            return msgspec.json.decode(response.read())
    except urllib.error.HTTPError as error:
        # Whoever keeps the error would keep the socket, until a collection in some other test.
        error.close()
        raise


def post_traces(
    url: str, body: bytes, content_type: str = "application/x-protobuf", **headers: str
) -> bytes:
    """POST one OTLP request; retryable answers are sent again as the specification asks.

    Raises:
        urllib.error.HTTPError: an answer that must not be retried.
        AssertionError: no answer but retryable ones for two minutes.
    """
    request = urllib.request.Request(url, data=body, method="POST")
    request.add_header("Content-Type", content_type)
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return bytes(response.read())
        except urllib.error.HTTPError as error:
            error.close()
            if error.code not in {429, 502, 503, 504}:
                raise
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.2)
    raise AssertionError(f"{url} answered nothing but retryable errors for two minutes")


@contextlib.contextmanager
def running(
    name: str, command: Sequence[str], folder: Path, environ: Mapping[str, str] | None = None
) -> Iterator[Service]:
    """Run a command as a child in its own session; killed with its descendants at the end.

    What it said last is printed when the test fails inside.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{name}-{time.monotonic_ns()}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environ or {})},
            cwd=folder,
            start_new_session=True,
        )
    child = Service(name, process, log)
    try:
        yield child
    except BaseException:
        print(f"--- {name} ---\n{child.output()[-_SHOWN_ON_FAILURE:]}")
        raise
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextlib.contextmanager
def engine(
    folder: Path,
    port: int | None = None,
    options: Sequence[str] = (),
    under: Sequence[str] = (),
) -> Iterator[tuple[ClickHouseSettings, Service]]:
    """Run the embedded ClickHouse with its data under `folder`.

    Args:
        folder: Where it keeps `engine/`.
        port: Where it listens, None for any free port.
        options: Of its command line, beside those.
        under: A command that runs the one it is given, such as `strace -f`.
    """
    port = port or free_port()
    command = [*under, sys.executable, "-m", "rak_services.local.engine"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--data-dir", str(folder / "engine")]
    with running("engine", [*command, *options], folder) as service:
        service.wait_listening(port)
        yield ClickHouseSettings(url=f"clickhouse://127.0.0.1:{port}"), service


@contextlib.contextmanager
def broker(folder: Path, port: int | None = None) -> Iterator[tuple[KafkaSettings, Service]]:
    """Run the embedded broker, empty; topics come from `rak-migrate` or `ensure_topics`."""
    from rak_services.local.broker import broker_command

    port = port or free_port()
    settings = KafkaSettings(bootstrap_servers=f"127.0.0.1:{port}", enable_idempotence=False)
    with running("broker", broker_command(settings), folder) as service:
        service.wait_listening(port)
        yield settings, service


def require_kafka() -> None:
    """Skip the test where Apache Kafka cannot run; fail it where it must (`CI=true`)."""
    from rak_services.local.kafka_broker import KafkaNotInstalled, check_installed

    try:
        check_installed(KAFKA_JARS)
    except KafkaNotInstalled as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


@contextlib.contextmanager
def kafka(folder: Path, port: int | None = None) -> Iterator[tuple[KafkaSettings, Service]]:
    """Run Apache Kafka with its data under `folder`, where it finds them again.

    Most tests want the `shared_kafka` fixture instead: a JVM costs seconds.
    """
    from rak_services.local.broker import wait_ready

    require_kafka()
    settings = KafkaSettings(bootstrap_servers=f"127.0.0.1:{port or free_port()}")
    local = LocalSettings(data_dir=str(folder), kafka_jars_dir=str(KAFKA_JARS))
    path = write_config(Config(kafka=settings, local=local), folder / "kafka.toml")
    command = [sys.executable, "-m", "rak_services.local.kafka_broker", "--config", str(path)]
    with running("kafka", command, folder) as service:
        asyncio.run(wait_ready(settings, 60))
        yield settings, service


@contextlib.contextmanager
def broker_of(config: Config, folder: Path) -> Iterator[Service]:
    """Run the broker that `[local] broker` names where `[kafka] bootstrap_servers` says."""
    run = kafka if config.local.broker == "kafka" else broker
    with run(folder, int(config.kafka.bootstrap_servers.rpartition(":")[2])) as (_, service):
        yield service


@dataclass
class Ports:
    """Free ports for every service of one fleet."""

    otlp_grpc: int = field(default_factory=free_port)
    otlp_http: int = field(default_factory=free_port)
    otlp_admin: int = field(default_factory=free_port)
    pprof: int = field(default_factory=free_port)
    pprof_admin: int = field(default_factory=free_port)
    writer_admin: int = field(default_factory=free_port)
    derive_admin: int = field(default_factory=free_port)
    query: int = field(default_factory=free_port)
    broker: int = field(default_factory=free_port)
    engine: int = field(default_factory=free_port)


def fleet_config(ports: Ports, folder: Path, **sections: Mapping[str, object]) -> Config:
    """Build a configuration whose every port and folder is the test's own.

    Args:
        ports: Where everything listens.
        folder: Where data goes.
        sections: Keys to set beside those, by section (`server={"batch_size": 10}`).
    """
    values: dict[str, dict[str, object]] = {
        "server": {
            "otlp_grpc_port": ports.otlp_grpc,
            "otlp_http_port": ports.otlp_http,
            "otlp_admin_port": ports.otlp_admin,
            "pprof_port": ports.pprof,
            "pprof_admin_port": ports.pprof_admin,
            "writer_admin_port": ports.writer_admin,
            "derive_admin_port": ports.derive_admin,
            "query_api_port": ports.query,
        },
        "kafka": {
            "bootstrap_servers": f"127.0.0.1:{ports.broker}",
            "enable_idempotence": False,
        },
        "clickhouse": {"url": f"clickhouse://127.0.0.1:{ports.engine}"},
        "local": {"data_dir": str(folder / "data"), "kafka_jars_dir": str(KAFKA_JARS)},
    }
    if sections.get("local", {}).get("broker") == "kafka":
        del values["kafka"]["enable_idempotence"]
    for section, keys in sections.items():
        values.setdefault(section, {}).update(keys)
    return msgspec.convert(values, Config)


def changed(config: Config, **sections: Mapping[str, object]) -> Config:
    """Return a configuration with some keys of some sections changed."""
    values = {
        name: msgspec.structs.replace(getattr(config, name), **keys)
        for name, keys in sections.items()
    }
    return msgspec.structs.replace(config, **values)


def write_config(config: Config, path: Path) -> Path:
    """Write a configuration as TOML and return its path."""
    lines = []
    for section, keys in msgspec.to_builtins(config).items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {msgspec.json.encode(value).decode()}" for key, value in keys.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


@contextlib.contextmanager
def service(
    script: str, config: Config, folder: Path, arguments: Sequence[str] = ()
) -> Iterator[Service]:
    """Run one service by its console script (`rak-writer`) with a configuration of the test's."""
    path = write_config(config, folder / f"{script}.toml")
    command = [str(CONSOLE_SCRIPTS / script), *arguments, "--config", str(path)]
    with running(script, command, folder) as child:
        yield child


def migrate(config: Config, folder: Path, *arguments: str) -> None:
    """Run `rak-migrate up` to its end."""
    with service("rak-migrate", config, folder, ["up", *arguments]) as child:
        status = child.process.wait(timeout=120)
        assert status == 0, child.output()


@dataclass
class Fleet:
    """A whole fleet started as `make run` starts it."""

    config: Config
    ports: Ports
    supervisor: Service

    @property
    def query_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.query}/api/v1"

    @property
    def otlp_http(self) -> str:
        return f"http://127.0.0.1:{self.ports.otlp_http}"

    @property
    def otlp_http_url(self) -> str:
        return f"{self.otlp_http}/v1/traces"

    def wait_ready(self, seconds: float = 120) -> None:
        self.supervisor.wait_ready(self.ports.query, seconds)

    def child_pid(self, name: str) -> int:
        """Return the process id of one child by the name it has in the supervisor's table."""
        import psutil

        markers = {
            "broker": "kafka.Kafka" if self.config.local.broker == "kafka" else "tansu",
            "engine": "rak_services.local.engine",
            "otlp-receiver": "rak_services.otlp_receiver",
            "pprof-receiver": "rak_services.pprof_receiver",
            "writer": "rak_services.writer",
            "derive": "rak_services.derive",
            "query": "rak_services.query",
        }
        for child in psutil.Process(self.supervisor.pid).children(recursive=True):
            # A child may end while it is looked at.
            with contextlib.suppress(psutil.NoSuchProcess):
                if markers[name] in " ".join(child.cmdline()):
                    return child.pid
        raise AssertionError(f"no child {name} under the supervisor")


def writers_lag(config: Config, topic: str = OTLP_SPANS) -> int | None:
    """Return how many messages of a topic its writers have not yet committed.

    None while the broker does not say: it has just started, or is away.
    """
    group = writers_group(config.kafka.group_prefix, topic)
    try:
        return asyncio.run(topic_lag(config.kafka, group, [topic]))
    except TransientKafkaError:
        return None


def lag_is_zero(started: Fleet, topic: str = OTLP_SPANS) -> bool:
    """Tell whether everything of a topic acknowledged so far is written."""
    return writers_lag(started.config, topic) == 0


def select(started: Fleet, sql: str) -> list[tuple[Any, ...]]:
    """Ask the engine directly, beside the query service."""
    client = connect(started.config.clickhouse)
    try:
        rows: list[tuple[Any, ...]] = client.execute(sql)
    finally:
        client.disconnect()
    return rows


def wait_for_ledger(started: Fleet, seconds: float = 60) -> None:
    """Wait until every span sent so far is written, and the ledger has all that was."""
    wait_until(lambda: lag_is_zero(started), "what was sent is written", seconds=seconds)
    ((now,),) = select(started, "SELECT now64(3, 'UTC')")
    seen_until = "SELECT max(seen_until) FROM derive_progress WHERE name = 'ledger'"
    wait_until(
        lambda: bool(select(started, seen_until)[0][0] > now),
        "the ledger has what was written",
        seconds=seconds,
    )


@contextlib.contextmanager
def fleet(
    folder: Path,
    ports: Ports | None = None,
    **sections: Mapping[str, object],
) -> Iterator[Fleet]:
    """Start the whole fleet with `rak-local` and wait until its last service is ready."""
    ports = ports or Ports()
    config = fleet_config(ports, folder, **sections)
    with service("rak-local", config, folder) as supervisor:
        started = Fleet(config, ports, supervisor)
        started.wait_ready()
        yield started
        if supervisor.process.poll() is None:
            supervisor.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                supervisor.process.wait(timeout=60)
