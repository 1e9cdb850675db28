"""Typed JSON text: the grammar of its documentation, and no type lost."""

import math

import pytest
from hypothesis import given, settings
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from rak_libs.otlp.typed_json import (
    attributes_to_text,
    text_to_attributes,
    text_to_plain,
    text_to_value,
    value_to_plain_text,
    value_to_text,
)
from value_generation import attribute_lists, values


def of_map(**values: AnyValue) -> AnyValue:
    pairs = [KeyValue(key=key, value=value) for key, value in values.items()]
    return AnyValue(kvlist_value=KeyValueList(values=pairs))


ONE = AnyValue(int_value=1)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (AnyValue(string_value='é"\n'), '"é\\"\\n"'),
        (AnyValue(string_value=""), '""'),
        (AnyValue(int_value=-(2**63)), "-9223372036854775808"),
        (AnyValue(double_value=1.0), "1.0"),
        (AnyValue(double_value=-0.0), "-0.0"),
        (AnyValue(double_value=1e16), "1e16"),
        (AnyValue(double_value=math.nan), '{"doubleValue":"NaN"}'),
        (AnyValue(double_value=math.inf), '{"doubleValue":"Infinity"}'),
        (AnyValue(double_value=-math.inf), '{"doubleValue":"-Infinity"}'),
        (AnyValue(bool_value=False), "false"),
        (AnyValue(), "null"),
        (AnyValue(bytes_value=b"\x00\xff"), '{"bytesValue":"AP8="}'),
        (AnyValue(bytes_value=b""), '{"bytesValue":""}'),
        (AnyValue(array_value=ArrayValue(values=[ONE, AnyValue()])), "[1,null]"),
        (AnyValue(array_value=ArrayValue()), "[]"),
        (AnyValue(kvlist_value=KeyValueList()), "{}"),
        (of_map(b=ONE, a=ONE), '{"a":1,"b":1}'),
        (of_map(bytesValue=ONE), '{"kvlistValue":{"bytesValue":1}}'),
        (of_map(kvlistValue=ONE), '{"kvlistValue":{"kvlistValue":1}}'),
        (of_map(bytesValue=ONE, doubleValue=ONE), '{"bytesValue":1,"doubleValue":1}'),
    ],
)
def test_each_type_has_its_text(value: AnyValue, text: str) -> None:
    """The text is as documented, and gives the value back."""
    assert value_to_text(value) == text
    again = text_to_value(text)
    assert value_to_text(again) == text
    assert again.WhichOneof("value") == value.WhichOneof("value")


@settings(max_examples=200, deadline=None)
@given(values)
def test_text_is_stable(value: AnyValue) -> None:
    """Writing what was read writes the same."""
    text = value_to_text(value)
    assert value_to_text(text_to_value(text)) == text


@settings(max_examples=200, deadline=None)
@given(attribute_lists)
def test_sets_of_attributes_are_objects(attributes: list[KeyValue]) -> None:
    """The last of duplicate keys wins; order does not matter; the empty set is the empty text."""
    text = attributes_to_text(attributes)
    assert (text == "") == (not attributes)
    again = text_to_attributes(text)
    assert {attribute.key for attribute in again} == {attribute.key for attribute in attributes}
    assert attributes_to_text(reversed(again)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (AnyValue(string_value="plain"), "plain"),
        (AnyValue(int_value=5), "5"),
        (AnyValue(double_value=5), "5.0"),
        (AnyValue(bool_value=True), "true"),
        (AnyValue(), ""),
        (AnyValue(array_value=ArrayValue(values=[ONE])), "[1]"),
    ],
)
def test_plain_text_is_what_filters_compare_with(value: AnyValue, text: str) -> None:
    assert value_to_plain_text(value) == text


def test_texts_of_no_grammar_are_refused() -> None:
    for text in ("{", "nope", "[1"):
        with pytest.raises(ValueError, match="not typed JSON"):
            text_to_plain(text)
    with pytest.raises(ValueError, match="JSON object"):
        text_to_attributes("[1]")
    assert text_to_plain("") == {}
