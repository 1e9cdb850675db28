"""The client at the other end of a socket: packets in, packets out, time limits."""

import socket

from rak_services.local.engine.blocks import encode_data, read_block
from rak_services.local.engine.errors import EngineError, encode_exception
from rak_services.local.engine.frames import FrameLimits
from rak_services.local.engine.protocol import ClientPacket, ServerPacket
from rak_services.local.engine.wire import WireReader, encode_varint

_PONG = encode_varint(ServerPacket.PONG)
_END_OF_STREAM = encode_varint(ServerPacket.END_OF_STREAM)
_HANDSHAKE_SECONDS = 10.0
_STALL_SECONDS = 300.0


class Peer:
    """Reads from and writes to one accepted socket.

    Every method may raise OSError (the client is gone or stalls) or EndOfInput.
    """

    def __init__(self, client: socket.socket, limits: FrameLimits) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.settimeout(_HANDSHAKE_SECONDS)
        self.socket = client
        self.reader = WireReader(client.recv_into)
        self._limits = limits

    def next_packet(self) -> int:
        """The type of the next packet; the client may take any time between packets."""
        self.socket.settimeout(None)
        self.reader.fill()
        self.socket.settimeout(_STALL_SECONDS)
        return self.reader.read_varint()

    def read_block(self, *, compressed: bool) -> bytes:
        """The body of a Data packet; no bytes for the empty block that ends a stream."""
        return read_block(self.reader, self._limits, compressed=compressed)

    def take_cancel(self) -> bool:
        """Whether a Cancel has already been received; takes it if so."""
        if self.reader.buffered and self.reader.peek_byte() == ClientPacket.CANCEL:
            self.reader.read_byte()
            return True
        return False

    def send(self, data: bytes) -> None:
        """Sends bytes as they are."""
        self.socket.sendall(data)

    def send_block(self, block: bytes, *, compressed: bool) -> None:
        """Sends a Native block as a Data packet."""
        for piece in encode_data(block, compressed=compressed):
            self.socket.sendall(piece)

    def send_pong(self) -> None:
        """Answers a Ping."""
        self.socket.sendall(_PONG)

    def send_end_of_stream(self) -> None:
        """Says that a statement has succeeded."""
        self.socket.sendall(_END_OF_STREAM)

    def send_error(self, error: EngineError) -> None:
        """Says that a statement, or the connection, has failed."""
        self.socket.sendall(encode_exception(error))

    def cut(self) -> None:
        """Ends the connection from any thread; a blocked reader sees the end of the input."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the client was faster

    def close(self) -> None:
        """Frees the socket; only the connection's own thread may do it."""
        self.socket.close()
