"""The first packet each way: ClientHello in, ServerHello out."""

import hmac
from typing import NamedTuple

from rak_services.local.engine.errors import EngineError, ProtocolViolation
from rak_services.local.engine.protocol import (
    DISPLAY_NAME,
    OLDEST_REVISION,
    REVISION,
    SERVER_NAME,
    TIMEZONE,
    ClientPacket,
    ErrorCode,
    ServerPacket,
)
from rak_services.local.engine.wire import WireReader, encode_string, encode_varint

_NAME_LIMIT = 64 * 1024


class ClientHello(NamedTuple):
    """What a client says of itself; `database` is empty for the default one."""

    client_name: str
    revision: int
    database: str
    user: str
    password: str


class Credentials(NamedTuple):
    """The one user that this server knows."""

    user: str
    password: str

    def check(self, hello: ClientHello) -> None:
        """Compares in constant time.

        Raises:
            EngineError: code 516, as ClickHouse words it.
        """
        user_matches = hmac.compare_digest(hello.user.encode(), self.user.encode())
        password_matches = hmac.compare_digest(hello.password.encode(), self.password.encode())
        if not (user_matches and password_matches):
            raise EngineError(
                ErrorCode.AUTHENTICATION_FAILED,
                f"{hello.user}: Authentication failed: password is incorrect, "
                "or there is no user with such name. (AUTHENTICATION_FAILED)",
            )


def read_client_hello(reader: WireReader) -> ClientHello:
    """Reads the whole Hello packet, its type included.

    Raises:
        ProtocolViolation: not a Hello, or a revision whose layout this server does not write.
    """
    packet = reader.read_varint()
    if packet != ClientPacket.HELLO:
        raise ProtocolViolation(
            ErrorCode.UNEXPECTED_PACKET_FROM_CLIENT,
            f"Unexpected packet {packet} from client, expected Hello of the native protocol",
        )
    client_name = reader.read_text(_NAME_LIMIT)
    reader.read_varint()  # major version
    reader.read_varint()  # minor version
    revision = reader.read_varint()
    database, user, password = (reader.read_text(_NAME_LIMIT) for _ in range(3))
    if revision < OLDEST_REVISION:
        raise ProtocolViolation(
            ErrorCode.NOT_IMPLEMENTED,
            f"Client revision {revision} is older than {OLDEST_REVISION}, the oldest served here",
        )
    return ClientHello(client_name, revision, database, user, password)


def encode_server_hello(version: tuple[int, int, int]) -> bytes:
    """ServerHello at revision 54453: name, version, revision, time zone, display name, patch."""
    major, minor, patch = version
    return b"".join(
        (
            encode_varint(ServerPacket.HELLO),
            encode_string(SERVER_NAME),
            encode_varint(major),
            encode_varint(minor),
            encode_varint(REVISION),
            encode_string(TIMEZONE),
            encode_string(DISPLAY_NAME),
            encode_varint(patch),
        )
    )
