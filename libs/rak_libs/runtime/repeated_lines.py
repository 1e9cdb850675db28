"""Keeps a library that says the same thing over and over from filling the log.

A Kafka client whose broker is away says so some sixty times a second, from every writer.
"""

import logging
from dataclasses import dataclass
from typing import Final

QUIET_SECONDS: Final = 5.0
"""How long a library that has said something is not heard saying it again."""

_MOST_REMEMBERED: Final = 1_000
"""Messages to remember; a library that makes each of them anew is not held back."""


@dataclass(slots=True)
class _Said:
    at: float
    repeats: int = 0


class OnceInAWhile(logging.Filter):
    """Passes a library's line once in `QUIET_SECONDS`, whatever values are put into its text.

    The line that is passed next has an attribute `repeats`: how many were left out since. Lines of
    our own, whose `msg` is a dictionary of fields, always pass.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, int, str], _Said] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record passes."""
        if not isinstance(record.msg, str):
            return True
        key = (record.name, record.levelno, record.msg)
        before = self._said.get(key)
        if before is not None and record.created - before.at < QUIET_SECONDS:
            before.repeats += 1
            return False
        if before is not None:
            record.repeats = before.repeats
        elif len(self._said) >= _MOST_REMEMBERED:
            self._said.clear()
        self._said[key] = _Said(record.created)
        return True
