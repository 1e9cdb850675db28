"""Lossless JSON text for OTLP attribute values.

Plain JSON loses types: 1 and 1.0, bytes, NaN. The text stored in `attributes_json`,
`resource_attributes`, `events.attributes` and their like follows this grammar, so that the value
that an agent sent can be rebuilt from it:

| OTLP value | text |
|---|---|
| string, bool | JSON string, `true`, `false` |
| int | JSON integer, up to 64 bits |
| double | JSON number, always with a fraction or an exponent |
| double NaN, Infinity, -Infinity | `{"doubleValue":"NaN"}`, `"Infinity"`, `"-Infinity"` |
| no value | `null` |
| bytes | `{"bytesValue":"<base64>"}` |
| array | JSON array |
| map | JSON object, the last of duplicate keys wins |
| map of one key, `bytesValue`, `doubleValue` or `kvlistValue` | `{"kvlistValue":{…}}` |

A set of attributes is one JSON object; an empty set is the empty text. The escapes are named
after the fields of `AnyValue` (opentelemetry-proto, common/v1/common.proto).
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue, KeyValueList

from rak_libs.model.attribute_facts import text_of
from rak_libs.model.json_text import double_to_json, json_to_text, text_to_json

_ESCAPES: Final = frozenset({"bytesValue", "doubleValue", "kvlistValue"})


def _escaped(values: dict[str, Any]) -> dict[str, Any]:
    if len(values) == 1 and not _ESCAPES.isdisjoint(values):
        return {"kvlistValue": values}
    return values


def value_to_json(value: AnyValue) -> Any:
    """Return what `value_to_text` writes, as JSON values (dict, list, str, int, float, bool)."""
    kind = value.WhichOneof("value")
    # Absent, or an index into a dictionary that only profiles have.
    if kind is None or kind not in _CONVERSIONS:
        return None
    return _CONVERSIONS[kind](value)


def attributes_to_json(attributes: Iterable[KeyValue]) -> dict[str, Any]:
    """Return the values of a set of attributes by key; the last of duplicate keys wins."""
    return {attribute.key: value_to_json(attribute.value) for attribute in attributes}


_CONVERSIONS: Final[dict[str, Callable[[AnyValue], Any]]] = {
    "string_value": lambda value: value.string_value,
    "bool_value": lambda value: value.bool_value,
    "int_value": lambda value: value.int_value,
    "double_value": lambda value: double_to_json(value.double_value),
    "array_value": lambda value: [value_to_json(item) for item in value.array_value.values],
    "kvlist_value": lambda value: _escaped(attributes_to_json(value.kvlist_value.values)),
    "bytes_value": lambda value: {"bytesValue": b64encode(value.bytes_value).decode("ascii")},
}


def value_to_text(value: AnyValue) -> str:
    """Write one value."""
    return json_to_text(value_to_json(value))


def value_to_plain_text(value: AnyValue) -> str:
    """Write one value for a text column: a string as it is, anything else as `value_to_text`.

    This is the canonical text that filters such as `attr.<key>=<text>` compare with; an absent
    value is the empty text.
    """
    return text_of(value_to_json(value))


def attributes_to_text(attributes: Iterable[KeyValue]) -> str:
    """Write a set of attributes; the empty set is ''."""
    values = attributes_to_json(attributes)
    return json_to_text(values) if values else ""


def _set_object(value: AnyValue, json: Mapping[str, Any]) -> None:
    if len(json) == 1:
        ((key, content),) = json.items()
        if key == "bytesValue":
            value.bytes_value = b64decode(content, validate=True)
            return
        if key == "doubleValue":
            value.double_value = float(content)
            return
        if key == "kvlistValue":
            json = content
    value.kvlist_value.SetInParent()
    set_attributes(value.kvlist_value.values, json)


def set_value(value: AnyValue, json: Any) -> None:
    """Fill an empty value from what `value_to_json` returned."""
    if isinstance(json, str):
        value.string_value = json
    elif isinstance(json, bool):
        value.bool_value = json
    elif isinstance(json, int):
        value.int_value = json
    elif isinstance(json, float):
        value.double_value = json
    elif isinstance(json, list):
        value.array_value.SetInParent()
        for element in json:
            set_value(value.array_value.values.add(), element)
    elif isinstance(json, dict):
        _set_object(value, json)


def set_attributes(attributes: Any, json: Mapping[str, Any]) -> None:
    """Append to a repeated KeyValue field what `attributes_to_json` returned."""
    for key, content in json.items():
        attribute = attributes.add()
        attribute.key = key
        # Presence is kept for an absent value too: a key without a value is an attribute.
        attribute.value.SetInParent()
        set_value(attribute.value, content)


def text_to_value(text: str) -> AnyValue:
    """Rebuild the value that `value_to_text` wrote.

    Raises:
        ValueError: The text is not of this grammar.
    """
    value = AnyValue()
    set_value(value, text_to_plain(text))
    return value


def text_to_attributes(text: str) -> list[KeyValue]:
    """Rebuild the attributes that `attributes_to_text` wrote.

    Raises:
        ValueError: The text is not of this grammar.
    """
    holder = KeyValueList()
    try:
        set_attributes(holder.values, text_to_plain(text))
    except AttributeError as error:
        raise ValueError(f"a set of attributes is a JSON object, not {text[:40]}") from error
    return list(holder.values)


def text_to_plain(text: str) -> Any:
    """Parse a text for a JSON answer; '' is the empty set.

    The escapes for bytes, non-finite doubles and look-alike maps stay in place: an answer is
    JSON too and would lose the same types.

    Raises:
        ValueError: The text is not JSON.
    """
    return text_to_json(text) if text else {}
