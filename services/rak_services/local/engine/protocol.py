"""Numbers of ClickHouse's native TCP protocol that this server speaks.

Source: ClickHouse `docs/en/interfaces/specs/NativeProtocol.md` and `src/Core/ProtocolDefines.h`.
"""

from enum import IntEnum

REVISION = 54453
"""The revision advertised. At 54454 every column gains a serialization byte, at 54456 every
INSERT block is answered, so this is the newest revision whose blocks are plain."""

OLDEST_REVISION = 54453
"""Clients below this revision would need other layouts of the Query packet."""

SERVER_NAME = "ClickHouse"
DISPLAY_NAME = "rak-local"
TIMEZONE = "UTC"

BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
"""BlockInfo of an ordinary block: field 1 (is_overflows) 0, field 2 (bucket_num) -1, end."""


class ClientPacket(IntEnum):
    """First varint of a packet from the client."""

    HELLO = 0
    QUERY = 1
    DATA = 2
    CANCEL = 3
    PING = 4


class ServerPacket(IntEnum):
    """First varint of a packet to the client."""

    HELLO = 0
    DATA = 1
    EXCEPTION = 2
    PONG = 4
    END_OF_STREAM = 5


class ErrorCode(IntEnum):
    """ClickHouse's codes for the errors that this server raises itself."""

    NO_SUCH_COLUMN_IN_TABLE = 16
    CANNOT_READ_ALL_DATA = 33
    TOO_LARGE_SIZE_COMPRESSED = 39
    CHECKSUM_DOESNT_MATCH = 40
    NOT_IMPLEMENTED = 48
    LOGICAL_ERROR = 49
    SYNTAX_ERROR = 62
    UNKNOWN_COMPRESSION_METHOD = 89
    UNKNOWN_PACKET_FROM_CLIENT = 99
    UNEXPECTED_PACKET_FROM_CLIENT = 101
    UNKNOWN_SETTING = 115
    TOO_LARGE_ARRAY_SIZE = 128
    TOO_LARGE_STRING_SIZE = 131
    READONLY = 164
    NO_FREE_CONNECTION = 203
    NOT_ENOUGH_SPACE = 243
    CANNOT_DECOMPRESS = 271
    QUERY_WAS_CANCELLED = 394
    AUTHENTICATION_FAILED = 516
    UNKNOWN_EXCEPTION = 1002
