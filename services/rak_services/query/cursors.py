"""Where a page ended, as opaque text that only fits the question it came from.

A cursor is base64url of JSON: a digest of the question's other parameters and the sorting key of
the last row. It is not secret and not signed: its values are checked by type and bound as
parameters like any other input.
"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from typing import Final, Generic, TypeVar

import msgspec
from msgspec import Struct

from rak_services.query.problems import invalid

Position = TypeVar("Position", bound=Struct)

_IGNORED: Final = frozenset({"cursor", "limit"})
_EXPECTED: Final = (
    "the next_cursor of a page that was asked for with the same parameters; only limit may differ"
)


class _Cursor(Struct, Generic[Position], array_like=True):
    digest: str
    position: Position


def question_digest(path: str, parameters: Iterable[tuple[str, str]]) -> str:
    """Return a digest of what is asked: the path and all parameters but `cursor` and `limit`."""
    asked = sorted(pair for pair in parameters if pair[0] not in _IGNORED)
    return hashlib.sha256(msgspec.json.encode([path, asked])).hexdigest()[:16]


def encode_cursor(digest: str, position: Struct) -> str:
    """Write the cursor of the page after `position`."""
    text = msgspec.json.encode([digest, position])
    return urlsafe_b64encode(text).rstrip(b"=").decode()


def decode_cursor(text: str, digest: str, kind: type[Position]) -> Position:
    """Read a cursor of the same question.

    Raises:
        InvalidParameters: It is no cursor, or one of another question.
    """
    try:
        raw = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        cursor = msgspec.json.decode(raw, type=_Cursor[kind])  # type: ignore[valid-type]
    except (ValueError, msgspec.MsgspecError):
        raise invalid("cursor", _EXPECTED) from None
    if cursor.digest != digest:
        raise invalid("cursor", _EXPECTED)
    return cursor.position
