"""Zstandard frames (RFC 8878), decompressed within a limit on output and on memory."""

import sys
from typing import Final

if sys.version_info >= (3, 14):
    from compression.zstd import (
        DecompressionParameter,
        ZstdDecompressor,
        ZstdError,
        get_frame_info,
    )
else:
    from backports.zstd import DecompressionParameter, ZstdDecompressor, ZstdError, get_frame_info

__all__ = ["Frame", "ZstdError"]

_WINDOW_LOG: Final = 23
"""8 MiB, the most that RFC 9659 allows a sender over HTTP; a header may demand 2 GiB otherwise."""
_LONGEST_HEADER: Final = 18


class Frame:
    """One frame, judged alike whether it comes whole or in pieces.

    libzstd decompresses a frame that is all there in another way, which refuses some malformed
    frames that it takes in pieces; only there it compares the content with the header's size. The
    methods are those of `content_encoding.Inflater`.
    """

    def __init__(self) -> None:
        options: dict[int, int] = {DecompressionParameter.window_log_max: _WINDOW_LOG}
        self._decompressor = ZstdDecompressor(options=options)
        self._start = b""
        self._size = 0

    @property
    def eof(self) -> bool:
        """Whether the end of the frame was reached."""
        return self._decompressor.eof

    @property
    def unused_data(self) -> bytes:
        """What follows the end of the frame."""
        return self._decompressor.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Return at most `max_length` bytes.

        Raises:
            ZstdError: This is no frame, it has another size than it says, or it demands a larger
                window than HTTP allows.
        """
        if not self._start:
            # Never all at once.
            self._decompressor.decompress(data[:1], max_length)
            self._start, data = data[:1], data[1:]
        self._start += data[: _LONGEST_HEADER - len(self._start)]
        piece = self._decompressor.decompress(data, max_length)
        self._size += len(piece)
        if self.eof and get_frame_info(self._start).decompressed_size not in {None, self._size}:
            raise ZstdError("the frame's content has another size than its header says")
        return piece
