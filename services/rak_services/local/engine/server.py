"""Accepts connections on loopback and ends them in order."""

import socket
import threading
import time
from itertools import count

from rak_libs.runtime.logs import get_logger
from rak_services.local.engine.connection import Connection, Shared

_LOG = get_logger(__name__)
_AFTER_KILL_SECONDS = 3.0


class Server:
    """Runs one thread for each connection.

    Args:
        listener: a listening socket; the server closes it.
        shared: what the connections use.
        max_connections: one more than this is told code 203.
    """

    def __init__(self, listener: socket.socket, shared: Shared, max_connections: int) -> None:
        self._listener = listener
        self._shared = shared
        self._max_connections = max_connections
        self._lock = threading.Lock()
        self._connections: dict[threading.Thread, Connection] = {}
        self._stopping = False
        self._acceptor = threading.Thread(target=self._accept, name="engine-accept", daemon=True)

    def start(self) -> None:
        """Begins to accept connections."""
        self._listener.setblocking(True)
        self._acceptor.start()

    def stop(self, deadline_seconds: float) -> bool:
        """Ends all connections: idle ones now, busy ones when their statement is done.

        Statements that run past the deadline are cancelled.

        Returns:
            Whether every connection has ended.
        """
        self._stopping = True
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        for connection in self._current():
            connection.stop()
        if not self._join(deadline_seconds):
            left = self._current()
            _LOG.warning("engine.statements_cancelled", connections=len(left))
            self._shared.watcher.stop_all()
            for connection in left:
                connection.cut()
        return self._join(_AFTER_KILL_SECONDS)

    def _current(self) -> list[Connection]:
        with self._lock:
            return list(self._connections.values())

    def _join(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        with self._lock:
            threads = list(self._connections)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    def _accept(self) -> None:
        for number in count(1):
            try:
                client, _ = self._listener.accept()
            except OSError as error:
                if self._stopping:
                    return
                _LOG.warning("engine.accept_failed", reason=str(error))
                time.sleep(0.1)  # out of file descriptors: give connections time to end
                continue
            self._begin(Connection(client, number, self._shared))

    def _begin(self, connection: Connection) -> None:
        thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
        with self._lock:
            full = len(self._connections) >= self._max_connections
            if not full:
                self._connections[thread] = connection
        if full:
            connection.refuse_for_want_of_room(self._max_connections)
        else:
            thread.start()

    def _serve(self, connection: Connection) -> None:
        try:
            connection.serve()
        finally:
            with self._lock:
                del self._connections[threading.current_thread()]
