"""Decompression of HTTP bodies, chunk by chunk, never beyond the size limit."""

import zlib
from collections.abc import Callable
from typing import Final, Protocol

from rak_libs.receiving import zstd
from rak_libs.receiving.errors import (
    BodyTooLarge,
    UndecodableBody,
    UnsupportedContentEncoding,
)

_GZIP_WINDOW: Final = 31
"""zlib's code for a gzip wrapper (RFC 1952) around its largest window."""
_ZLIB_WINDOW: Final = 15
"""The same for a zlib wrapper (RFC 1950), and for none (RFC 1951)."""
_RAW_WINDOW: Final = -15
_MAX_MEMBERS: Final = 4096
"""Of one body: 64 MiB of empty zstd frames would take minutes to find empty."""


class BodyDecoder(Protocol):
    """Turns the chunks of a body into the bytes that were meant."""

    def feed(self, chunk: bytes) -> bytes:
        """Return what `chunk` adds; raises BodyTooLarge or UndecodableBody."""

    def finish(self) -> None:
        """Say that no chunk follows; raises UndecodableBody when the body is cut off."""


class IdentityDecoder:
    """A body that is not compressed, of at most `max_bytes` bytes."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._size = 0

    def feed(self, chunk: bytes) -> bytes:
        """Return the chunk."""
        self._size += len(chunk)
        if self._size > self._max_bytes:
            raise too_large(self._max_bytes)
        return chunk

    def finish(self) -> None:
        """Accept any end."""


class Inflater(Protocol):
    """Decompresses one member of a body: a gzip member, a zstd frame, a deflate stream."""

    @property
    def eof(self) -> bool:
        """Whether the end of the member was reached."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Return at most `max_length` bytes; what is left of a member that has more is dropped."""

    @property
    def unused_data(self) -> bytes:
        """What follows the end of the member."""


class MemberDecoder:
    """A body of compressed members one after the other, of at most `max_bytes` bytes either way."""

    def __init__(self, name: str, start_member: Callable[[], Inflater], max_bytes: int) -> None:
        """Compose a decoder; `name` is what clients call the encoding."""
        self._name = name
        self._start_member = start_member
        self._max_bytes = max_bytes
        self._received = 0
        self._size = 0
        self._members = 1
        self._member = start_member()

    def feed(self, chunk: bytes) -> bytes:
        """Return what the chunk inflates to; at most one byte beyond the limit is ever made."""
        self._received += len(chunk)
        if self._received > self._max_bytes:
            raise too_large(self._max_bytes)
        pieces = []
        while chunk:
            if self._member.eof:
                self._begin_another()
            try:
                piece = self._member.decompress(chunk, self._max_bytes + 1 - self._size)
            except (zlib.error, zstd.ZstdError) as error:
                raise UndecodableBody(f"the body is not {self._name}") from error
            self._size += len(piece)
            if self._size > self._max_bytes:
                raise too_large(self._max_bytes)
            pieces.append(piece)
            chunk = self._member.unused_data
        return b"".join(pieces)

    def _begin_another(self) -> None:
        self._members += 1
        if self._members > _MAX_MEMBERS:
            raise UndecodableBody(f"the {self._name} body has more than {_MAX_MEMBERS} members")
        self._member = self._start_member()

    def finish(self) -> None:
        """Accept only the end of a member."""
        if not self._member.eof:
            raise UndecodableBody(f"the {self._name} body is cut off")


class DeflateInflater:
    """A deflate body: zlib's wrapper as RFC 9110 asks for, or none, as many clients send it."""

    def __init__(self) -> None:
        self._start = b""
        self._inflater: zlib._Decompress | None = None

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was reached."""
        return self._inflater is not None and self._inflater.eof

    @property
    def unused_data(self) -> bytes:
        """What follows the end of the stream."""
        return b"" if self._inflater is None else self._inflater.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Return at most `max_length` bytes; raises zlib.error."""
        if self._inflater is None:
            self._start += data
            if len(self._start) < 2:
                return b""
            data = self._start
            self._inflater = zlib.decompressobj(_ZLIB_WINDOW if _is_zlib(data) else _RAW_WINDOW)
        return self._inflater.decompress(data, max_length)


def _is_zlib(start: bytes) -> bool:
    """Tell by the two bytes of RFC 1950, section 2.2: method 8, and a multiple of 31."""
    return start[0] & 0x0F == 8 and int.from_bytes(start[:2], "big") % 31 == 0


def _gzip_member() -> Inflater:
    return zlib.decompressobj(_GZIP_WINDOW)


def _gzip(max_bytes: int) -> BodyDecoder:
    return MemberDecoder("gzip", _gzip_member, max_bytes)


def _deflate(max_bytes: int) -> BodyDecoder:
    return MemberDecoder("deflate", DeflateInflater, max_bytes)


def _zstd(max_bytes: int) -> BodyDecoder:
    return MemberDecoder("zstd", zstd.Frame, max_bytes)


_DECODERS: Final[dict[str, Callable[[int], BodyDecoder]]] = {
    "": IdentityDecoder,
    "identity": IdentityDecoder,
    "none": IdentityDecoder,
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "zstd": _zstd,
}

ACCEPTED_ENCODINGS: Final = "gzip, zstd, deflate, identity"
"""The value of an Accept-Encoding header (RFC 9110, 12.5.3) that names what is read."""


def body_decoder(content_encoding: str, max_bytes: int) -> BodyDecoder:
    """Return a decoder for the one token of a Content-Encoding header; empty means none.

    Raises:
        UnsupportedContentEncoding: No such encoding is read, or there are several.
    """
    decoder = _DECODERS.get(content_encoding.strip().lower())
    if decoder is None:
        raise UnsupportedContentEncoding(
            f"the Content-Encoding is not supported; expected one of {ACCEPTED_ENCODINGS}"
        )
    return decoder(max_bytes)


def too_large(max_bytes: int) -> BodyTooLarge:
    """Return the error of a body beyond the limit, compressed or not."""
    return BodyTooLarge(f"the request exceeds {max_bytes} bytes")
