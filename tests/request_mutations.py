"""What a hostile or broken client makes of a trace request before it sends it.

A mutation takes the bytes of a request, those of another one, and two numbers that say where and
how; it never fails and always gives the same. Some break the framing, and a receiver must refuse
them; others keep it and change what is inside, and what is then accepted must be storable.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from rak_libs.otlp.errors import UndecodableRequest
from rak_libs.otlp.wire import WireField, wire_fields

Mutation = Callable[[bytes, bytes, int, int], bytes]
"""From (request, another request, place, choice) to what is sent instead."""

_LARGEST_INSERTION: Final = 64
_DEPTHS: Final = (1, 5, 40, 90, 99, 100, 101, 5_000)


def flip(body: bytes, _other: bytes, place: int, choice: int) -> bytes:
    """Change one byte."""
    if not body:
        return bytes([choice % 256])
    place %= len(body)
    return body[:place] + bytes([body[place] ^ (1 + choice % 255)]) + body[place + 1 :]


def cut_off(body: bytes, _other: bytes, place: int, _choice: int) -> bytes:
    """Leave out everything from a place on."""
    return body[: place % (len(body) + 1)]


def take_out(body: bytes, _other: bytes, place: int, choice: int) -> bytes:
    """Leave out some bytes."""
    place %= len(body) + 1
    return body[:place] + body[place + 1 + choice % _LARGEST_INSERTION :]


def insert(body: bytes, _other: bytes, place: int, choice: int) -> bytes:
    """Insert up to eight bytes that are anything."""
    place %= len(body) + 1
    inserted = choice.to_bytes(8, "little")[: 1 + choice % 8]
    return body[:place] + inserted + body[place:]


def repeat(body: bytes, _other: bytes, place: int, choice: int) -> bytes:
    """Write some bytes twice."""
    place %= len(body) + 1
    end = place + 1 + choice % _LARGEST_INSERTION
    return body[:end] + body[place:]


def splice(body: bytes, other: bytes, place: int, choice: int) -> bytes:
    """Go on with another request somewhere inside it."""
    return body[: place % (len(body) + 1)] + other[choice % (len(other) + 1) :]


def concatenate(body: bytes, other: bytes, _place: int, _choice: int) -> bytes:
    """Put two requests after one another: in protobuf that is one request."""
    return body + other


BYTE_MUTATIONS: Final = (flip, cut_off, take_out, insert, repeat, splice, concatenate)
"""For bodies of any kind, compressed ones among them."""


def _varint(number: int) -> bytes:
    written = bytearray()
    while number >= 0x80:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*written, number])


def _fields(message: bytes) -> list[WireField]:
    try:
        return list(wire_fields(message, 0, len(message)))
    except UndecodableRequest:
        return []


def _in_some_message(body: bytes, place: int, change: Callable[[bytes, WireField], bytes]) -> bytes:
    """Apply a change to a field of some message of a request, the lengths around it put right.

    `change` gets the bytes of the message and the field. The place says which message and field:
    its digits in the numbers of fields lead inwards, until one leads to no message.
    """
    fields = _fields(body)
    if not fields:
        return body
    place, index = divmod(place, len(fields))
    field = fields[index]
    inside = body[field.payload : field.end]
    place, stay = divmod(place, 5)
    if field.payload < 0 or not stay or not _fields(inside):
        return change(body, field)
    changed = _in_some_message(inside, place, change)
    key_and_length = _varint(field.number << 3 | 2) + _varint(len(changed))
    return body[: field.start] + key_and_length + changed + body[field.end :]


def change_length(body: bytes, _other: bytes, place: int, choice: int) -> bytes:
    """Let a field claim another length, up to one that no memory holds."""
    lengths = (0, 1, 127, 2**14, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1, 2**70)

    def change(message: bytes, field: WireField) -> bytes:
        if field.payload < 0:
            return message
        claim = _varint(field.number << 3 | 2) + _varint(lengths[choice % len(lengths)])
        return message[: field.start] + claim + message[field.payload :]

    return _in_some_message(body, place, change)


def change_wire_type(body: bytes, _other: bytes, place: int, choice: int) -> bytes:
    """Give a field another wire type; 3 and 4 begin and end groups, 6 and 7 do not exist."""

    def change(message: bytes, field: WireField) -> bytes:
        changed = message[field.start] & ~7 | choice % 8
        return message[: field.start] + bytes([changed]) + message[field.start + 1 :]

    return _in_some_message(body, place, change)


def change_number(body: bytes, _other: bytes, place: int, choice: int) -> bytes:
    """Give a field another number: 0 is not allowed, most are unknown, some are of other types."""

    def change(message: bytes, field: WireField) -> bytes:
        changed = message[field.start] & 7 | (choice % 20) << 3
        end_of_key = field.start + len(_varint(field.number << 3))
        return message[: field.start] + _varint(changed) + message[end_of_key:]

    return _in_some_message(body, place, change)


def drop_field(body: bytes, _other: bytes, place: int, _choice: int) -> bytes:
    """Leave out a field."""
    return _in_some_message(body, place, lambda message, f: message[: f.start] + message[f.end :])


def repeat_field(body: bytes, _other: bytes, place: int, choice: int) -> bytes:
    """Write a field several times: the last of a scalar counts, messages are merged."""

    def change(message: bytes, field: WireField) -> bytes:
        copies = message[field.start : field.end] * (2 + choice % 3)
        return message[: field.start] + copies + message[field.end :]

    return _in_some_message(body, place, change)


def replace_content(body: bytes, other: bytes, place: int, choice: int) -> bytes:
    """Put other bytes into a field of a length: an id, a text, a message."""
    contents = (
        b"",
        bytes(8),
        bytes(16),
        b"\xff\xfe",
        b"\xed\xa0\x80",  # a lone surrogate, which is no UTF-8
        b"\xc0\x80",  # zero, written too long
        "a\0é😀".encode(),
        b"\xff" * 9 + b"\x01",
        b"\x0b" * 50 + b"\x0c" * 50,  # groups in groups
        other,
    )

    def change(message: bytes, field: WireField) -> bytes:
        content = contents[choice % len(contents)]
        key_and_length = _varint(field.number << 3 | 2) + _varint(len(content))
        return message[: field.start] + key_and_length + content + message[field.end :]

    return _in_some_message(body, place, change)


def add_deep_value(body: bytes, _other: bytes, place: int, choice: int) -> bytes:
    """Add a span whose attribute, or whose event's attribute, holds arrays or maps in one another.

    At a depth of about 100 parsers differ in what they still read.
    """
    value = _nested_value(_DEPTHS[choice % len(_DEPTHS)], in_maps=bool(place & 1))
    attribute = _length_delimited(1, b"deep") + _length_delimited(2, value)
    inside = ((9, 2, 2, 1), (3, 11, 2, 2, 1))[place >> 1 & 1]
    message = attribute
    for number in inside:
        message = _length_delimited(number, message)
    return body + message


def _nested_value(depth: int, *, in_maps: bool) -> bytes:
    value = b"\x18\x01"
    for _ in range(depth):
        if in_maps:
            value = _length_delimited(6, _length_delimited(1, _length_delimited(2, value)))
        else:
            value = _length_delimited(5, _length_delimited(1, value))
    return value


def _length_delimited(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


PROTOBUF_MUTATIONS: Final = (
    *BYTE_MUTATIONS,
    change_length,
    change_wire_type,
    change_number,
    drop_field,
    repeat_field,
    replace_content,
    add_deep_value,
)
"""For binary requests."""

# fmt: off
_JSON_TEXTS: Final = (
    "null", "true", "0", "-1", "1.0", "-0.0", "5e-324", "1e308", "1e999", "-1e999", "4294967296",
    "9223372036854775808", "18446744073709551616", "123456789012345678901234567890", "9" * 400,
    "9" * 5_000, "1" + "0" * 400 + ".0", "NaN", "-Infinity", "[]", "{}", "[{}]", "[null]", '""',
    '"NaN"', '"-Infinity"', '"1"', '"1e5"', '"1_000"', '" 1"', '"\uff11"', '"' + "9" * 5_000 + '"',
    '"\\ud800"', '"\\udfff\\ud800"', '"\\u0000"', '"\\ud83d\\ude00"', '"AQ=="', '"A"', '"abc"',
    '"5b8efff798038103d269b633813fc60c"', '"00000000000000000000000000000000"',
    '{"stringValue":"a","intValue":1}', '{"intValue":1e2}', '{"doubleValue":"Infinity"}',
    '{"bytesValue":"*"}', '{"kvlistValue":{"values":[{"key":"bytesValue"}]}}',
)
_TOKENS: Final = (
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u", b"\\ud800", b"\0", b"\xff", b"//",
    b"/*", b"'", b"NaN", b"1e", b"-", b"+1", b"01", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\n",
    b"null",
)
# fmt: on
_HOLE: Final = "the place of a text that no encoder would write"
_KEY: Final = re.compile(rb'"\w+":')


def _json_texts(choice: int) -> str:
    """One of the texts to put into JSON: of `_JSON_TEXTS`, or nested."""
    kinds = len(_JSON_TEXTS)
    deep = choice // kinds % len(_DEPTHS)
    if choice % 4:
        return _JSON_TEXTS[choice // 4 % kinds]
    left, right = (
        ("[", "]"),
        ('{"a":', "}"),
        ('{"arrayValue":{"values":[', "]}}"),
        ('{"kvlistValue":{"values":[{"key":"a","value":', "}]}}"),
    )[choice // 4 % 4]
    return left * _DEPTHS[deep] + "1" + right * _DEPTHS[deep]


def replace_json_value(body: bytes, _other: bytes, place: int, choice: int) -> bytes:
    """Put something else in the place of one value, wherever it is."""
    try:
        decoded = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return body
    changed = msgspec.json.encode(_with_hole(decoded, place))
    return changed.replace(f'"{_HOLE}"'.encode(), _json_texts(choice).encode())


def _with_hole(value: Any, place: int) -> Any:
    keys: Sequence[Any] = list(value) if isinstance(value, dict) else ()
    if isinstance(value, list):
        keys = range(len(value))
    if not keys:
        return _HOLE
    place, index = divmod(place, len(keys))
    place, stay = divmod(place, 6)
    key = keys[index]
    value[key] = _with_hole(value[key], place) if stay else _HOLE
    return value


def repeat_json_key(body: bytes, _other: bytes, place: int, choice: int) -> bytes:
    """Write a key twice in one object, with something else the first time."""
    keys = list(_KEY.finditer(body))
    if not keys:
        return body
    found = keys[place % len(keys)]
    first = found.group() + _json_texts(choice).encode() + b","
    return body[: found.start()] + first + body[found.start() :]


def insert_token(body: bytes, _other: bytes, place: int, choice: int) -> bytes:
    """Insert a piece of JSON, or of what some take for JSON."""
    place %= len(body) + 1
    return body[:place] + _TOKENS[choice % len(_TOKENS)] + body[place:]


JSON_MUTATIONS: Final = (
    *BYTE_MUTATIONS,
    replace_json_value,
    # Twice more, since the others mostly leave nothing that is still JSON.
    replace_json_value,
    replace_json_value,
    repeat_json_key,
    insert_token,
)
"""For requests in JSON."""
