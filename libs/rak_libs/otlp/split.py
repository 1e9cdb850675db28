"""Splitting a request that is too large for one broker message.

It works on the wire format, so unknown fields survive and every OTLP signal is split alike. A
metric's points go to several messages where they must, each with all that the metric says of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from rak_libs.otlp.errors import RequestTooLarge
from rak_libs.otlp.wire import Outline, child_fields, count_items, wire_fields

_MAX_HEADER_BYTES: Final = 11
"""A one-byte tag and a varint length."""

_MOST_REPEATED_BYTES: Final = 64 * 1024 * 1024
"""How much larger than the request all parts together may be: a resource of nearly the size of a
message would be repeated with every item."""


@dataclass(frozen=True, slots=True)
class RequestPart:
    """One serialized request of the same type with `items` of the original's items."""

    value: bytes
    items: int


@dataclass(slots=True)
class SplitRequest:
    """The parts of a request, in order, and how many items were too large for any part."""

    parts: list[RequestPart] = field(default_factory=list)
    rejected: int = 0


def split_request(body: bytes, max_bytes: int, outline: Outline) -> SplitRequest:
    """Split a serialized OTLP request into requests of at most `max_bytes` bytes each.

    It splits between resources, then between scopes, then between spans, metrics or records, and
    then between a metric's points; a part repeats the resource, scope and metric that its items
    belong to. The parts together hold every item that fits, in the original order; an item that
    does not fit with what it belongs to is counted as rejected. There is no part without an item:
    groups that hold none may be left out.

    Args:
        body: A serialized request.
        max_bytes: The most that a part may have.
        outline: The way from the request to its items.

    Raises:
        UndecodableRequest: The outline of the request is broken.
        RequestTooLarge: What the parts would repeat of it is too much.
    """
    split = SplitRequest()
    if len(body) <= max_bytes:
        split.parts.append(RequestPart(body, count_items(body, 0, len(body), outline)))
        return split
    left = len(body) + _MOST_REPEATED_BYTES
    for part in _parts(body, 0, len(body), outline, max_bytes, split):
        if part.items:
            split.parts.append(part)
            left -= len(part.value)
            if left < 0:
                raise RequestTooLarge("a resource, scope or metric is too large for its many items")
    return split


def _parts(
    buffer: bytes, start: int, end: int, outline: Outline, max_bytes: int, split: SplitRequest
) -> Iterator[RequestPart]:
    """Yield parts of the group in `buffer[start:end]`, from which `outline` leads to the items."""
    frame = b"".join(
        buffer[found.start : found.end]
        for found in wire_fields(buffer, start, end)
        if found.number not in outline[0] or found.payload < 0
    )
    chunks = [frame]
    size, items = len(frame), 0
    empty = True
    for piece in _pieces(buffer, start, end, outline, max_bytes - len(frame), split):
        if size + len(piece.value) > max_bytes and len(chunks) > 1:
            yield RequestPart(b"".join(chunks), items)
            chunks, size, items = [frame], len(frame), 0
        chunks.append(piece.value)
        size += len(piece.value)
        items += piece.items
        empty = False
    if not empty:
        yield RequestPart(b"".join(chunks), items)


def _pieces(
    buffer: bytes, start: int, end: int, outline: Outline, max_bytes: int, split: SplitRequest
) -> Iterator[RequestPart]:
    """Yield the group's children as encoded fields of at most `max_bytes`, split where needed."""
    numbers, *rest = outline
    inner = tuple(rest)
    for found in child_fields(buffer, start, end, numbers):
        if found.end - found.start <= max_bytes:
            inside = count_items(buffer, found.payload, found.end, inner) if inner else 1
            yield RequestPart(buffer[found.start : found.end], inside)
        elif not inner:
            split.rejected += 1
        else:
            limit = max_bytes - _MAX_HEADER_BYTES
            for part in _parts(buffer, found.payload, found.end, inner, limit, split):
                yield RequestPart(_length_delimited(found.number, part.value), part.items)


def _length_delimited(number: int, payload: bytes) -> bytes:
    header = bytearray([number << 3 | 2])
    size = len(payload)
    while size >= 0x80:
        header.append(size & 0x7F | 0x80)
        size >>= 7
    header.append(size)
    return bytes(header) + payload
