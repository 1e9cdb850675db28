"""The one place where values become SQL text.

The protocol revision that this project pins (54453) has no server-side parameters, so values are
written into the statement as literals. Only the types below are taken; anything else is refused
rather than rendered by `str()`. Literals follow
https://clickhouse.com/docs/sql-reference/syntax#literals.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

from rak_libs.clickhouse.errors import CLIENT_SIDE, PermanentClickHouseError

Scalar = str | bool | int | float | datetime | date | UUID
Parameter = Scalar | Sequence[str] | Sequence[int] | Sequence[float]
Parameters = Mapping[str, Parameter]

_PLACEHOLDER: Final = re.compile(r"%\(([a-z][a-z0-9_]*)\)s")
_ESCAPES: Final = str.maketrans(
    {
        "\\": "\\\\",
        "'": "\\'",
        "\0": "\\0",
        "\a": "\\a",
        "\b": "\\b",
        "\t": "\\t",
        "\n": "\\n",
        "\v": "\\v",
        "\f": "\\f",
        "\r": "\\r",
    }
)
_MIN_INT: Final = -(2**63)
_MAX_INT: Final = 2**63 - 1
_MAX_UINT: Final = 2**64 - 1
_DATES: Final = (date(1900, 1, 1), date(2299, 12, 31))


class ParameterError(PermanentClickHouseError):
    """A value that cannot be bound, or a placeholder without a value."""

    def __init__(self, message: str) -> None:
        super().__init__(CLIENT_SIDE, message)


def bind(sql: str, parameters: Parameters) -> str:
    """Replace every `%(name)s` of a statement with the literal of its value.

    Names are lower-case. A placeholder inside a value is text and stays as it is.

    Raises:
        ParameterError: A value is of no allowed type or out of range, a placeholder has no
            value, or a value has no placeholder.
    """
    used: set[str] = set()

    def replacement(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in parameters:
            raise ParameterError(f"the placeholder {name!r} has no value")
        used.add(name)
        return literal(parameters[name])

    bound = _PLACEHOLDER.sub(replacement, sql)
    unused = set(parameters) - used
    if unused:
        raise ParameterError(f"values without a placeholder: {', '.join(sorted(unused))}")
    return bound


def literal(value: object) -> str:
    """Write one value as a ClickHouse literal.

    Allowed: str, bool, int (Int64 and UInt64), finite float, datetime with a time zone
    (microseconds, UTC), date, UUID, and lists or tuples of one of those types.

    Raises:
        ParameterError: The value is of another type or out of range.
    """
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return write(value)
    raise ParameterError(f"a value of type {type(value).__name__} cannot be bound")


def _text(value: str) -> str:
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ParameterError("a text with an unpaired surrogate cannot be bound")
    return f"'{value.translate(_ESCAPES)}'"


def _bool(value: bool) -> str:  # noqa: FBT001 - the value itself, not a switch
    return "true" if value else "false"


def _integer(value: int) -> str:
    if not _MIN_INT <= value <= _MAX_UINT:
        raise ParameterError(f"an integer must fit 64 bits, got {value}")
    return str(int(value))


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise ParameterError(f"a float must be finite, got {value}")
    return repr(float(value))


def _time(value: datetime) -> str:
    if value.tzinfo is None:
        raise ParameterError("a datetime must carry a time zone")
    _check_date(value.astimezone(UTC).date())
    text = value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return f"toDateTime64('{text}', 6, 'UTC')"


def _date(value: date) -> str:
    _check_date(value)
    return f"toDate32('{value.isoformat()}')"


def _check_date(value: date) -> None:
    first, last = _DATES
    if not first <= value <= last:
        raise ParameterError(f"a date must lie in {first} to {last}, got {value}")


def _list(values: Sequence[object]) -> str:
    kinds = {type(value) for value in values}
    if len(kinds) > 1 or kinds & {list, tuple}:
        raise ParameterError("a list must hold values of one type and no lists")
    if kinds == {int}:
        _check_integers(values)
    return "[" + ", ".join(literal(value) for value in values) + "]"


def _check_integers(values: Sequence[object]) -> None:
    numbers = [value for value in values if isinstance(value, int)]
    if min(numbers) < 0 and max(numbers) > _MAX_INT:
        raise ParameterError("a list of integers must fit Int64 or UInt64 as a whole")


# In this order: bool is an int and datetime is a date.
_WRITERS: Final[tuple[tuple[type, Callable[[Any], str]], ...]] = (
    (str, _text),
    (bool, _bool),
    (int, _integer),
    (float, _float),
    (datetime, _time),
    (date, _date),
    (UUID, lambda value: f"toUUID('{value}')"),
    (list, _list),
    (tuple, _list),
)
