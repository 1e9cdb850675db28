import math
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otlp_generation import hostile_requests
from rak_libs.otlp.errors import UndecodableRequest
from rak_libs.otlp.otlp_json import request_from_json, request_to_json

# The example of https://github.com/open-telemetry/opentelemetry-proto/blob/main/examples/trace.json
SPECIFICATION_EXAMPLE = b"""
{"resourceSpans": [{
  "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}]},
  "scopeSpans": [{
    "scope": {"name": "my.library", "version": "1.0.0", "attributes": [
      {"key": "my.scope.attribute", "value": {"stringValue": "some scope attribute"}}]},
    "spans": [{
      "traceId": "5B8EFFF798038103D269B633813FC60C",
      "spanId": "EEE19B7EC3C1B174",
      "parentSpanId": "EEE19B7EC3C1B173",
      "name": "I'm a server span",
      "startTimeUnixNano": "1544712660000000000",
      "endTimeUnixNano": "1544712661000000000",
      "kind": 2,
      "attributes": [{"key": "my.span.attr", "value": {"stringValue": "some value"}}]
    }]}]}]}
"""


def read_span(**fields: Any) -> Span:
    body = msgspec.json.encode({"resourceSpans": [{"scopeSpans": [{"spans": [fields]}]}]})
    request = request_from_json(body, ExportTraceServiceRequest)
    return request.resource_spans[0].scope_spans[0].spans[0]


def read_value(**fields: Any) -> AnyValue:
    return read_span(attributes=[{"key": "k", "value": fields}]).attributes[0].value


def test_the_example_of_the_specification_is_read() -> None:
    request = request_from_json(SPECIFICATION_EXAMPLE, ExportTraceServiceRequest)
    span = request.resource_spans[0].scope_spans[0].spans[0]
    assert span.trace_id.hex() == "5b8efff798038103d269b633813fc60c"
    assert span.span_id.hex() == "eee19b7ec3c1b174"
    assert span.parent_span_id.hex() == "eee19b7ec3c1b173"
    assert span.start_time_unix_nano == 1544712660000000000
    assert span.kind == Span.SPAN_KIND_SERVER
    assert request.resource_spans[0].scope_spans[0].scope.name == "my.library"


@given(hostile_requests())
def test_what_is_written_is_read_back_equal(request_: ExportTraceServiceRequest) -> None:
    written = request_to_json(request_)
    assert request_from_json(written, ExportTraceServiceRequest) == request_


def test_json_is_written_as_the_specification_asks() -> None:
    span = Span(
        trace_id=b"\xab" * 16,
        span_id=b"\xcd" * 8,
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=2**64 - 1,
        status=Status(code=Status.STATUS_CODE_ERROR),
        attributes=[
            KeyValue(key="int", value=AnyValue(int_value=-5)),
            KeyValue(key="zero", value=AnyValue(int_value=0)),
            KeyValue(key="bytes", value=AnyValue(bytes_value=b"\xff\xfe")),
            KeyValue(key="nan", value=AnyValue(double_value=math.nan)),
            KeyValue(key="inf", value=AnyValue(double_value=-math.inf)),
            KeyValue(key="empty", value=AnyValue()),
        ],
        flags=3,
    )
    assert msgspec.json.decode(request_to_json(span)) == {
        "traceId": "ab" * 16,
        "spanId": "cd" * 8,
        "kind": 3,
        "startTimeUnixNano": "18446744073709551615",
        "status": {"code": 2},
        "attributes": [
            {"key": "int", "value": {"intValue": "-5"}},
            {"key": "zero", "value": {"intValue": "0"}},
            {"key": "bytes", "value": {"bytesValue": "//4="}},
            {"key": "nan", "value": {"doubleValue": "NaN"}},
            {"key": "inf", "value": {"doubleValue": "-Infinity"}},
            {"key": "empty", "value": {}},
        ],
        "flags": 3,
    }


def test_a_response_is_written_with_its_count_as_a_string() -> None:
    response = ExportTraceServiceResponse()
    assert request_to_json(response) == b"{}"
    response.partial_success.rejected_spans = 3
    assert request_to_json(response) == b'{"partialSuccess":{"rejectedSpans":"3"}}'


