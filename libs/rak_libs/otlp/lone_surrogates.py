r"""Halves of surrogate pairs in JSON, which no UTF-8 can hold.

JavaScript cuts strings between the halves of a pair, as in a model's answer that ends within an
emoji, and writes what is left as `\ud83d` (ECMA-262, well-formed JSON.stringify). One such string
should not cost a batch of spans.
"""

import re
from itertools import islice
from typing import Final

_SURROGATE: Final = re.compile(rb"\\++u([dD][89a-fA-F][0-9a-fA-F]{2})")
_FIRST_LOW: Final = 0xDC00
_REPLACEMENT: Final = b"fffd"
_MOST: Final = 100_000
"""Surrogates looked at; a text with more of them, and a lone one behind these, stays as it is."""


def replace_lone_surrogates(body: bytes) -> bytes:
    r"""Return a JSON text with `\ufffd` in place of every half that has no other half."""
    lone: list[int] = []
    high_at = -1
    for found in islice(_SURROGATE.finditer(body), _MOST):
        digits = found.start(1)
        backslashes = digits - 1 - found.start()
        if backslashes % 2 == 0:
            continue  # escaped backslashes before a plain letter u
        if int(found[1], 16) < _FIRST_LOW:
            lone.append(digits)
            high_at = digits
        elif high_at >= 0 and high_at + 6 == digits and backslashes == 1:
            lone.pop()
            high_at = -1
        else:
            lone.append(digits)
            high_at = -1
    if not lone:
        return body
    repaired = bytearray(body)
    for digits in lone:
        repaired[digits : digits + 4] = _REPLACEMENT
    return bytes(repaired)
