"""A TCP proxy on loopback whose connections a test slows, holds back, cuts and breaks.

It knows two things of ClickHouse's native protocol: a client's packet that says INSERT INTO begins
an INSERT, and the server's single byte 5 (EndOfStream) ends it.
"""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Final, Self

END_OF_STREAM: Final = b"\x05"
INSERT: Final = b"INSERT INTO"
CHUNK: Final = 256 * 1024
QUIET_SECONDS: Final = 0.2
RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: close() sends RST


class TcpProxy:
    """Forwards what comes to `port` to another loopback port, in threads of its own.

    Attributes:
        port: Where it listens.
        latency_seconds: How long every chunk of bytes is kept, in each direction.
        answers_to_lose: How many INSERTs from now on lose their answers: they are sent and applied,
            and both connections are cut where the server says so.
        answers_lost: How many have.
        inserts_held: INSERTs that were held back whole, or as much of them as their client sent.
    """

    def __init__(self, upstream_port: int) -> None:
        self.latency_seconds = 0.0
        self.answers_to_lose = 0
        self.answers_lost = 0
        self.inserts_held = 0
        self._upstream_port = upstream_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._holding_inserts = False
        self._inserts_flow = threading.Event()
        self._bytes_flow = threading.Event()
        self._inserts_flow.set()
        self._bytes_flow.set()
        self._connections: list[_Connection] = []
        self._lock = threading.Lock()
        self._accepting = threading.Thread(target=self._accept)

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._inserts_flow.set()
        self._bytes_flow.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        self.reset()
        for connection in self._connections:
            connection.join()

    def reset(self) -> None:
        """Break every connection with a TCP reset, to both sides."""
        with self._lock:
            for connection in self._connections:
                connection.reset()

    @contextlib.contextmanager
    def blackhole(self) -> Iterator[None]:
        """Forward nothing, in neither direction, and break nothing, until the context ends."""
        self._bytes_flow.clear()
        try:
            yield
        finally:
            self._bytes_flow.set()

    @contextlib.contextmanager
    def holding_inserts(self) -> Iterator[None]:
        """Keep the rows of INSERTs here until the context ends; then the server gets them.

        They reach it even when their client is gone by then, as over a network that was slow.
        """
        self._inserts_flow.clear()
        self._holding_inserts = True
        try:
            yield
        finally:
            self._holding_inserts = False
            self._inserts_flow.set()

    def forward(self, chunk: bytes) -> bytes:
        """Return a chunk when it may go on."""
        if self.latency_seconds:
            time.sleep(self.latency_seconds)
        self._bytes_flow.wait()
        return chunk

    def hold(self, rows: bytes, client: socket.socket) -> bytes:
        """Return an INSERT's rows when they may go on, with what the client sent meanwhile."""
        if not self._holding_inserts:
            return rows
        client.settimeout(QUIET_SECONDS)
        with contextlib.suppress(OSError):
            while more := client.recv(CHUNK):
                rows += more
        client.settimeout(None)
        self.inserts_held += 1
        self._inserts_flow.wait()
        return rows

    def loses_answer(self) -> bool:
        """Tell whether this answer to an INSERT is one to lose."""
        with self._lock:
            if not self.answers_to_lose:
                return False
            self.answers_to_lose -= 1
            self.answers_lost += 1
            return True

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._upstream_port))
                except OSError:
                    client.close()
                    continue
                connection = _Connection(self, client, server)
                with self._lock:
                    self._connections.append(connection)


class _Connection:
    """One client's connection and ours to the server, with a thread for each direction."""

    def __init__(self, proxy: TcpProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._inserting = threading.Event()
        self._rows_expected = threading.Event()
        self._is_reset = False
        self._threads = [
            threading.Thread(target=self._forward_requests),
            threading.Thread(target=self._forward_answers),
        ]
        self._running = len(self._threads)
        self._lock = threading.Lock()
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def reset(self) -> None:
        """Wake both threads; closing the sockets then resets them."""
        self._is_reset = True
        for each in (self._client, self._server):
            with contextlib.suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                each.shutdown(socket.SHUT_RD)

    def _forward_requests(self) -> None:
        with self._forwarding(self._server):
            while chunk := self._client.recv(CHUNK):
                rows = chunk
                if INSERT in chunk:
                    self._inserting.set()
                elif self._rows_expected.is_set():
                    rows = self._proxy.hold(chunk, self._client)
                self._server.sendall(self._proxy.forward(rows))

    def _forward_answers(self) -> None:
        with self._forwarding(self._client):
            while chunk := self._server.recv(CHUNK):
                if self._inserting.is_set():
                    if chunk == END_OF_STREAM:
                        self._inserting.clear()
                        self._rows_expected.clear()
                        if self._proxy.loses_answer():
                            self.reset()
                            return
                    else:
                        self._rows_expected.set()
                self._client.sendall(self._proxy.forward(chunk))

    @contextlib.contextmanager
    def _forwarding(self, target: socket.socket) -> Iterator[None]:
        """Pass the end on to `target`, and close both when both directions have ended."""
        with contextlib.suppress(OSError):
            yield
        if not self._is_reset:
            with contextlib.suppress(OSError):
                target.shutdown(socket.SHUT_WR)
        with self._lock:
            self._running -= 1
            if not self._running:
                self._client.close()
                self._server.close()
