"""Zstandard frames (RFC 8878), decompressed within a limit on output and on memory."""

import sys
from typing import Final

if sys.version_info >= (3, 14):
    from compression.zstd import DecompressionParameter, ZstdDecompressor, ZstdError
else:
    from backports.zstd import DecompressionParameter, ZstdDecompressor, ZstdError

__all__ = ["ZstdError", "start_frame"]

_WINDOW_LOG: Final = 23
"""8 MiB, the most that RFC 9659 allows a sender over HTTP; a header may demand 2 GiB otherwise."""


def start_frame() -> ZstdDecompressor:
    """Return a decompressor of one frame; it raises ZstdError for a larger window than that."""
    return ZstdDecompressor(options={DecompressionParameter.window_log_max: _WINDOW_LOG})
