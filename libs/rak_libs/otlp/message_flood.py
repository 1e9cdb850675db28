"""Floods of nearly empty messages in binary requests, found out before they become objects.

A limit on bytes bounds no memory: an empty message is two bytes on the wire and becomes an object
of 50 to 90 bytes; 60 MiB of empty links would take 2.5 GiB.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from google.protobuf.message import Message

from rak_libs.otlp.errors import RequestTooLarge
from rak_libs.otlp.wire import wire_fields

MAX_MESSAGES: Final = 2 * 1024 * 1024
"""Nearly empty messages in a request, its shortest texts counted with them. 64 MiB of agents' spans
hold a third of that; so many empty ones take 170 MiB."""

_LEAST_MESSAGE_BYTES: Final = 2
_FEW_FIELDS: Final = 262_144
"""So many fields are walked through where the bytes alone cannot tell texts from messages."""

_SMALL: Final = bytes(range(1, 7))
_TAG, _LENGTH, _ZERO, _HIGH, _OTHER = b"TSZH."
_KINDS: Final = bytes(
    _ZERO
    if byte == 0
    else _LENGTH
    if byte in _SMALL
    else _HIGH
    if byte >= 0x80
    else _TAG
    if byte & 7 == 2
    else _OTHER
    for byte in range(256)
)
_MESSAGE_MARKS: Final = (b"TS", b"TZ", b"HZ")
"""What each nearly empty message has at its start: the tag of a field of a length and a length of
at most 6, or a number written longer than it need be (which no encoder does)."""


def limit_messages(body: bytes, message_type: type[Message], most: int = MAX_MESSAGES) -> None:
    """Refuse a binary request of more than `most` messages and texts that are nearly empty.

    Args:
        body: A serialized message.
        message_type: Its type.
        most: How many messages and texts of up to 6 bytes may be inside it.

    Raises:
        RequestTooLarge: It has more.
        UndecodableRequest: It is not a sequence of fields.
    """
    if len(body) <= most * _LEAST_MESSAGE_BYTES:
        return
    if len(body) - len(body.translate(None, b"\0" + _SMALL)) <= most:
        return
    kinds = body.translate(_KINDS)
    if sum(map(kinds.count, _MESSAGE_MARKS)) <= most:
        return
    # Contents of texts and bytes can look the same, but then there are few of them.
    if _has_many_fields(body, message_type.DESCRIPTOR):
        raise RequestTooLarge(f"the request has more than {most} attributes, values or events")


def _has_many_fields(body: bytes, descriptor: Any) -> bool:
    fields = 0
    pending = [(0, len(body), _messages_in(descriptor))]
    while pending:
        start, end, inside = pending.pop()
        for field in wire_fields(body, start, end):
            fields += 1
            if fields > _FEW_FIELDS:
                return True
            if field.payload >= 0 and field.number in inside:
                pending.append((field.payload, field.end, _messages_in(inside[field.number])))
    return False


@cache
def _messages_in(descriptor: Any) -> Mapping[int, Any]:
    return {field.number: field.message_type for field in descriptor.fields if field.message_type}