@pytest.mark.parametrize("value", ["-9007199254740993", -9007199254740993])
def test_64_bit_integers_come_as_strings_or_numbers(value: object) -> None:
    assert read_value(intValue=value).int_value == -9007199254740993


def test_numbers_with_an_empty_fraction_are_integers() -> None:
    assert read_value(intValue=3.0).int_value == 3


@pytest.mark.parametrize("value", [1500, "1500", 1500.0, "1500.0", "1.5e3", "15E+2"])
def test_integers_come_in_every_form_that_protobuf_allows(value: object) -> None:
    """https://protobuf.dev/programming-guides/json/: exponents too, quoted and unquoted."""
    assert read_span(startTimeUnixNano=value).start_time_unix_nano == 1500


@pytest.mark.parametrize(
    "value",
    [1.5, "1.5", "1e400", "1e-3", "-1", "+1", " 1", "", "0x10", True, "18446744073709551616"],
)
def test_what_is_no_integer_of_its_range_is_refused(value: object) -> None:
    with pytest.raises(UndecodableRequest, match="startTimeUnixNano"):
        read_span(startTimeUnixNano=value)


@pytest.mark.parametrize("kind", ["SPAN_KIND_SERVER", "2"])
def test_enums_are_integers_only(kind: str) -> None:
    with pytest.raises(UndecodableRequest, match="kind: expected the enum's integer"):
        read_span(kind=kind)


def named(text: bytes) -> bytes:
    return b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"' + text + b'"}]}]}]}'


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (rb"\ud83d\ude00", "\U0001f600"),
        (rb"cut \ud83d", "cut \ufffd"),
        (rb"\ude00\ud83d", "\ufffd\ufffd"),
        (rb"\\ud83d", "\\ud83d"),
        (b'a","name":"b', "b"),
    ],
)
def test_what_javascript_writes_is_read_as_text(text: bytes, name: str) -> None:
    request = request_from_json(named(text), ExportTraceServiceRequest)
    assert request.resource_spans[0].scope_spans[0].spans[0].name == name
    ExportTraceServiceRequest.FromString(request.SerializeToString())


def test_a_byte_order_mark_is_forgiven() -> None:
    body = b"\xef\xbb\xbf" + SPECIFICATION_EXAMPLE
    assert request_from_json(body, ExportTraceServiceRequest).resource_spans


@pytest.mark.parametrize("text", [b"\xff", b"\xed\xa0\x80", b"\n", rb"\u12"])
def test_what_is_no_text_is_refused(text: bytes) -> None:
    with pytest.raises(UndecodableRequest, match="not JSON"):
        request_from_json(named(text), ExportTraceServiceRequest)


def test_doubles_come_as_numbers_or_as_names_of_what_json_lacks() -> None:
    assert read_value(doubleValue=1).double_value == 1.0
    assert read_value(doubleValue="1.5e3").double_value == 1500.0
    assert read_value(doubleValue="-Infinity").double_value == -math.inf
    assert math.isnan(read_value(doubleValue="NaN").double_value)


@pytest.mark.parametrize("text", ["//79", "__79", "//79==="])
def test_bytes_are_base64_of_either_alphabet(text: str) -> None:
    assert read_value(bytesValue=text).bytes_value == b"\xff\xfe\xfd"


def test_unknown_keys_and_nulls_are_ignored() -> None:
    span = read_span(name=None, notAField={"traceId": 5}, traceState="s", links=None)
    assert span == Span(trace_state="s")


def test_snake_case_keys_are_unknown() -> None:
    assert read_span(trace_id="5b8efff798038103d269b633813fc60c") == Span()


def test_an_empty_value_is_present() -> None:
    attribute = read_span(attributes=[{"key": "k", "value": {}}]).attributes[0]
    assert attribute.HasField("value")
    assert attribute.value.WhichOneof("value") is None


def test_ids_of_a_wrong_length_pass_to_be_judged_one_by_one() -> None:
    assert read_span(traceId="abcd", spanId="").trace_id == b"\xab\xcd"


