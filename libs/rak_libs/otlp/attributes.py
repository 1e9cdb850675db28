"""Attributes of one span, from the typed Maps of the spans table back to OTLP."""

from collections.abc import Mapping
from typing import Any

from rak_libs.otlp.typed_json import set_value, text_to_plain


def add_stored_attributes(attributes: Any, row: Mapping[str, Any]) -> None:
    """Append to a repeated KeyValue field what the five Map columns of a row hold.

    Args:
        attributes: The field to fill.
        row: `attributes_string`, `_int`, `_float`, `_bool` and `_json` (typed JSON text), each a
            mapping from key to value.

    Raises:
        ValueError: A text of `attributes_json` is not typed JSON.
    """
    for key, text in row["attributes_string"].items():
        attributes.add(key=key).value.string_value = text
    for key, number in row["attributes_int"].items():
        attributes.add(key=key).value.int_value = number
    for key, number in row["attributes_float"].items():
        attributes.add(key=key).value.double_value = number
    for key, flag in row["attributes_bool"].items():
        attributes.add(key=key).value.bool_value = bool(flag)
    for key, text in row["attributes_json"].items():
        value = attributes.add(key=key).value
        # Presence is kept for an absent value too: a key without a value is an attribute.
        value.SetInParent()
        set_value(value, text_to_plain(text))
