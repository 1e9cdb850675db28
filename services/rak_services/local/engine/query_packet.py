"""The Query packet at revision 54453."""

from dataclasses import dataclass, field

from rak_services.local.engine.errors import ProtocolViolation
from rak_services.local.engine.protocol import ErrorCode
from rak_services.local.engine.wire import WireReader

_NAME_LIMIT = 1024 * 1024
_STATEMENT_LIMIT = 64 * 1024 * 1024
_SETTINGS_LIMIT = 4096
_NO_QUERY = 0
_TCP_INTERFACE = 1
_COMPLETE = 2
_HAS_TRACE = 1


@dataclass(frozen=True, slots=True)
class Query:
    """One statement with what the client asked for around it.

    Attributes:
        query_id: the client's id, empty if it left it to the server.
        settings: name to value, both as text.
        compressed: blocks travel in LZ4 frames, both ways.
        statement: SQL as bytes, since string literals may hold any byte.
    """

    query_id: str
    settings: dict[str, str] = field(default_factory=dict)
    compressed: bool = False
    statement: bytes = b""


def read_query(reader: WireReader) -> Query:
    """Reads a Query packet after its type.

    Order: query id, ClientInfo, settings, interserver secret, stage, compression, statement.

    Raises:
        ProtocolViolation: a part that this server cannot honour.
    """
    query_id = reader.read_text(_NAME_LIMIT)
    _skip_client_info(reader)
    settings = _read_settings(reader)
    reader.read_bytes(_NAME_LIMIT)  # interserver secret
    stage = reader.read_varint()
    if stage != _COMPLETE:
        raise ProtocolViolation(
            ErrorCode.NOT_IMPLEMENTED, f"Query stage {stage} is not served here, only 2 (Complete)"
        )
    compressed = reader.read_varint()
    if compressed > 1:
        raise ProtocolViolation(
            ErrorCode.UNKNOWN_PACKET_FROM_CLIENT,
            f"Compression flag {compressed}, expected 0 or 1",
        )
    statement = reader.read_bytes(_STATEMENT_LIMIT)
    return Query(query_id, settings, compressed == 1, statement)


def _skip_client_info(reader: WireReader) -> None:
    if reader.read_byte() == _NO_QUERY:
        return
    for _ in range(3):  # initial user, initial query id, initial address
        reader.read_bytes(_NAME_LIMIT)
    reader.read(8)  # start time, microseconds
    interface = reader.read_byte()
    if interface != _TCP_INTERFACE:
        raise ProtocolViolation(
            ErrorCode.NOT_IMPLEMENTED, f"Client interface {interface} is not served, only 1 (TCP)"
        )
    for _ in range(3):  # operating system user, host name, client name
        reader.read_bytes(_NAME_LIMIT)
    for _ in range(3):  # major, minor, revision
        reader.read_varint()
    reader.read_bytes(_NAME_LIMIT)  # quota key
    reader.read_varint()  # distributed depth
    reader.read_varint()  # patch version
    if reader.read_byte() == _HAS_TRACE:
        reader.read(16 + 8)  # trace id, span id
        reader.read_bytes(_NAME_LIMIT)  # trace state
        reader.read_byte()  # trace flags
    for _ in range(3):  # parallel replicas: collaborate, count, number
        reader.read_varint()


def _read_settings(reader: WireReader) -> dict[str, str]:
    settings: dict[str, str] = {}
    while name := reader.read_text(_NAME_LIMIT):
        reader.read_varint()  # flags: important, custom
        settings[name] = reader.read_text(_NAME_LIMIT)
        if len(settings) > _SETTINGS_LIMIT:
            raise ProtocolViolation(
                ErrorCode.TOO_LARGE_ARRAY_SIZE, f"More than {_SETTINGS_LIMIT} settings in one query"
            )
    return settings
