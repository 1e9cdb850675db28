"""Names of ClickHouse types, read far enough to find out where a column's bytes end.

Source: ClickHouse `NativeProtocol.md`, "Column data", and `src/DataTypes/Serializations`.
"""

import re
from dataclasses import dataclass

from rak_services.local.engine.errors import EngineError
from rak_services.local.engine.protocol import ErrorCode

_PART = re.compile(r"\s*(?:('(?:[^'\\]|\\.)*')|(`(?:[^`\\]|\\.)*`)|([\w.+\-]+)|(.))", re.DOTALL)
_DEEPEST = 64

_FIXED_BYTES = {
    **{f"{sign}Int{bits}": bits // 8 for sign in ("", "U") for bits in (8, 16, 32, 64, 128, 256)},
    **{f"Decimal{bits}": bits // 8 for bits in (32, 64, 128, 256)},
    "Float32": 4,
    "Float64": 8,
    "BFloat16": 2,
    "Bool": 1,
    "Enum8": 1,
    "Enum16": 2,
    "Date": 2,
    "Date32": 4,
    "DateTime": 4,
    "DateTime64": 8,
    "Time": 4,
    "Time64": 8,
    "UUID": 16,
    "IPv4": 4,
    "IPv6": 16,
    "Nothing": 1,
}
_WIDTH_OF_PRECISION = ((9, 4), (18, 8), (38, 16), (76, 32))


@dataclass(frozen=True, slots=True)
class Fixed:
    """Values of `size` bytes each."""

    size: int


@dataclass(frozen=True, slots=True)
class Text:
    """Values with their length before them."""


@dataclass(frozen=True, slots=True)
class Nullable:
    """A byte a row, then `inner`."""

    inner: "ColumnType"


@dataclass(frozen=True, slots=True)
class Array:
    """An end offset (UInt64) a row, then all elements as one column."""

    inner: "ColumnType"


@dataclass(frozen=True, slots=True)
class Tuple:
    """One column after the other."""

    elements: tuple["ColumnType", ...]


@dataclass(frozen=True, slots=True)
class LowCardinality:
    """A dictionary of `keys` and an index a row."""

    keys: "ColumnType"


ColumnType = Fixed | Text | Nullable | Array | Tuple | LowCardinality


def read_type(text: str) -> ColumnType:
    """Reads a type's name, such as `Map(LowCardinality(String), Array(UInt8))`.

    Raises:
        EngineError: code 48, a type whose layout is not known here, or a malformed name.
    """
    parts = [
        (match[1] or match[2] or match[3] or match[4]) for match in _PART.finditer(text.strip())
    ]
    reader = _TypeReader(text, parts)
    column_type = reader.read(0)
    reader.expect_end()
    return column_type


class _TypeReader:
    def __init__(self, text: str, parts: list[str]) -> None:
        self._text = text
        self._parts = [*parts, "", ""]
        self._position = 0

    def read(self, depth: int) -> ColumnType:
        if depth > _DEEPEST:
            raise self._unknown()
        name = self._take()
        arguments = self._read_arguments(depth) if self._parts[self._position] == "(" else []
        return self._build(name, arguments)

    def expect_end(self) -> None:
        if self._parts[self._position] != "":
            raise self._unknown()

    def _take(self) -> str:
        part = self._parts[self._position]
        if not part:
            raise self._unknown()
        self._position += 1
        return part

    def _read_arguments(self, depth: int) -> list["ColumnType | str"]:
        """Each argument as a type where it is one, otherwise as its text (numbers, functions)."""
        arguments: list[ColumnType | str] = []
        self._take()
        while (part := self._parts[self._position]) != ")":
            following = self._parts[self._position + 1] if part else ""
            if part == ",":
                self._take()
            elif part.startswith("'") or part.isdigit() or following == "=":
                arguments.append(self._take())
                self._skip_enum_value()
            elif following not in {"(", ",", ")", ""}:
                self._take()  # the name of a tuple's element
            else:
                arguments.append(self._read_or_name(depth))
        self._take()
        return arguments

    def _skip_enum_value(self) -> None:
        if self._parts[self._position] == "=":
            self._take()
            self._take()

    def _read_or_name(self, depth: int) -> "ColumnType | str":
        begin = self._position
        try:
            return self.read(depth + 1)
        except EngineError:
            if self._parts[begin + 1] != ",":
                raise
            self._position = begin + 1
            return self._parts[begin]  # the function of SimpleAggregateFunction

    def _build(self, name: str, arguments: list["ColumnType | str"]) -> ColumnType:
        inner = [argument for argument in arguments if not isinstance(argument, str)]
        if name in _FIXED_BYTES and not inner:
            return Fixed(_FIXED_BYTES[name])
        if name == "String":
            return Text()
        if name == "FixedString":
            return Fixed(self._number(arguments))
        if name == "Decimal":
            return Fixed(self._decimal_size(self._number(arguments)))
        if name in {"Tuple", "Nested", "Map"} and inner:
            elements = Tuple(tuple(inner))
            return elements if name == "Tuple" else Array(elements)
        if len(inner) == 1:
            return self._wrap(name, inner[0])
        raise self._unknown()

    def _wrap(self, name: str, inner: ColumnType) -> ColumnType:
        if name == "Array":
            return Array(inner)
        if name == "Nullable":
            return Nullable(inner)
        if name == "LowCardinality":
            return LowCardinality(inner.inner if isinstance(inner, Nullable) else inner)
        if name == "SimpleAggregateFunction":
            return inner
        raise self._unknown()

    def _decimal_size(self, precision: int) -> int:
        for most, size in _WIDTH_OF_PRECISION:
            if precision <= most:
                return size
        raise self._unknown()

    def _number(self, arguments: list["ColumnType | str"]) -> int:
        first = arguments[0] if arguments else ""
        if not isinstance(first, str) or not first.isdigit() or not 0 < int(first) < 1 << 24:
            raise self._unknown()
        return int(first)

    def _unknown(self) -> EngineError:
        return EngineError(
            ErrorCode.NOT_IMPLEMENTED,
            f"The layout of type {self._text!r} is not known to this server; "
            "send compressed blocks, which it passes on unread",
        )
