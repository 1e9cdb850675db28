"""The protobuf wire format of OTLP requests, read without building messages.

Every OTLP request has the same outline: field 1 repeats the resource's group, field 2 of that
repeats the scope's group, field 2 of that repeats the items (spans, metrics, log records). See
https://protobuf.dev/programming-guides/encoding/ for tags, varints and wire types.
"""

import sys
from collections.abc import Iterator
from typing import Final, NamedTuple

from rak_libs.otlp.errors import UndecodableRequest

CHILD_FIELDS: Final = (1, 2, 2)
"""Field numbers on the way to the items: resource group, scope group, item."""

_VARINT, _FIXED64, _LENGTH, _GROUP_START, _GROUP_END, _FIXED32 = range(6)


class WireField(NamedTuple):
    """One field of a message; positions are offsets into the whole buffer.

    Attributes:
        number: The field's number.
        start: Where its tag starts.
        payload: Where its bytes start if it is length-delimited, else -1.
        end: One past its last byte.
    """

    number: int
    start: int
    payload: int
    end: int


def wire_fields(buffer: bytes, start: int, end: int) -> Iterator[WireField]:
    """Yield the fields of the message in `buffer[start:end]`, in order.

    Raises:
        UndecodableRequest: The bytes are not a sequence of fields.
    """
    position = start
    while position < end:
        field = _field(buffer, position, end)
        yield field
        position = field.end


def count_outline(buffer: bytes, most: int) -> int:
    """Count the groups and the items of a request together; stops soon after `most`.

    Raises:
        UndecodableRequest: The outline of the request is broken.
    """
    count = 0
    groups = [(0, len(buffer))]
    for level, number in enumerate(CHILD_FIELDS, start=1):
        for start, end in groups:
            count += _count_children(buffer, start, end, number, most - count)
            if count > most:
                return count
        if level < len(CHILD_FIELDS):
            groups = [
                (field.payload, field.end)
                for start, end in groups
                for field in wire_fields(buffer, start, end)
                if field.number == number and field.payload >= 0
            ]
    return count


def count_items(buffer: bytes, start: int, end: int, level: int = 0) -> int:
    """Count the items of a request, or of a part of it, by skipping from tag to tag.

    Args:
        buffer: Holds the message in `buffer[start:end]`.
        start: Where the message starts.
        end: One past its last byte.
        level: 0 for a request, 1 for a resource's group, 2 for a scope's group.

    Raises:
        UndecodableRequest: The outline of the message is broken.
    """
    number = CHILD_FIELDS[level]
    if level == len(CHILD_FIELDS) - 1:
        return _count_children(buffer, start, end, number)
    return sum(
        count_items(buffer, field.payload, field.end, level + 1)
        for field in wire_fields(buffer, start, end)
        if field.number == number and field.payload >= 0
    )


def _count_children(
    buffer: bytes, start: int, end: int, number: int, most: int = sys.maxsize
) -> int:
    tag = number << 3 | _LENGTH
    count = 0
    position = start
    while position < end and count <= most:
        # The usual tag and a length of one or two bytes, inline: this runs once an item.
        if buffer[position] == tag and position + 2 < end:
            size = buffer[position + 1]
            if size < 0x80:
                position += 2 + size
                count += 1
                continue
            high = buffer[position + 2]
            if high < 0x80:
                position += 3 + (size & 0x7F) + (high << 7)
                count += 1
                continue
        field = _field(buffer, position, end)
        if field.number == number and field.payload >= 0:
            count += 1
        position = field.end
    if position > end:
        raise UndecodableRequest("a field reaches beyond its message")
    return count


def _field(buffer: bytes, start: int, end: int) -> WireField:
    tag, position = _varint(buffer, start, end)
    number, wire_type = tag >> 3, tag & 7
    payload = -1
    if wire_type == _LENGTH:
        size, payload = _varint(buffer, position, end)
        position = payload + size
    elif wire_type == _VARINT:
        _, position = _varint(buffer, position, end)
    elif wire_type == _FIXED64:
        position += 8
    elif wire_type == _FIXED32:
        position += 4
    elif wire_type == _GROUP_START:
        position = _group_end(buffer, position, end)
    else:
        raise UndecodableRequest(f"wire type {wire_type} starts no field")
    if position > end or number == 0:
        raise UndecodableRequest("a field reaches beyond its message")
    return WireField(number, start, payload, position)


def _group_end(buffer: bytes, start: int, end: int) -> int:
    """Skip a group (a form that only unknown fields can have), nested ones included."""
    depth = 1
    position = start
    while depth:
        tag, after_tag = _varint(buffer, position, end)
        wire_type = tag & 7
        if wire_type == _GROUP_START:
            depth += 1
            position = after_tag
        elif wire_type == _GROUP_END:
            depth -= 1
            position = after_tag
        else:
            position = _field(buffer, position, end).end
    return position


def _varint(buffer: bytes, start: int, end: int) -> tuple[int, int]:
    value = shift = 0
    for position in range(start, min(end, start + 10)):
        byte = buffer[position]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position + 1
        shift += 7
    raise UndecodableRequest("a number is cut off or longer than 10 bytes")
