"""The server under test: the embedded engine, or a ClickHouse given as RAK_TEST_CLICKHOUSE.

`RAK_TEST_CLICKHOUSE=host:port` (user `default`, no password) runs what is true of any ClickHouse
against that server; tests of the embedded engine's own process still start one.
"""

import os
import socket
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from clickhouse_driver import Client

import fleet
from rak_services.local.engine.frames import FrameLimits, encode_frame, read_frame
from rak_services.local.engine.protocol import BLOCK_INFO, REVISION, ClientPacket, ServerPacket
from rak_services.local.engine.wire import WireReader, encode_string, encode_varint

PINNED = {"client_revision": 54453, "compression": "lz4"}
DEFAULTS: dict[str, Any] = {}


class Address(NamedTuple):
    host: str
    port: int


@contextmanager
def running_engine(
    folder: Path, *options: str, environ: dict[str, str] | None = None
) -> Iterator[tuple[Address, fleet.Service]]:
    """Runs an embedded engine until the context ends."""
    port = fleet.free_port()
    command = [sys.executable, "-m", "rak_services.local.engine", "--port", str(port)]
    command += ["--data-dir", str(folder / "data"), "--memory-bytes", str(1 << 30), *options]
    with fleet.running("engine", command, folder, environ) as service:
        wait_listening(service)
        yield Address("127.0.0.1", port), service


def wait_listening(service: fleet.Service) -> None:
    def probe() -> bool:
        if service.process.poll() is not None:
            fleet.pytest_fail(f"exit status {service.process.returncode}:\n{service.output()}")
        return "engine.listening" in service.output()

    fleet.wait_until(probe, "the engine listens", seconds=90)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """The server that all tests of this folder share."""
    given = os.environ.get("RAK_TEST_CLICKHOUSE")
    if given:
        host, _, port = given.rpartition(":")
        yield Address(host, int(port))
        return
    with running_engine(tmp_path_factory.mktemp("native")) as (address, _):
        yield address


@pytest.fixture(params=[PINNED, DEFAULTS], ids=["pinned", "defaults"])
def options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """How a client connects: as production does, and as anyone would."""
    return dict(request.param)


@pytest.fixture
def database(server: Address) -> Iterator[str]:
    """A database of the test's own."""
    name = f"test_{uuid.uuid4().hex}"
    with closing_client(server) as client:
        client.execute(f"CREATE DATABASE {name}")
        yield name
        client.execute(f"DROP DATABASE {name} SYNC")


@contextmanager
def closing_client(address: Address, **options: Any) -> Iterator[Client]:
    client = Client(address.host, port=address.port, **{**PINNED, **options})
    with closing_on_exit(client):
        yield client


@contextmanager
def closing_on_exit(client: Client) -> Iterator[None]:
    try:
        yield
    finally:
        if client.connection.connected:
            client.disconnect()


@pytest.fixture
def connect(server: Address, database: str) -> Iterator[Callable[..., Client]]:
    """Opens clients in the test's database, as production connects unless told otherwise."""
    clients: list[Client] = []

    def open_client(options: Mapping[str, Any] = PINNED) -> Client:
        clients.append(Client(server.host, port=server.port, database=database, **options))
        return clients[-1]

    yield open_client
    for client in clients:
        if client.connection.connected:
            client.disconnect()


@pytest.fixture
def client(connect: Callable[..., Client]) -> Client:
    return connect()


class RawClient:
    """Speaks the protocol packet by packet, to say what no driver would."""

    def __init__(self, address: Address) -> None:
        self.socket = socket.create_connection(address, timeout=20)
        self.reader = WireReader(self.socket.recv_into)

    def hello(self, database: str = "default", user: str = "default", password: str = "") -> None:
        self.send(
            encode_varint(ClientPacket.HELLO),
            encode_string("raw"),
            *(encode_varint(number) for number in (1, 1, REVISION)),
            *(encode_string(text) for text in (database, user, password)),
        )
        packet = self.reader.read_varint()
        assert packet == ServerPacket.HELLO, self.read_exception()
        self.reader.read_text(100)
        for _ in range(3):
            self.reader.read_varint()
        for _ in range(2):
            self.reader.read_text(100)
        self.reader.read_varint()

    def query(self, statement: str, *, compressed: bool = True) -> None:
        info = [b"\x01", encode_string(""), encode_string(""), encode_string("0.0.0.0:0")]
        info += [bytes(8), b"\x01", *(encode_string("") for _ in range(3))]
        info += [encode_varint(number) for number in (1, 1, REVISION)]
        info += [encode_string(""), encode_varint(0), encode_varint(0), b"\x00", bytes(3)]
        self.send(encode_varint(ClientPacket.QUERY), encode_string(""), *info)
        settings_and_secret = encode_string("") * 2
        self.send(settings_and_secret, encode_varint(2), encode_varint(int(compressed)))
        self.send(encode_string(statement))
        self.data(b"\x00\x00", compressed=compressed)

    def data(self, block: bytes, *, compressed: bool = True, frame_bytes: int = 1 << 30) -> None:
        """Sends a block, its bytes split into frames of `frame_bytes` raw bytes."""
        raw = BLOCK_INFO + block
        body = [raw[start : start + frame_bytes] for start in range(0, len(raw), frame_bytes)]
        frames = [encode_frame(part) if compressed else part for part in body]
        self.send(encode_varint(ClientPacket.DATA), encode_string(""), *frames)

    def send(self, *parts: bytes) -> None:
        self.socket.sendall(b"".join(parts))

    def read_packet(self) -> int:
        """The next packet's type; Data, of one frame, is read away."""
        packet = self.reader.read_varint()
        if packet == ServerPacket.DATA:
            self.reader.read_text(100)
            read_frame(self.reader, FrameLimits())
        return packet

    def read_exception(self) -> int:
        """The code of an Exception packet whose type has been read."""
        code = int.from_bytes(self.reader.read(4), "little", signed=True)
        for _ in range(3):
            self.reader.read_bytes(1 << 20)
        self.reader.read_byte()
        return code

    def expect_exception(self) -> int:
        while (packet := self.read_packet()) == ServerPacket.DATA:
            pass
        assert packet == ServerPacket.EXCEPTION, packet
        return self.read_exception()

    def closed_by_server(self) -> bool:
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
def raw(server: Address) -> Iterator[RawClient]:
    """A connection on which nothing has been said."""
    client = RawClient(server)
    with closing(client):
        yield client


@pytest.fixture
def new_raw(server: Address) -> Callable[[], RawClient]:
    """Opens further connections on which nothing has been said."""
    return lambda: RawClient(server)


@pytest.fixture
def start_engine(
    tmp_path: Path,
) -> Callable[..., Any]:
    """Starts an embedded engine of the test's own; data stays in the test's folder."""

    def start(*options: str, environ: dict[str, str] | None = None) -> Any:
        return running_engine(tmp_path, *options, environ=environ)

    return start


@pytest.fixture
def connect_to() -> Callable[..., Any]:
    """Opens a client at an address for a `with` block."""
    return closing_client


@pytest.fixture
def embedded_only() -> None:
    """For what a full ClickHouse does otherwise, on purpose."""
    if os.environ.get("RAK_TEST_CLICKHOUSE"):
        pytest.skip("only the embedded engine promises this")
