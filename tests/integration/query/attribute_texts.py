"""Values of attributes that are hard to find, and when `attr.<key>=<text>` finds one.

`text_finds` is the specification in plain Python: it shares nothing with the service.
"""

import json
import math
import re
from base64 import b64encode
from typing import Any

STRINGS = [
    "",
    "true",
    "1",
    "0.5",
    "null",
    "[1]",
    "NaN",
    "Straße in STRASBOURG",
    "ΟΔΥΣΣΕΥΣ",
    "İstanbul, Ⱥ, ﬁne",
    'it\'s 100% \\ "done" %s %(q)s {value}',
    "line\nbreak\ttab\0nul",
    "🦀 d\u0301e\u0301 é",
    "prompt " * 3_000 + "End",
]
VALUES: dict[str, list[Any]] = {
    "text": STRINGS,
    "number": [1, 0, -1, 2**53 + 1, 2**63 - 1, -(2**63)],
    "ratio": [0.5, 1.0, -0.0, -2.25, 1e100, 5e-324, math.nan, math.inf, -math.inf],
    "flag": [True, False],
    "raw": [b"", b"\0\xff", b"text"],
    "nested": [
        [1],
        [],
        {},
        None,
        {"b": [1, 2.5, None], "a": "ß'\\"},
        [[math.nan], {"deep": {"er": [True]}}],
        {"bytesValue": "looks like bytes"},
        [b"\1"],
    ],
    # One key with another type on every span, and keys that need care.
    "mixed": [1, 1.0, "1", True, "true", [1], "[1]", None, "", b"1", math.nan, "NaN"],
    "o'key %s \\ = & ключ": ["x", 1],
    "a.b.c": ["x", 2],
}
QUESTIONS = [
    *["LLM", "deadline", "PLANNER", "50%", "O'B", "\\ d", "strasse", "STRASSE", "straße"],
    *["οδυσσευς", "i\u0307stanbul", "ⱥ", "FINE", "ﬁNE", "%S", "%(Q)S", "{VALUE}", "\0NUL", "\t"],
    *["🦀", "é", "e\u0301", "PROMPT END", "prompt prompt", "no such text"],
]

_SPECIAL = {"bytesValue", "doubleValue", "kvlistValue"}


def shown(value: Any) -> Any:
    """Return the JSON by which answers show a value."""
    if isinstance(value, bytes):
        return {"bytesValue": b64encode(value).decode()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"doubleValue": double_name(value)}
    if isinstance(value, list):
        return [shown(item) for item in value]
    if isinstance(value, dict):
        fields = {key: shown(item) for key, item in value.items()}
        return {"kvlistValue": fields} if len(value) == 1 and _SPECIAL & value.keys() else fields
    return value


def double_name(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def canonical_text(value: Any) -> str:
    """Return a text by which `attr.<key>` finds a value."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and not math.isfinite(value):
        return double_name(value)
    return "" if value is None else json.dumps(shown(value), ensure_ascii=False)


def text_finds(text: str, value: Any) -> bool:
    """Whether `attr.<key>=<text>` finds an attribute with this value."""
    match value:
        case str():
            return text == value
        case bool():
            return text == ("true" if value else "false")
        case int():
            return _is_integer(text) and int(text) == value
        case float():
            return _finds_double(text, value)
        case None:
            return text in {"", "null"}
        case _:
            return _same(_json_of(text), shown(value))


def _is_integer(text: str) -> bool:
    return bool(re.fullmatch("-?[0-9]{1,19}", text)) and -(2**63) <= int(text) < 2**63


def _finds_double(text: str, value: float) -> bool:
    if not math.isfinite(value):
        return text == double_name(value) or _same(_json_of(text), shown(value))
    is_number = re.fullmatch(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", text)
    return bool(is_number) and not _is_integer(text) and float(text) == value


def _json_of(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return math.nan  # which nothing equals


def _same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal with their types: 1 is not 1.0, nor true."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return bool(one == other)
