"""Single values of OTLP JSON: how each protobuf type is read from JSON and written to it."""

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor

HEX_FIELDS: Final = frozenset({"trace_id", "span_id", "parent_span_id"})
"""Bytes fields that OTLP JSON writes as hex; all others are base64."""

_COUNT_FIELDS: Final = frozenset({"count", "bucket_counts", "zero_count"})
"""Of data points. A negative one should cost its point, not the request, so it is read as what a
careless binary encoder makes of it: a count above 2^63."""

_INTEGER_RANGES: Final[Mapping[int, tuple[int, int]]] = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_SINT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_SFIXED32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_FIXED32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_SINT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_SFIXED64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
    FieldDescriptor.TYPE_FIXED64: (0, 2**64 - 1),
}
_LARGEST_32_BIT: Final = 2**32
_INTEGER_TEXT: Final = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_NUMBER_TEXT: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_NON_FINITE: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_URL_SAFE_TO_STANDARD: Final = str.maketrans("-_", "+/")

ValueReader = Callable[[Any, int], Any]
ValueWriter = Callable[[Any], Any]


class InvalidValue(Exception):
    """A JSON value that its field cannot hold; the path grows while the error travels outwards.

    Attributes:
        message: What was expected and what kind of value was met, never the value itself.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self._path: list[str] = []

    def inside(self, segment: str) -> None:
        """Note that the value was found inside `segment`: a key, or an index as `[3]`."""
        self._path.append(segment)

    @property
    def path(self) -> str:
        """Where the value is, from the outside: `resourceSpans[0].resource`."""
        return ".".join(reversed(self._path)).replace(".[", "[")


def kind_of(value: Any) -> str:
    """Name the JSON type of a decoded value, for messages."""
    if value is None:
        return "null"
    names = {bool: "a boolean", str: "a string", list: "an array", dict: "an object"}
    return names.get(type(value), "a number")


def value_reader(field: FieldDescriptor) -> ValueReader:
    """Return the function that reads one JSON value of `field` (not of a message type).

    It takes the value and its depth, which only messages use, and raises `InvalidValue`.
    """
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _read_hex if field.name in HEX_FIELDS else _read_base64
    if field.type == FieldDescriptor.TYPE_ENUM:
        return _read_enum
    if field.name in _COUNT_FIELDS:
        return _read_count
    if field.type in _INTEGER_RANGES:
        return _integer_reader(*_INTEGER_RANGES[field.type])
    return {
        FieldDescriptor.TYPE_STRING: _read_string,
        FieldDescriptor.TYPE_BOOL: _read_bool,
        FieldDescriptor.TYPE_DOUBLE: _read_double,
        FieldDescriptor.TYPE_FLOAT: _read_double,
    }[field.type]


def value_writer(field: FieldDescriptor) -> ValueWriter:
    """Return the function that turns one value of `field` (no message) into its JSON value."""
    if field.type == FieldDescriptor.TYPE_BYTES:
        return bytes.hex if field.name in HEX_FIELDS else _write_base64
    if field.type in (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT):
        return _write_double
    if _INTEGER_RANGES.get(field.type, (0, 0))[1] > _LARGEST_32_BIT:
        return str
    return _write_as_is


def _read_string(value: Any, _depth: int) -> str:
    if type(value) is not str:
        raise InvalidValue(f"expected a string, got {kind_of(value)}")
    return value


def _read_bool(value: Any, _depth: int) -> bool:
    if type(value) is not bool:
        raise InvalidValue(f"expected a boolean, got {kind_of(value)}")
    return value


def _read_double(value: Any, _depth: int) -> float:
    if type(value) is float:
        return value
    if type(value) is str:
        if value in _NON_FINITE:
            return _NON_FINITE[value]
        if _NUMBER_TEXT.fullmatch(value):
            return float(value)
    if type(value) is not int:
        raise InvalidValue(f"expected a number, NaN, Infinity or -Infinity, got {kind_of(value)}")
    try:
        return float(value)
    except OverflowError as error:
        raise InvalidValue("the number is out of range") from error


def _integer_reader(lowest: int, highest: int) -> ValueReader:
    def read(value: Any, _depth: int) -> int:
        if type(value) is str:
            value = _number(value)
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int:
            raise InvalidValue(f"expected an integer or its decimal digits, got {kind_of(value)}")
        if not lowest <= value <= highest:
            raise InvalidValue(f"expected an integer from {lowest} to {highest}")
        return value

    return read


def _number(text: str) -> int | float | str:
    """Return the number that a text of digits is (1e3 and 1.0 are integers, too), or the text."""
    if _INTEGER_TEXT.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER_TEXT.fullmatch(text) else text


_read_int32: Final = _integer_reader(-(2**31), 2**31 - 1)


_read_count_or_negative: Final = _integer_reader(-(2**63), 2**64 - 1)


def _read_count(value: Any, depth: int) -> int:
    count: int = _read_count_or_negative(value, depth)
    return count % 2**64


def _read_enum(value: Any, depth: int) -> int:
    if type(value) is str:
        raise InvalidValue("expected the enum's integer, got a string")
    number: int = _read_int32(value, depth)
    return number


def _read_hex(value: Any, _depth: int) -> bytes:
    if type(value) is not str:
        raise InvalidValue(f"expected a string of hex digits, got {kind_of(value)}")
    try:
        return binascii.unhexlify(value)
    except ValueError as error:
        raise InvalidValue("expected an even number of hex digits") from error


def _read_base64(value: Any, _depth: int) -> bytes:
    if type(value) is not str:
        raise InvalidValue(f"expected a base64 string, got {kind_of(value)}")
    digits = value.translate(_URL_SAFE_TO_STANDARD).rstrip("=")
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except ValueError as error:
        raise InvalidValue("expected base64") from error


def _write_base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _write_double(value: float) -> float | str:
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _write_as_is(value: Any) -> Any:
    return value