SPAN = "resourceSpans[0].scopeSpans[0].spans[0]"


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"traceId": "5b8efff798038103d269b633813fc60g"}, "traceId"),
        ({"traceId": "5b8"}, "traceId"),
        ({"traceId": "5b 8e"}, "traceId"),
        ({"traceId": 5}, "traceId"),
        ({"links": [{}, {"spanId": "x"}]}, "links[1].spanId"),
        ({"kind": "SPAN_KIND_SERVER"}, "kind"),
        ({"kind": True}, "kind"),
        ({"kind": 2**31}, "kind"),
        ({"name": 5}, "name"),
        ({"startTimeUnixNano": "-1"}, "startTimeUnixNano"),
        ({"startTimeUnixNano": "18446744073709551616"}, "startTimeUnixNano"),
        ({"startTimeUnixNano": "1_000"}, "startTimeUnixNano"),
        ({"startTimeUnixNano": " 1"}, "startTimeUnixNano"),
        ({"startTimeUnixNano": 1.5}, "startTimeUnixNano"),
        ({"flags": 2**32}, "flags"),
        ({"attributes": {}}, "attributes"),
        ({"attributes": [None]}, "attributes[0]"),
        ({"attributes": [{"value": {"intValue": True}}]}, "attributes[0].value.intValue"),
        ({"attributes": [{"value": {"boolValue": 1}}]}, "attributes[0].value.boolValue"),
        ({"attributes": [{"value": {"doubleValue": "x"}}]}, "attributes[0].value.doubleValue"),
        ({"attributes": [{"value": {"bytesValue": "*"}}]}, "attributes[0].value.bytesValue"),
        ({"attributes": [{"value": {"intValue": 1, "boolValue": True}}]}, "attributes[0].value"),
        ({"status": []}, "status"),
    ],
)
def test_a_wrong_value_is_refused_with_its_path(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(UndecodableRequest) as caught:
        read_span(**fields)
    assert caught.value.field == f"{SPAN}.{path}"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"5", b"null", b'"x"', b"\xff", b'{"resourceSpans": NaN}', b"{}{}", b"'"],
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(UndecodableRequest):
        request_from_json(body, ExportTraceServiceRequest)


def nested(depth: int) -> bytes:
    value = b'{"arrayValue":{"values":[' * depth + b'{"intValue":1}' + b"]}}" * depth
    return (
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"k","value":%b}]}]}]}]}'
        % value
    )


@pytest.mark.parametrize("depth", [1, 30, 47])
def test_what_is_accepted_is_not_nested_deeper_than_consumers_can_read(depth: int) -> None:
    request = request_from_json(nested(depth), ExportTraceServiceRequest)
    assert ExportTraceServiceRequest.FromString(request.SerializeToString()) == request


@pytest.mark.parametrize("depth", [48, 100, 5_000, 100_000])
def test_deeper_nesting_is_refused(depth: int) -> None:
    with pytest.raises(UndecodableRequest, match="nested too deeply"):
        request_from_json(nested(depth), ExportTraceServiceRequest)


# fmt: off
KEYS = [
    "traceId", "spans", "name", "kind", "value", "key", "values", "status", "attributes", "links",
    "arrayValue", "kvlistValue", "intValue", "doubleValue", "bytesValue", "stringValue", "code",
    "boolValue", "endTimeUnixNano", "flags",
]
# fmt: on

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(anything)
@example({"name": "\ud800"})
def test_any_json_under_any_key_is_read_or_refused(value: Any) -> None:
    """No other error leaves the reader, and what it accepts can be published and read."""
    try:
        text = msgspec.json.encode({"spans": [value]})
    except UnicodeEncodeError:
        text = b'{"spans":[{"name":"\\ud800"}]}'
    body = b'{"resourceSpans":[{"scopeSpans":[%b]}]}' % text
    try:
        request = request_from_json(body, ExportTraceServiceRequest)
    except UndecodableRequest:
        return
    ExportTraceServiceRequest.FromString(request.SerializeToString())


@given(st.binary(max_size=100))
def test_arbitrary_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        request_from_json(body, ExportTraceServiceRequest)
    except UndecodableRequest:
        return
    assert body.lstrip().startswith(b"{")
