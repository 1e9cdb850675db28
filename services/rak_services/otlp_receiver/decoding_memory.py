"""What decoding a body may take in memory, seen from its bytes before it is decoded."""

from typing import Final

from rak_libs.otlp.json_containers import containers_at_most
from rak_services.otlp_receiver.encodings import Encoding

_SMALL_BYTES: Final = 1024 * 1024
"""Up to this size a body can do no harm worth 0.3 ms of counting."""
_PER_BYTE: Final = 8
_PER_EMPTY_MESSAGE: Final = 64
"""Measured on requests of empty attributes, events and the like: 50 to 68 bytes each."""
_PER_CONTAINER: Final = 320
"""Measured on JSON of empty spans: a dict as decoded, one of arguments and a message, 316 bytes."""


def decoding_bytes(body: bytes, encoding: Encoding) -> int:
    """Estimate the bytes of memory that decoding needs.

    Measured: spans of agents take 4 sizes of a protobuf body and 13 of a JSON one, but a body of
    empty messages, each of which is a zero byte on the wire, 34 and 105.
    """
    if encoding is Encoding.PROTOBUF:
        empty_messages = body.count(0) if len(body) > _SMALL_BYTES else 0
        return _PER_BYTE * len(body) + _PER_EMPTY_MESSAGE * empty_messages
    return _PER_BYTE * len(body) + _PER_CONTAINER * containers_at_most(body)
