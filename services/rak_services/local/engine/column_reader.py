"""Reads plain Native blocks column by column, to learn where they end and what they are called.

Compressed blocks need none of this: their frames say where they end.
"""

import struct
from typing import NamedTuple

from rak_services.local.engine.column_types import (
    Array,
    ColumnType,
    Fixed,
    LowCardinality,
    Nullable,
    Text,
    Tuple,
    read_type,
)
from rak_services.local.engine.errors import ProtocolViolation
from rak_services.local.engine.protocol import ErrorCode
from rak_services.local.engine.wire import WireReader, encode_string, encode_varint

_NAME_LIMIT = 1024 * 1024
_MOST_COLUMNS = 100_000
_INDEX_WIDTHS = (1, 2, 4, 8)
_INDEX_TYPE_MASK = 0xFF
_U64 = struct.Struct("<Q")


class Column(NamedTuple):
    """Name and ClickHouse type of a column."""

    name: str
    type: str


class PlainBlock(NamedTuple):
    """A Native block without BlockInfo, and its columns."""

    columns: list[Column]
    data: bytes


def read_plain_block(reader: WireReader, limit: int) -> PlainBlock:
    """Reads one Native block that has no BlockInfo.

    Raises:
        ProtocolViolation: malformed, or larger than `limit` bytes.
        EngineError: code 48, a type whose layout is not known.
        EndOfInput: the source ended before the block.
        WireError: a malformed string or number.
    """
    copier = _Copier(reader, limit)
    column_count = copier.varint(_MOST_COLUMNS)
    rows = copier.varint(limit)
    columns = []
    for _ in range(column_count):
        column = Column(copier.name(), copier.name())
        if rows:
            column_type = read_type(column.type)
            copier.prefixes(column_type)
            copier.values(column_type, rows)
        columns.append(column)
    return PlainBlock(columns, bytes(copier.data))


class _Copier:
    """Copies a block's bytes while reading no more of them than is needed to find its end."""

    def __init__(self, reader: WireReader, limit: int) -> None:
        self.data = bytearray()
        self._reader = reader
        self._limit = limit

    def varint(self, most: int) -> int:
        value = self._reader.read_varint()
        if value > most:
            raise ProtocolViolation(
                ErrorCode.TOO_LARGE_ARRAY_SIZE, f"A block says {value} where {most} is the most"
            )
        self.data += encode_varint(value)
        return value

    def name(self) -> str:
        text = self._reader.read_text(_NAME_LIMIT)
        self.data += encode_string(text)
        return text

    def bytes(self, size: int) -> bytes:
        if size > self._limit - len(self.data):
            raise ProtocolViolation(
                ErrorCode.TOO_LARGE_ARRAY_SIZE, f"A block is larger than {self._limit} bytes"
            )
        copied = self._reader.read(size)
        self.data += copied
        return copied

    def prefixes(self, column_type: ColumnType) -> None:
        """The state that precedes a column's values: the version of each dictionary in it."""
        match column_type:
            case LowCardinality():
                self.bytes(8)
            case Nullable(inner) | Array(inner):
                self.prefixes(inner)
            case Tuple(elements):
                for element in elements:
                    self.prefixes(element)
            case Fixed() | Text():
                pass

    def values(self, column_type: ColumnType, rows: int) -> None:
        match column_type:
            case Fixed(size):
                self.bytes(size * rows)
            case Text():
                for _ in range(rows):
                    self.bytes(self.varint(self._limit))
            case Nullable(inner):
                self.bytes(rows)
                self.values(inner, rows)
            case Array(inner):
                offsets = self.bytes(8 * rows)
                self.values(inner, _U64.unpack_from(offsets, 8 * (rows - 1))[0] if rows else 0)
            case Tuple(elements):
                for element in elements:
                    self.values(element, rows)
            case LowCardinality(keys):
                self._dictionary(keys, rows)

    def _dictionary(self, keys: ColumnType, rows: int) -> None:
        if not rows:
            return
        index_type = self._number() & _INDEX_TYPE_MASK
        if index_type >= len(_INDEX_WIDTHS):
            raise ProtocolViolation(
                ErrorCode.CANNOT_READ_ALL_DATA, f"A dictionary's index type is {index_type}"
            )
        self.values(keys, self._number())
        self.bytes(_INDEX_WIDTHS[index_type] * self._number())

    def _number(self) -> int:
        value: int = _U64.unpack(self.bytes(8))[0]
        return value
