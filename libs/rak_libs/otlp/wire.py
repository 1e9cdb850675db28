"""The protobuf wire format of OTLP requests, read without building messages.

Every OTLP request has the same outline: field 1 repeats the resource's group, field 2 of that
repeats the scope's group, field 2 of that repeats spans, metrics or log records. A metric has its
points one message deeper, in a field that says of which kind they are. See
https://protobuf.dev/programming-guides/encoding/ for tags, varints and wire types.
"""

import sys
from collections.abc import Iterator
from typing import Final, NamedTuple

from rak_libs.otlp.errors import UndecodableRequest

Outline = tuple[frozenset[int], ...]
"""Field numbers on the way from a request to its items, level by level. Where a level has several,
they are members of one oneof."""

ITEMS_OF_SCOPES: Final[Outline] = (frozenset({1}), frozenset({2}), frozenset({2}))
"""The way to spans and log records."""

POINTS_OF_METRICS: Final[Outline] = (
    *ITEMS_OF_SCOPES,
    frozenset({5, 7, 9, 10, 11}),
    frozenset({1}),
)
"""The way to data points, whatever their kind."""

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


def child_fields(buffer: bytes, start: int, end: int, numbers: frozenset[int]) -> list[WireField]:
    """Return the fields of a message that are its children on the way to the items.

    Of the members of a oneof only the last that came has a value; what came of others before is no
    child. Pieces of the same member make one value.

    Raises:
        UndecodableRequest: The bytes are not a sequence of fields.
    """
    found: list[WireField] = []
    for field in wire_fields(buffer, start, end):
        if field.number in numbers and field.payload >= 0:
            if found and found[-1].number != field.number:
                found.clear()
            found.append(field)
    return found


def outline_at_most(buffer: bytes, outline: Outline) -> int:
    """Return an upper bound of what `count_outline` would count, in 1 ms a MiB.

    No field starts without the byte of its tag (or, needlessly long, that byte with its high bit).
    """
    tags = [number << 3 | _LENGTH for numbers in outline for number in numbers]
    others = buffer.translate(None, bytes([*tags, *(tag | 0x80 for tag in tags)]))
    return len(buffer) - len(others)


def count_outline(buffer: bytes, outline: Outline, most: int) -> int:
    """Count the groups and the items of a request together; stops soon after `most`.

    Raises:
        UndecodableRequest: The outline of the request is broken.
    """
    count = 0
    groups = [(0, len(buffer))]
    for level, numbers in enumerate(outline, start=1):
        for start, end in groups:
            count += _count_children(buffer, start, end, numbers, most - count)
            if count > most:
                return count
        if level < len(outline):
            groups = [
                (field.payload, field.end)
                for start, end in groups
                for field in child_fields(buffer, start, end, numbers)
            ]
    return count


def count_items(buffer: bytes, start: int, end: int, outline: Outline) -> int:
    """Count the items of a request, or of a part of it, by skipping from tag to tag.

    Args:
        buffer: Holds the message in `buffer[start:end]`.
        start: Where the message starts.
        end: One past its last byte.
        outline: The way from the message to its items.

    Raises:
        UndecodableRequest: The outline of the message is broken.
    """
    numbers, *rest = outline
    if not rest:
        return _count_children(buffer, start, end, numbers)
    return sum(
        count_items(buffer, field.payload, field.end, tuple(rest))
        for field in child_fields(buffer, start, end, numbers)
    )


def _count_children(
    buffer: bytes, start: int, end: int, numbers: frozenset[int], most: int = sys.maxsize
) -> int:
    if len(numbers) > 1:
        return len(child_fields(buffer, start, end, numbers))
    (number,) = numbers
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
