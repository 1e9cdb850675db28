"""What a promoted column makes of an attribute's value.

A value is the `str`, `int`, `float` or `bool` that was sent; anything else is what typed JSON makes
of it (`rak_libs.otlp.typed_json`): None, a list or a dict. '' and 0 stand for nothing usable.
"""

import hashlib
from collections.abc import Callable
from typing import Any, Final, Literal

from rak_libs.model.json_text import double_to_json, json_to_text, text_to_json

MAX_COUNT: Final = 2**64 - 1

MAX_LETTERS: Final = 1_000
"""The longest text that a column takes, so that it can be asked for: in a path, in a cursor."""

_BEGIN_LETTERS: Final = 980

Reading = Literal["text", "count", "list", "seconds", "milliseconds", "seconds or milliseconds"]
"""How a value is read: see `READINGS`."""


def text_of(value: Any) -> str:
    """Return a string as it is, any other value as its typed JSON text."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json_to_text(double_to_json(value) if isinstance(value, float) else value)


def bounded(text: str) -> str:
    """Return a text as it is, of one above `MAX_LETTERS` its begin and a digest of all of it."""
    if len(text) <= MAX_LETTERS:
        return text
    digest = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).hexdigest()
    return f"{text[:_BEGIN_LETTERS]}...{digest}"


def _bounded_text_of(value: Any) -> str:
    return bounded(text_of(value))


def count_of_number(number: float) -> int:
    """Return a whole count: fractions cut off, negative and NaN as 0, at most `MAX_COUNT`."""
    if not number > 0:
        return 0
    return MAX_COUNT if number >= MAX_COUNT else int(number)


def count_of(value: Any) -> int:
    """Return the count that a number, or a decimal or scientific number as text, states."""
    return count_of_number(_number_of(value))


def list_of(value: Any) -> str:
    """Return the texts of a list, separated by commas; of any other value its text.

    Some SDKs send a list as its JSON text: that is a list too.
    """
    if isinstance(value, str) and value.startswith("["):
        try:
            value = text_to_json(value)
        except ValueError:
            return text_of(value)
    if isinstance(value, list):
        return ",".join(filter(None, map(text_of, value)))
    return text_of(value)


def _bounded_list_of(value: Any) -> str:
    return bounded(list_of(value))


def _number_of(value: Any) -> float:
    if isinstance(value, str):
        return _number_of_text(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0


def _number_of_text(text: str) -> float:
    # Digits alone stay exact beyond 2^53; longer ones are above every count anyway.
    if text.isdecimal() and len(text) <= len(str(MAX_COUNT)):
        return int(text)
    try:
        return float(text)
    except ValueError:
        return 0


def _nanoseconds(number: float, unit_ns: int) -> int:
    nanoseconds = number * unit_ns
    return round(nanoseconds) if 0 < nanoseconds < MAX_COUNT else count_of_number(nanoseconds)


def _nanoseconds_of_seconds(value: Any) -> int:
    return _nanoseconds(_number_of(value), 10**9)


def _nanoseconds_of_milliseconds(value: Any) -> int:
    return _nanoseconds(_number_of(value), 10**6)


def _nanoseconds_by_type(value: Any) -> int:
    number = _number_of(value)
    return _nanoseconds(number, 10**6 if isinstance(number, int) else 10**9)


READINGS: Final[dict[Reading, Callable[[Any], Any]]] = {
    "text": _bounded_text_of,
    "count": count_of,
    "list": _bounded_list_of,
    "seconds": _nanoseconds_of_seconds,
    "milliseconds": _nanoseconds_of_milliseconds,
    # A whole number is milliseconds, one with a fraction seconds.
    "seconds or milliseconds": _nanoseconds_by_type,
}
"""The fact that a value states, by reading; lengths of time are whole nanoseconds, rounded."""
