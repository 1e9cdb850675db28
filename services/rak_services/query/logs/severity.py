"""Severities: how they are asked for, and the groups that they are counted in.

Numbers and names are those of opentelemetry-proto, `logs/v1/logs.proto`: four numbers a name.
"""

import re
from typing import Any, ClassVar, Final, Self

NAMES: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
NUMBERS_EACH: Final = 4
HIGHEST: Final = len(NAMES) * NUMBERS_EACH

_NAME: Final = re.compile(rf"({'|'.join(NAMES)})([2-{NUMBERS_EACH}]?)", re.ASCII | re.IGNORECASE)
_NUMBER: Final = re.compile(r"[1-9]|1\d|2[0-4]", re.ASCII)


class Severity(int):
    """A severity number from 1 to 24."""

    EXPECTED: ClassVar = (
        f"{', '.join(NAMES)}, one of these with 2, 3 or 4 behind it (INFO2), or a number "
        f"from 1 to {HIGHEST}"
    )
    SCHEMA: ClassVar[dict[str, Any]] = {
        "type": "string",
        "pattern": rf"^(({'|'.join(NAMES)})[2-4]?|[1-9]|1[0-9]|2[0-4])$",
    }

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the severity of a name in any case, or of a number; ValueError when it is none."""
        if _NUMBER.fullmatch(text):
            return cls(text)
        named = _NAME.fullmatch(text)
        if named is None:
            raise ValueError(f"{text!r} is no severity")
        name, step = named.groups()
        return cls(first_of(name.upper()) + int(step or 1) - 1)


def first_of(name: str) -> int:
    """Return the lowest number of a name: 9 of INFO."""
    return NAMES.index(name) * NUMBERS_EACH + 1
