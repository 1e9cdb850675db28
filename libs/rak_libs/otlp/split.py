"""Splitting a request that is too large for one broker message.

It works on the wire format, so unknown fields survive and every OTLP signal is split alike.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from rak_libs.otlp.wire import CHILD_FIELDS, count_items, wire_fields

_MAX_HEADER_BYTES: Final = 11
"""A one-byte tag and a varint length."""


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


def split_request(body: bytes, max_bytes: int) -> SplitRequest:
    """Split a serialized OTLP request into requests of at most `max_bytes` bytes each.

    It splits between resources, then between scopes, then between items; a part repeats the
    resource and scope its items belong to. The parts together hold every item that fits, in the
    original order; an item that does not fit with its resource and scope is counted as rejected.
    There is no part without an item: resources and scopes that hold none may be left out.

    Raises:
        UndecodableRequest: The outline of the request is broken.
    """
    split = SplitRequest()
    if len(body) <= max_bytes:
        split.parts.append(RequestPart(body, count_items(body, 0, len(body))))
    else:
        parts = _parts(body, 0, len(body), 0, max_bytes, split)
        split.parts.extend(part for part in parts if part.items)
    return split


def _parts(
    buffer: bytes, start: int, end: int, level: int, max_bytes: int, split: SplitRequest
) -> Iterator[RequestPart]:
    """Yield parts of the group in `buffer[start:end]`; `level` as in `count_items`."""
    frame = b"".join(
        buffer[found.start : found.end]
        for found in wire_fields(buffer, start, end)
        if found.number != CHILD_FIELDS[level] or found.payload < 0
    )
    chunks = [frame]
    size, items = len(frame), 0
    empty = True
    for piece in _pieces(buffer, start, end, level, max_bytes - len(frame), split):
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
    buffer: bytes, start: int, end: int, level: int, max_bytes: int, split: SplitRequest
) -> Iterator[RequestPart]:
    """Yield the group's children as encoded fields of at most `max_bytes`, split where needed."""
    number = CHILD_FIELDS[level]
    is_item = level == len(CHILD_FIELDS) - 1
    for found in wire_fields(buffer, start, end):
        if found.number != number or found.payload < 0:
            continue
        if found.end - found.start <= max_bytes:
            inside = 1 if is_item else count_items(buffer, found.payload, found.end, level + 1)
            yield RequestPart(buffer[found.start : found.end], inside)
        elif is_item:
            split.rejected += 1
        else:
            limit = max_bytes - _MAX_HEADER_BYTES
            for part in _parts(buffer, found.payload, found.end, level + 1, limit, split):
                yield RequestPart(_length_delimited(number, part.value), part.items)


def _length_delimited(number: int, payload: bytes) -> bytes:
    header = bytearray([number << 3 | 2])
    size = len(payload)
    while size >= 0x80:
        header.append(size & 0x7F | 0x80)
        size >>= 7
    header.append(size)
    return bytes(header) + payload
