"""Decompression of HTTP bodies, chunk by chunk, never beyond the size limit."""

import zlib
from collections.abc import Callable
from typing import Final, Protocol

from rak_libs.otlp.errors import RequestTooLarge, UndecodableRequest
from rak_services.otlp_receiver.errors import UnsupportedContentEncoding

_GZIP_WINDOW: Final = 31
"""zlib's code for a gzip wrapper around its largest window."""


class BodyDecoder(Protocol):
    """Turns the chunks of a body into the bytes that were meant."""

    def feed(self, chunk: bytes) -> bytes:
        """Return what `chunk` adds; raises RequestTooLarge or UndecodableRequest."""

    def finish(self) -> None:
        """Say that no chunk follows; raises UndecodableRequest when the body is cut off."""


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


class GzipDecoder:
    """A gzip body (RFC 1952) of one or more members, of at most `max_bytes` bytes either way."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._received = 0
        self._size = 0
        self._inflater = zlib.decompressobj(_GZIP_WINDOW)

    def feed(self, chunk: bytes) -> bytes:
        """Return what the chunk inflates to, at most one byte beyond the limit."""
        self._received += len(chunk)
        if self._received > self._max_bytes:
            raise too_large(self._max_bytes)
        pieces = []
        while chunk:
            if self._inflater.eof:
                self._inflater = zlib.decompressobj(_GZIP_WINDOW)
            try:
                piece = self._inflater.decompress(chunk, self._max_bytes + 1 - self._size)
            except zlib.error as error:
                raise UndecodableRequest("the body is not gzip") from error
            self._size += len(piece)
            if self._size > self._max_bytes:
                raise too_large(self._max_bytes)
            pieces.append(piece)
            chunk = self._inflater.unused_data or self._inflater.unconsumed_tail
        return b"".join(pieces)

    def finish(self) -> None:
        """Accept only the end of a member."""
        if not self._inflater.eof:
            raise UndecodableRequest("the gzip body is cut off")


_DECODERS: Final[dict[str, Callable[[int], BodyDecoder]]] = {
    "": IdentityDecoder,
    "identity": IdentityDecoder,
    "none": IdentityDecoder,
    "gzip": GzipDecoder,
}

ACCEPTED_ENCODINGS: Final = "gzip, identity"
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


def too_large(max_bytes: int) -> RequestTooLarge:
    """Return the error of a body beyond the limit, compressed or not."""
    return RequestTooLarge(f"the request exceeds {max_bytes} bytes")
