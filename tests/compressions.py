"""Bodies as clients compress them."""

import gzip
import zlib
from collections.abc import Callable, Mapping
from typing import Final

import cramjam

COMPRESSIONS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "gzip": lambda body: gzip.compress(body, 1),
    "deflate": lambda body: zlib.compress(body, 1),
    "zstd": lambda body: bytes(cramjam.zstd.compress(body, 1)),
}
"""What compresses a body, by Content-Encoding."""
