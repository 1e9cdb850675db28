"""One client's connection: a thread that reads packets and answers them in order.

Source of the order of packets: ClickHouse `NativeProtocol.md` and `src/Server/TCPHandler.cpp`.
"""

import socket
import threading
from dataclasses import dataclass
from itertools import count

from rak_libs.runtime.logs import get_logger
from rak_services.local.engine.database import Database
from rak_services.local.engine.errors import Disconnected, EngineError, ProtocolViolation
from rak_services.local.engine.execution import Execution
from rak_services.local.engine.faults import Faults
from rak_services.local.engine.frames import FrameLimits
from rak_services.local.engine.handshake import Credentials, encode_server_hello, read_client_hello
from rak_services.local.engine.peer import Peer
from rak_services.local.engine.protocol import ClientPacket, ErrorCode
from rak_services.local.engine.query_packet import read_query
from rak_services.local.engine.session import EngineSession
from rak_services.local.engine.spool import Spool
from rak_services.local.engine.watcher import Watcher
from rak_services.local.engine.wire import EndOfInput, WireError

_LOG = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Shared:
    """What all connections of a server use."""

    database: Database
    version: tuple[int, int, int]
    credentials: Credentials
    spool: Spool
    watcher: Watcher
    faults: Faults
    limits: FrameLimits


class Connection:
    """Serves one accepted socket until the client leaves or the server stops it."""

    def __init__(self, client: socket.socket, number: int, shared: Shared) -> None:
        self._peer = Peer(client, shared.limits)
        self._number = number
        self._shared = shared
        self._state = threading.Lock()
        self._busy = False
        self._stopping = False

    def serve(self) -> None:
        """Runs the connection to its end and closes the socket."""
        try:
            self._serve_session()
        except (Disconnected, EndOfInput, OSError) as event:
            _LOG.debug("engine.connection_ended", connection=self._number, reason=str(event))
        except WireError as error:
            self._refuse(ProtocolViolation(ErrorCode.CANNOT_READ_ALL_DATA, str(error)))
        except EngineError as error:
            self._refuse(error)
        except Exception as error:  # noqa: BLE001 - a defect here must not harm other connections
            _LOG.exception("engine.connection_failed", connection=self._number)
            self._refuse(EngineError(ErrorCode.LOGICAL_ERROR, f"{type(error).__name__}: {error}"))
        finally:
            self._peer.close()

    def refuse_for_want_of_room(self, most: int) -> None:
        """Tells the client that the server has as many connections as it may."""
        self._refuse(EngineError(ErrorCode.NO_FREE_CONNECTION, f"All {most} connections are taken"))
        self._peer.close()

    def stop(self) -> None:
        """Ends the connection as soon as no statement runs on it."""
        with self._state:
            self._stopping = True
            if not self._busy:
                self._peer.cut()

    def cut(self) -> None:
        """Ends the connection whatever it does."""
        self._peer.cut()

    def _serve_session(self) -> None:
        hello = read_client_hello(self._peer.reader)
        self._shared.credentials.check(hello)
        session = self._shared.database.open_session()
        try:
            if hello.database:
                session.use(hello.database)
            self._peer.send(encode_server_hello(self._shared.version))
            _LOG.debug("engine.connected", connection=self._number, client=hello.client_name)
            self._serve_packets(session)
        finally:
            session.close()

    def _serve_packets(self, session: EngineSession) -> None:
        shared = self._shared
        execution = Execution(self._peer, session, shared.spool, shared.watcher, shared.faults)
        sequence = count(1)
        while True:
            packet = self._peer.next_packet()
            if packet == ClientPacket.PING:
                self._peer.send_pong()
            elif packet == ClientPacket.QUERY:
                self._set_busy(busy=True)
                query = read_query(self._peer.reader)
                execution.answer(query, f"{query.query_id}@{self._number}.{next(sequence)}")
                self._set_busy(busy=False)
            elif packet != ClientPacket.CANCEL:  # one that came too late has nothing to cancel
                raise ProtocolViolation(
                    ErrorCode.UNKNOWN_PACKET_FROM_CLIENT, f"Unknown packet {packet} from client"
                )

    def _set_busy(self, *, busy: bool) -> None:
        with self._state:
            self._busy = busy
            if self._stopping:
                raise Disconnected("the server is stopping")

    def _refuse(self, error: EngineError) -> None:
        """Tells the client, which may be gone, and leaves the closing to the caller."""
        _LOG.info(
            "engine.connection_refused", connection=self._number, code=error.code, reason=error.text
        )
        try:
            self._peer.send_error(error)
        except OSError as event:
            _LOG.debug("engine.connection_ended", connection=self._number, reason=str(event))
