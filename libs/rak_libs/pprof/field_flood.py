"""Floods of nearly empty fields in a profile, found out before anything is made of them.

A limit on bytes bounds no memory: an empty message is two bytes on the wire and becomes an object
of up to a hundred; 15 MiB of empty mappings would take 1.5 GiB.
"""

from typing import Final

from rak_libs.pprof.errors import ProfileTooLarge, UndecodableProfile

MAX_FIELDS: Final = 1_000_000
"""Samples, mappings, locations, functions and texts of a profile together."""
MAX_SAMPLE_TYPES: Final = 64
MAX_MAPPINGS: Final = 65_536
MAX_MESSAGE_BYTES: Final = 256 * 1024
"""Of a sample, a location or a function; 4,096 frames of the longest ids take 40 KiB."""

_SMALL_BYTES: Final = 1024 * 1024
"""Up to this size fields can be counted when they have been read."""
_SAMPLE: Final = 2
_COMMENT: Final = 13
_MOST: Final = {
    1: (MAX_SAMPLE_TYPES, "sample types"),
    3: (MAX_MAPPINGS, "mappings"),
    _COMMENT: (65_536, "comments"),
}
"""By field number."""
_MESSAGES: Final = {_SAMPLE: "sample", 4: "location", 5: "function"}
_VARINT, _FIXED64, _LENGTH, _, _, _FIXED32 = range(6)


def limit_fields(content: bytes, max_samples: int) -> None:
    """Refuse a profile of more fields, or larger ones, than any has; some 0.3 s for a million.

    Args:
        content: A serialized `Profile`; what is not one in another way passes.
        max_samples: How many samples are taken.

    Raises:
        ProfileTooLarge: It has too many, or one that is too large.
        UndecodableProfile: It has groups, which no profile has.
    """
    if len(content) <= _SMALL_BYTES:
        return
    counts = dict.fromkeys(_MOST, 0)
    samples = fields = position = 0
    size = len(content)
    while position < size:
        fields += 1
        if fields > MAX_FIELDS:
            raise ProfileTooLarge(
                f"the profile has more than {MAX_FIELDS} samples, mappings, locations, functions "
                "and texts together"
            )
        try:
            number, payload, position = _field(content, position)
        except IndexError:
            return  # cut off: protobuf says so
        if number == _SAMPLE:
            samples += 1
            if samples > max_samples:
                raise ProfileTooLarge(f"the profile has more than {max_samples} samples")
        if number in counts:
            counts[number] += position - payload if number == _COMMENT else 1
        elif position - payload > MAX_MESSAGE_BYTES and number in _MESSAGES:
            raise ProfileTooLarge(
                f"a {_MESSAGES[number]} has {position - payload} bytes; "
                f"at most {MAX_MESSAGE_BYTES} are taken"
            )
    for number, (most, name) in _MOST.items():
        if counts[number] > most:
            raise ProfileTooLarge(f"the profile has more than {most} {name}")


def _field(content: bytes, start: int) -> tuple[int, int, int]:
    """Return a field's number, where what it holds begins, and where it ends."""
    tag, position = content[start], start + 1
    if tag >= 0x80:
        tag, position = _varint(content, start)
    kind = tag & 7
    if kind == _LENGTH:
        length, position = _varint(content, position)
        return tag >> 3, position, position + length
    if kind == _VARINT:
        return tag >> 3, position, _varint(content, position)[1]
    if kind == _FIXED64:
        return tag >> 3, position, position + 8
    if kind == _FIXED32:
        return tag >> 3, position, position + 4
    raise UndecodableProfile("the profile has groups; expected a serialized pprof Profile")


def _varint(content: bytes, position: int) -> tuple[int, int]:
    byte = content[position]
    if byte < 0x80:
        return byte, position + 1
    value, shift = byte & 0x7F, 7
    while byte >= 0x80:
        position += 1
        byte = content[position]
        value |= (byte & 0x7F) << shift
        shift += 7
    return value, position + 1
