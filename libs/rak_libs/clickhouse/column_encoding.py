"""Flat columns to ClickHouse's Native format.

The driver's own columns take one Python object per row: a dict for a Map, a list for an Array.
These take the flat lists of `rak_libs.model.batch`, and cost about half for Maps and a third for
LowCardinality. Formats: https://clickhouse.com/docs/interfaces/specs/NativeProtocol and
ClickHouse's `src/DataTypes/Serializations/Serialization{LowCardinality,Map,Array}.cpp`.
"""

import sys
from abc import ABC, abstractmethod
from array import array
from collections.abc import Sequence
from functools import cache
from typing import Any, Final, Protocol

from rak_libs.model.batch import ArrayValues, MapValues, NestedArrayValues, WordValues


class ByteBuffer(Protocol):
    """The part of the driver's buffered writers that encoders use."""

    def write(self, data: bytes) -> None:
        """Append bytes."""

    def write_strings(self, items: Sequence[Any], encoding: str | None = None) -> None:
        """Append strings, each after its length as a varint; `bytes` without an encoding."""

    def write_fixed_strings(
        self, items: Sequence[Any], length: int, encoding: str | None = None
    ) -> None:
        """Append strings padded with zero bytes to `length`; a longer one is an error."""


class ColumnEncoder(ABC):
    """Writes the values of one column type."""

    def write_prefix(self, buffer: ByteBuffer) -> None:  # noqa: B027 - most types have none
        """Write what goes before the column's data, once per column and block."""

    @abstractmethod
    def write_values(self, values: Any, buffer: ByteBuffer) -> None:
        """Write the data of all rows.

        Raises:
            OverflowError, TypeError, ValueError, UnicodeError: A value does not fit the type.
        """


class NumberEncoder(ColumnEncoder):
    """Fixed-width numbers, among them Bool, Enum8 numbers, ticks, seconds and days of times."""

    def __init__(self, code: str) -> None:
        self._code = code

    def write_values(self, values: Sequence[Any], buffer: ByteBuffer) -> None:
        """Write little-endian numbers."""
        buffer.write(_packed(self._code, values))


class DecimalEncoder(ColumnEncoder):
    """Decimal of 19 to 38 digits, from whole numbers of its last decimal."""

    def __init__(self, precision: int) -> None:
        self._bound = 10**precision

    def write_values(self, values: Sequence[int], buffer: ByteBuffer) -> None:
        """Write little-endian numbers of 128 bits."""
        if values and max(map(abs, values)) >= self._bound:
            raise OverflowError(f"expected at most {self._bound - 1} of a decimal's last digit")
        buffer.write(b"".join(value.to_bytes(16, "little", signed=True) for value in values))


class NullableEncoder(ColumnEncoder):
    """Nullable(T) of numbers; None is NULL."""

    def __init__(self, inner: NumberEncoder) -> None:
        self._inner = inner

    def write_values(self, values: Sequence[Any], buffer: ByteBuffer) -> None:
        """Write a byte for each value, 1 where it is NULL, then the numbers with 0 in its place."""
        if None not in values:
            buffer.write(bytes(len(values)))
            self._inner.write_values(values, buffer)
            return
        buffer.write(bytes([value is None for value in values]))
        numbers = [0 if value is None else value for value in values]
        self._inner.write_values(numbers, buffer)


class StringEncoder(ColumnEncoder):
    """String, from `str` or `bytes`."""

    def write_values(self, values: Sequence[str] | Sequence[bytes], buffer: ByteBuffer) -> None:
        """Write each string after its length."""
        buffer.write_strings(values, encoding=_encoding(values))


class FixedStringEncoder(ColumnEncoder):
    """FixedString(N), from `str` or `bytes`; shorter values are padded with zero bytes."""

    def __init__(self, length: int) -> None:
        self._length = length

    def write_values(self, values: Sequence[str] | Sequence[bytes], buffer: ByteBuffer) -> None:
        """Write the strings without lengths."""
        if values:
            buffer.write_fixed_strings(values, self._length, encoding=_encoding(values))


