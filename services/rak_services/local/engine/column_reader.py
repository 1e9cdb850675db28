"""Reads plain Native blocks column by column, to learn where they end and what they are called.

Compressed blocks need none of this: their frames say where they end.
"""

import struct
from abc import ABC, abstractmethod
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


def columns_of(block: bytes) -> list[Column]:
    """The columns of a Native block without BlockInfo, which must be whole.

    Raises:
        EngineError: code 48, a type whose layout is not known.
        IndexError: the block ends within its columns.
    """
    skipper = _Skipper(block)
    column_count, rows = skipper.varint(), skipper.varint()
    columns = []
    for number in range(1, column_count + 1):
        column = Column(skipper.name(), skipper.name())
        columns.append(column)
        if rows and number < column_count:
            column_type = read_type(column.type)
            skipper.prefixes(column_type)
            skipper.values(column_type, rows)
    return columns


class _Walker(ABC):
    """Walks through the values of columns as their types lay them out."""

    @abstractmethod
    def bytes(self, size: int) -> bytes:
        """The next bytes."""

    @abstractmethod
    def texts(self, count: int) -> None:
        """Passes strings with their length before them."""

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
        """All values of a column."""
        match column_type:
            case Fixed(size):
                self.bytes(size * rows)
            case Text():
                self.texts(rows)
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


class _Copier(_Walker):
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

    def texts(self, count: int) -> None:
        for _ in range(count):
            self.bytes(self.varint(self._limit))


class _Skipper(_Walker):
    """Goes through a block that is all there; a tenth of a microsecond a string."""

    def __init__(self, block: bytes) -> None:
        self._block = block
        self._at = 0

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._block[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def name(self) -> str:
        return self.bytes(self.varint()).decode()

    def bytes(self, size: int) -> bytes:
        begin = self._at
        self._at += size
        if self._at > len(self._block):
            raise IndexError("the block ends within a column")
        return self._block[begin : self._at]

    def texts(self, count: int) -> None:
        block, at = self._block, self._at
        for _ in range(count):
            length = block[at]
            if length < 0x80:
                at += 1 + length
            else:
                self._at = at
                length = self.varint()
                at = self._at + length
        self._at = at
