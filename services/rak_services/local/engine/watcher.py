"""Watches the sockets of running statements, so that Cancel and a lost client stop them."""

import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto

from rak_libs.runtime.logs import get_logger
from rak_services.local.engine.errors import EngineError
from rak_services.local.engine.protocol import ClientPacket

_LOG = get_logger(__name__)
_RETRY_SECONDS = 0.1


class Reason(Enum):
    """Why a running statement has to stop."""

    CANCEL = auto()
    DISCONNECT = auto()
    SHUTDOWN = auto()


class Watched:
    """A running statement: its label in the engine and, once it has to stop, why."""

    def __init__(self, client: socket.socket | None, label: str) -> None:
        self.client = client
        self.label = label
        self.reason: Reason | None = None


class Watcher:
    """One thread for all connections.

    A statement to be stopped is killed again and again until its connection lets go of it, since
    the first attempt may come before the engine has registered it.

    Args:
        kill: cancels the statement with this label, in another session.
    """

    def __init__(self, kill: Callable[[str], None]) -> None:
        self._kill = kill
        self._lock = threading.Lock()
        self._running: set[Watched] = set()
        self._stopped = False
        self._wake_receiver, self._wake_sender = socket.socketpair()
        self._wake_receiver.setblocking(False)
        self._thread = threading.Thread(target=self._loop, name="engine-watcher", daemon=True)
        self._thread.start()

    @contextmanager
    def watch(self, client: socket.socket | None, label: str) -> Iterator[Watched]:
        """Watches `client` while the body runs; nothing else may read from it meanwhile.

        Without a client the statement ends early only at shutdown.
        """
        watched = Watched(client, label)
        with self._lock:
            self._running.add(watched)
        self._wake()
        try:
            yield watched
        finally:
            with self._lock:
                self._running.discard(watched)
            self._wake()

    def stop_all(self) -> None:
        """Stops every running statement."""
        with self._lock:
            for watched in self._running:
                watched.reason = watched.reason or Reason.SHUTDOWN
        self._wake()

    def close(self) -> None:
        """Ends the thread."""
        self._stopped = True
        self._wake()
        self._thread.join()
        self._wake_receiver.close()
        self._wake_sender.close()

    def _wake(self) -> None:
        self._wake_sender.send(b"\x00")

    def _loop(self) -> None:
        while not self._stopped:
            with selectors.DefaultSelector() as selector:
                doomed = self._register(selector)
                for label in doomed:
                    self._kill_quietly(label)
                self._await_event(selector, _RETRY_SECONDS if doomed else None)

    def _register(self, selector: selectors.BaseSelector) -> list[str]:
        """Adds the sockets to wait for; returns the labels of what has to stop.

        Under the lock no socket of a running statement can be closed.
        """
        selector.register(self._wake_receiver, selectors.EVENT_READ)
        with self._lock:
            for watched in self._running:
                if watched.reason is None and watched.client is not None:
                    selector.register(watched.client, selectors.EVENT_READ, watched)
            return [watched.label for watched in self._running if watched.reason is not None]

    def _kill_quietly(self, label: str) -> None:
        try:
            self._kill(label)
        except EngineError as error:
            _LOG.warning("engine.kill_failed", label=label, code=error.code, reason=error.text)

    def _await_event(self, selector: selectors.BaseSelector, timeout: float | None) -> None:
        for key, _ in selector.select(timeout):
            if key.data is None:
                self._wake_receiver.recv(4096)
            else:
                self._examine(key.data)

    def _examine(self, watched: Watched) -> None:
        with self._lock:
            if watched in self._running and watched.client is not None:
                watched.reason = _reason(watched.client)


def _reason(client: socket.socket) -> Reason | None:
    """What readable bytes on a busy connection mean; a client has nothing else to say there."""
    try:
        first = client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None
    except OSError:
        return Reason.DISCONNECT
    return Reason.CANCEL if first == bytes((ClientPacket.CANCEL,)) else Reason.DISCONNECT
