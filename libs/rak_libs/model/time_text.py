"""Times and durations as people write them, to and from nanoseconds."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

SECOND_NS: Final = 1_000_000_000
MAX_NS: Final = 2**63 - 1
"""The largest time and duration that can be asked for: 64 signed bits of nanoseconds."""

_UNITS_NS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": SECOND_NS,
    "m": 60 * SECOND_NS,
    "h": 3_600 * SECOND_NS,
    "d": 86_400 * SECOND_NS,
}
_PART: Final = r"(\d+(?:\.\d+)?)(ns|us|µs|μs|ms|s|m|h|d)"
_DURATION: Final = re.compile(f"(?:{_PART})+", re.ASCII)
_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:([Zz])|([+\- ])(\d\d:\d\d))",
    re.ASCII,
)
_UNIX_NS: Final = re.compile(r"\d{1,19}", re.ASCII)
_RELATIVE: Final = re.compile(r"now(?:([+\- ])(.+))?", re.ASCII)


def parse_duration(text: str) -> int:
    """Return the nanoseconds of `250ms`, `1.5s` or `1h30m`; fractions of a nanosecond are dropped.

    Raises:
        ValueError: The text is no duration, or one beyond 2^63-1 ns.
    """
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is no duration")
    parts = re.findall(_PART, text, re.ASCII)
    nanoseconds = sum(int(Decimal(number) * _UNITS_NS[unit]) for number, unit in parts)
    return _bounded(nanoseconds, text)


def parse_relative(text: str) -> int | None:
    """Return the offset in nanoseconds of `now`, `now-1h` or `now+5m`; None for other texts.

    A `+` that was not escaped in a URL arrives as a space and is taken as `+`.

    Raises:
        ValueError: What follows `now` is no duration.
    """
    match = _RELATIVE.fullmatch(text)
    if match is None:
        return None
    sign, duration = match.groups()
    if sign is None:
        return 0
    offset = parse_duration(duration)
    return -offset if sign == "-" else offset


def parse_time(text: str) -> int:
    """Return the nanoseconds since 1970 of an RFC 3339 time or of a number of nanoseconds.

    Raises:
        ValueError: The text is neither, or lies outside 1970 to 2262.
    """
    if _UNIX_NS.fullmatch(text):
        return _bounded(int(text), text)
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no time")
    day, clock, fraction, utc, sign, offset = match.groups()
    zone = "+00:00" if utc else ("-" if sign == "-" else "+") + offset
    moment = datetime.fromisoformat(f"{day}T{clock}{zone}")
    since_epoch = moment - datetime.fromtimestamp(0, UTC)
    seconds = since_epoch.days * 86_400 + since_epoch.seconds
    return _bounded(seconds * SECOND_NS + int((fraction or "").ljust(9, "0")), text)


def format_time(nanoseconds: int) -> str:
    """Write a time as RFC 3339 in UTC with nine decimals (`2026-05-01T12:00:00.000000001Z`).

    Args:
        nanoseconds: Since 1970; a negative number is the two's complement of an unsigned 64-bit
            time, as the wire allows up to the year 2554.
    """
    seconds, fraction = divmod(nanoseconds & 0xFFFF_FFFF_FFFF_FFFF, SECOND_NS)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"


def _bounded(nanoseconds: int, text: str) -> int:
    if not 0 <= nanoseconds <= MAX_NS:
        raise ValueError(f"{text!r} is out of range")
    return nanoseconds
