"""Which parts of a time range to look at first, when only the first rows in time are wanted.

Each look covers those before it and reaches sixteen times further, so that what is found soon costs
little, and all looks together little more than the last one.
"""

from collections.abc import Iterator
from typing import Final

from rak_libs.model.time_text import SECOND_NS

_FIRST_LOOK_NS: Final = 60 * SECOND_NS
_LOOK_FURTHER: Final = 16


def looks_back(since_ns: int | None, latest_ns: int) -> Iterator[int | None]:
    """Yield times to look from, further back each time; None last, for the whole range."""
    reach = _FIRST_LOOK_NS
    while since_ns is not None and latest_ns - reach > since_ns:
        yield latest_ns - reach
        reach *= _LOOK_FURTHER
    yield None


def looks_ahead(first_ns: int | None, until_ns: int) -> Iterator[int | None]:
    """Yield times to look up to, further ahead each time; None last, for the whole range."""
    reach = _FIRST_LOOK_NS
    while first_ns is not None and first_ns + reach < until_ns:
        yield first_ns + reach
        reach *= _LOOK_FURTHER
    yield None