class LowCardinalityEncoder(ColumnEncoder):
    """LowCardinality(T): a dictionary of the block's distinct values, and indexes into it."""

    _VERSION: Final = (1).to_bytes(8, "little")
    _HAS_ADDITIONAL_KEYS: Final = 1 << 9
    _NEED_UPDATE_DICTIONARY: Final = 1 << 10
    _INDEX_CODES: Final = "BHIQ"

    def __init__(self, inner: ColumnEncoder) -> None:
        self._inner = inner

    def write_prefix(self, buffer: ByteBuffer) -> None:
        """Write the version of the serialization of keys."""
        buffer.write(self._VERSION)

    def write_values(self, values: Sequence[Any] | WordValues, buffer: ByteBuffer) -> None:
        """Write dictionary and indexes; a column without values writes nothing."""
        if isinstance(values, WordValues):
            self._write_places(values, buffer)
            return
        if not values:
            return
        distinct = dict.fromkeys(values)
        size = len(distinct)
        width = 0 if size <= 1 << 8 else 1 if size <= 1 << 16 else 2
        flags = width | self._HAS_ADDITIONAL_KEYS | self._NEED_UPDATE_DICTIONARY
        buffer.write(_packed("Q", (flags, size)))
        self._inner.write_values(list(distinct), buffer)
        buffer.write(_packed("Q", (len(values),)))
        if size == 1:
            buffer.write(bytes(len(values)))
            return
        positions = dict(zip(distinct, range(size), strict=True))
        indexes = map(positions.__getitem__, values)
        buffer.write(bytes(indexes) if width == 0 else _packed(self._INDEX_CODES[width], indexes))

    def _write_places(self, values: WordValues, buffer: ByteBuffer) -> None:
        """Write words that have places already, which are of four bytes however few words are."""
        if not values.places:
            return
        flags = 2 | self._HAS_ADDITIONAL_KEYS | self._NEED_UPDATE_DICTIONARY
        buffer.write(_packed("Q", (flags, len(values.words))))
        self._inner.write_values(list(values.words), buffer)
        buffer.write(_packed("Q", (len(values.places),)))
        buffer.write(_packed("I", values.places))


class ArrayEncoder(ColumnEncoder):
    """Array(T), from `ArrayValues`; Array(Array(T)), from `NestedArrayValues`."""

    def __init__(self, inner: ColumnEncoder) -> None:
        self._inner = inner

    def write_prefix(self, buffer: ByteBuffer) -> None:
        """Write the prefix of the elements."""
        self._inner.write_prefix(buffer)

    def write_values(self, values: ArrayValues | NestedArrayValues, buffer: ByteBuffer) -> None:
        """Write cumulative offsets, then all elements."""
        buffer.write(_packed("Q", values.offsets))
        self._inner.write_values(values.values, buffer)


class MapEncoder(ColumnEncoder):
    """Map(K, V), from `MapValues`."""

    def __init__(self, keys: ColumnEncoder, values: ColumnEncoder) -> None:
        self._keys = keys
        self._values = values

    def write_prefix(self, buffer: ByteBuffer) -> None:
        """Write the prefixes of keys and values."""
        self._keys.write_prefix(buffer)
        self._values.write_prefix(buffer)

    def write_values(self, values: MapValues, buffer: ByteBuffer) -> None:
        """Write cumulative offsets, then all keys, then all values."""
        buffer.write(_packed("Q", values.offsets))
        self._keys.write_values(values.keys, buffer)
        self._values.write_values(values.values, buffer)


_NUMBER_CODES: Final = {
    "Bool": "B",
    "Date": "H",
    "Float32": "f",
    "Float64": "d",
    "Int8": "b",
    "Int16": "h",
    "Int32": "i",
    "Int64": "q",
    "UInt8": "B",
    "UInt16": "H",
    "UInt32": "I",
    "UInt64": "Q",
}
_LONG_DECIMALS: Final = range(19, 39)
"""The digits of decimals of 128 bits."""
_NUMBER_PREFIXES: Final = {"DateTime64(": "q", "DateTime(": "I", "Enum8(": "b", "Enum16(": "h"}


@cache
def encoder_of(type_: str) -> ColumnEncoder:
    """Return the encoder of a column type, as DESCRIBE prints the type.

    Raises:
        ValueError: There is no encoder for the type.
    """
    if type_ == "String":
        return StringEncoder()
    if type_ in _NUMBER_CODES:
        return NumberEncoder(_NUMBER_CODES[type_])
    for prefix, code in _NUMBER_PREFIXES.items():
        if type_.startswith(prefix):
            return NumberEncoder(code)
    return _parametric_encoder(type_)


def _parametric_encoder(type_: str) -> ColumnEncoder:
    name, _, rest = type_.partition("(")
    arguments = rest.removesuffix(")")
    if name == "FixedString":
        return FixedStringEncoder(int(arguments))
    if name == "Decimal" and (precision := int(arguments.partition(",")[0])) in _LONG_DECIMALS:
        return DecimalEncoder(precision)
    if name == "LowCardinality" and arguments == "String":
        return LowCardinalityEncoder(encoder_of(arguments))
    if name == "Nullable" and isinstance(inner := encoder_of(arguments), NumberEncoder):
        return NullableEncoder(inner)
    if name == "Array":
        return ArrayEncoder(encoder_of(arguments))
    if name == "Map":
        # Keys of our Maps have no comma in their type.
        key, _, value = arguments.partition(", ")
        return MapEncoder(encoder_of(key), encoder_of(value))
    raise ValueError(f"no encoder for a column of type {type_}")


def _packed(code: str, values: Any) -> bytes:
    if isinstance(values, array) and values.typecode == code and sys.byteorder == "little":
        return values.tobytes()
    numbers = array(code, values)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def _encoding(values: Sequence[Any]) -> str | None:
    return None if values and isinstance(values[0], bytes) else "utf-8"
