"""Attributes of items and events, read in one of two ways that give the same.

From the bytes of each, remembering what was read before: a third of the cost of protobuf's objects
for an attribute that comes again, twice their cost for one that does not. Or from the objects. Most
agents repeat themselves; `AttributeReading` looks at what comes and takes the cheaper way.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from sys import intern
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from rak_libs.model.attribute_facts import count_of_number
from rak_libs.model.json_text import text_to_json
from rak_libs.model.promoted_keys import SLOTS
from rak_libs.otlp.bare_request import BareTraceRequest
from rak_libs.otlp.typed_json import attributes_to_text, value_to_text

MAP_COLUMNS: Final = (
    "attributes_string",
    "attributes_int",
    "attributes_float",
    "attributes_bool",
    "attributes_json",
)
"""The Map columns of attributes; `ReadAttribute` names one by its index here."""

_STRING, _INT, _FLOAT, _BOOL, _JSON = range(len(MAP_COLUMNS))

ReadAttribute = tuple[int, str, Any, int, Any, int]
"""An attribute as the columns take it: (index of its Map, key, value, position of the fact among
`FACTS`, what it states: '' or 0 for nothing, rank of its spelling among those of the fact).
Position, fact and rank are 0 for a key that is not promoted."""

_REMEMBERED: Final = 32_768
_REMEMBERED_BYTES: Final = 96
"""How many attributes are remembered, and up to which size (not prompts). When there are too many,
all are forgotten: those that come again are soon back, and ids of the past are gone."""

_attributes: dict[bytes, ReadAttribute] = {}
_texts: dict[tuple[bytes, ...], str] = {}

_known_attribute: Final = _attributes.get


class _Count:
    """How many attributes were read anew since the process started."""

    value = 0


def read_attribute(serialized: bytes) -> ReadAttribute:
    """Read one serialized `KeyValue`, and remember it if it may come again.

    Raises:
        google.protobuf.message.DecodeError: The bytes are none.
    """
    _Count.value += 1
    read = _read_plain(serialized) or _read_any(serialized)
    if len(serialized) <= _REMEMBERED_BYTES:
        if len(_attributes) >= _REMEMBERED:
            _attributes.clear()
        _attributes[serialized] = read
    return read


_KEY, _VALUE, _STRING_VALUE, _INT_VALUE = 0x0A, 0x12, 0x0A, 0x18
_ONE_BYTE, _SHORTEST = 0x80, 6


def _read_plain(serialized: bytes) -> ReadAttribute | None:
    """Read a short string or a count as every SDK writes it; None for anything else.

    That is key, then value, each once and shorter than 128 bytes (protobuf encoding, "message
    structure"): twice as fast as through protobuf's objects.
    """
    start = _content_start(serialized)
    if not start:
        return None
    size, kind = len(serialized), serialized[start - 1]
    try:
        key = intern(str(serialized[2 : start - 3], "utf-8"))
        slot = SLOTS.get(key)
        if kind == _STRING_VALUE and serialized[start] == size - start - 1:
            text = str(serialized[start + 1 :], "utf-8")
            if slot is None:
                return (_STRING, key, text, 0, 0, 0)
            fact = text if slot.as_it_is else slot.read(text)
            return (_STRING, key, text, slot.position, fact, slot.rank)
    except UnicodeDecodeError:
        return None
    number = _whole_number(serialized, start, size) if kind == _INT_VALUE else None
    if number is None or slot is None:
        return None if number is None else (_INT, key, number, 0, 0, 0)
    # Nearly always; twice as fast as through `read`.
    fact = count_of_number(number) if slot.is_count else slot.read(number)
    return (_INT, key, number, slot.position, fact, slot.rank)


def _content_start(serialized: bytes) -> int:
    """Return where the content of a plain attribute starts, behind its type; 0 if it is not plain.

    Plain: key field, one byte of length, key, value field, one byte of length, type, content.
    """
    size = len(serialized)
    if size < _SHORTEST or serialized[0] != _KEY or serialized[1] >= _ONE_BYTE:
        return 0
    start = serialized[1] + 5
    left = size - start + 1
    plain = 1 < left < _ONE_BYTE and serialized[start - 3] == _VALUE
    return start if plain and serialized[start - 2] == left else 0


def _whole_number(serialized: bytes, start: int, end: int) -> int | None:
    """Return the varint that fills the bytes from `start` to `end`; None if it is negative."""
    number = 0
    for place, byte in enumerate(serialized[start:end]):
        number |= (byte & 0x7F) << 7 * place
        if byte < _ONE_BYTE:
            return number if start + place + 1 == end and place < 9 else None
    return None


def _read_any(serialized: bytes) -> ReadAttribute:
    attribute = KeyValue.FromString(serialized)
    read = _read_object(intern(attribute.key), attribute.value)
    if read[0] == _JSON:
        # Nested too deep for a request is too deep here, where the nesting starts later.
        bare = BareTraceRequest()
        bare.resource_spans.add().scope_spans.add().spans.add().attributes.append(serialized)
        ExportTraceServiceRequest.FromString(bare.SerializeToString())
    return read


def _read_object(key: str, value: AnyValue) -> ReadAttribute:
    index, content = _typed(value)
    slot = SLOTS.get(key)
    if slot is None:
        return (index, key, content, 0, 0, 0)
    fact = slot.read(text_to_json(content) if index == _JSON else content)
    return (index, key, content, slot.position, fact, slot.rank)


def _typed(value: AnyValue) -> tuple[int, Any]:
    """Return the Map that takes a value, and the value as it goes in there."""
    # Truth first: WhichOneof costs twice what a field does.
    if text := value.string_value:
        return _STRING, text
    kind = value.WhichOneof("value")
    if kind in _PLAIN:
        return _PLAIN[kind], getattr(value, kind)
    return _JSON, value_to_text(value)


_PLAIN: Final = {
    "string_value": _STRING,
    "int_value": _INT,
    "double_value": _FLOAT,
    "bool_value": _BOOL,
}


def set_text(serialized: Sequence[bytes]) -> str:
    """Write a set of attributes, each a serialized `KeyValue`, as `attributes_to_text` does.

    Raises:
        google.protobuf.message.DecodeError: The bytes are none.
    """
    if not serialized:
        return ""
    key = tuple(serialized)
    text = _texts.get(key)
    if text is None:
        text = attributes_to_text(_event_attributes(key))
        if sum(map(len, key)) <= _REMEMBERED_BYTES:
            if len(_texts) >= _REMEMBERED:
                _texts.clear()
            _texts[key] = text
    return text


def _event_attributes(serialized: Iterable[bytes]) -> Iterable[KeyValue]:
    # Within a request, so that what is nested too deep for one is refused.
    bare = BareTraceRequest()
    span = bare.resource_spans.add().scope_spans.add().spans.add()
    span.events.add().attributes.extend(serialized)
    request = ExportTraceServiceRequest.FromString(bare.SerializeToString())
    return request.resource_spans[0].scope_spans[0].spans[0].events[0].attributes


def _remembered_set(serialized: Iterable[bytes]) -> Collection[ReadAttribute]:
    # Through a dict, since the last of duplicate keys wins.
    return {
        (read := _known_attribute(each) or read_attribute(each))[1]: read for each in serialized
    }.values()


def _object_set(attributes: Iterable[KeyValue]) -> Collection[ReadAttribute]:
    values = {attribute.key: attribute.value for attribute in attributes}
    return [_read_object(intern(key), value) for key, value in values.items()]


@dataclass(frozen=True, slots=True)
class WayOfReading:
    """How attributes are read.

    Attributes:
        read_set: The attributes of an item, the last of duplicate keys alone: each the bytes of a
            `KeyValue`, or a `KeyValue`.
        set_text: The attributes of an event, the same, as typed JSON text.
    """

    read_set: Callable[[Any], Collection[ReadAttribute]]
    set_text: Callable[[Any], str]


REMEMBERING: Final = WayOfReading(_remembered_set, set_text)
"""From bytes, as `rak_libs.otlp.bare_request` leaves them."""
FROM_OBJECTS: Final = WayOfReading(_object_set, attributes_to_text)
"""From protobuf's objects."""

_JUDGED_AFTER: Final = 8_192
_FROM_OBJECTS_FOR: Final = 131_072
_NEW_SHARE: Final = 0.4
"""After so many attributes read by remembering, more than this share of them new: so many are read
from objects before it is tried again. At 0.4 the two ways cost the same."""


class AttributeReading:
    """Chooses the way for each message by the attributes of those before; rows do not differ."""

    def __init__(self) -> None:
        self._seen = 0
        self._new = 0
        self._from_objects = 0

    def way(self) -> WayOfReading:
        """Return the way to read the next message."""
        return FROM_OBJECTS if self._from_objects > 0 else REMEMBERING

    def note(self, way: WayOfReading, attributes: int, new: int) -> None:
        """Learn how many attributes a message had, and how many of them had to be read anew."""
        if way is FROM_OBJECTS:
            self._from_objects -= attributes
            return
        self._seen += attributes
        self._new += new
        if self._seen >= _JUDGED_AFTER:
            if self._new > self._seen * _NEW_SHARE:
                self._from_objects = _FROM_OBJECTS_FOR
            self._seen = self._new = 0


def read_anew() -> int:
    """Return how many attributes were read from their bytes so far, not remembered."""
    return _Count.value
