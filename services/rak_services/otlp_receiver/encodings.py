"""The two encodings of an OTLP body: reading requests and writing answers."""

from enum import Enum
from typing import Final

from google.protobuf.message import Message
from google.rpc.status_pb2 import Status

from rak_libs.otlp.otlp_json import request_to_json
from rak_libs.receiving.http_answers import status_json


class Encoding(Enum):
    """How a body is written; the value is its media type."""

    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"


_BY_MEDIA_TYPE: Final = {encoding.value: encoding for encoding in Encoding}


def encoding_of(content_type: str) -> Encoding | None:
    """Return the encoding that a Content-Type header names, its parameters ignored, or None."""
    return _BY_MEDIA_TYPE.get(content_type.partition(";")[0].strip().lower())


def encode(message: Message, encoding: Encoding) -> bytes:
    """Write an answer: an OTLP response, or a `google.rpc.Status` with its details."""
    if encoding is Encoding.PROTOBUF:
        return message.SerializeToString()
    if isinstance(message, Status):
        return status_json(message)
    return request_to_json(message)
