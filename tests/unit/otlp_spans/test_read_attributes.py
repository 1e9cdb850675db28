"""An attribute read from its bytes is what protobuf reads, the first time and every other."""

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from otlp_generation import requests
from rak_libs.model.batch import new_batch
from rak_libs.model.json_text import text_to_json
from rak_libs.model.promoted_keys import SLOTS
from rak_libs.model.spans import SPANS
from rak_libs.model.time_window import TimeWindow
from rak_libs.otlp import decode_spans as decoder
from rak_libs.otlp.errors import UndecodableMessage
from rak_libs.otlp.read_attributes import (
    _REMEMBERED,
    FROM_OBJECTS,
    MAP_COLUMNS,
    REMEMBERING,
    AttributeReading,
    WayOfReading,
    _attributes,
    _read_any,
    _read_plain,
    read_attribute,
    set_text,
)
from rak_libs.otlp.typed_json import attributes_to_text
from value_generation import values

KEYS = st.text(max_size=130) | st.sampled_from(sorted(SLOTS))
NUMBERS = st.integers(-(2**63), 2**63 - 1).map(lambda number: AnyValue(int_value=number))
TEXTS = st.text(max_size=140).map(lambda text: AnyValue(string_value=text))
ATTRIBUTES = st.builds(KeyValue, key=KEYS, value=values | NUMBERS | TEXTS)


def same(left: object, right: object) -> bool:
    """Compare with NaN equal to itself, and 0.0 unlike -0.0 and 0."""
    return repr(left) == repr(right)


@given(ATTRIBUTES)
def test_the_short_way_reads_what_the_long_way_reads(attribute: KeyValue) -> None:
    serialized = attribute.SerializeToString()
    short = _read_plain(serialized)
    assert short is None or same(short, _read_any(serialized))


@given(st.binary(max_size=40) | ATTRIBUTES.map(lambda each: each.SerializeToString()), st.data())
def test_any_bytes_are_read_as_protobuf_reads_them_or_refused(
    serialized: bytes, data: st.DataObject
) -> None:
    """A byte changed anywhere changes nothing about that."""
    if serialized:
        place = data.draw(st.integers(0, len(serialized) - 1))
        changed = bytes([data.draw(st.integers(0, 255))])
        serialized = serialized[:place] + changed + serialized[place + 1 :]
    try:
        expected = _read_any(serialized)
    except DecodeError:
        with pytest.raises(DecodeError):
            read_attribute(serialized)
    else:
        assert same(read_attribute(serialized), expected)


def test_strings_and_counts_go_the_short_way() -> None:
    text = KeyValue(key="session_id", value=AnyValue(string_value="s-1")).SerializeToString()
    number = KeyValue(key="rows", value=AnyValue(int_value=300)).SerializeToString()
    assert _read_plain(text) is not None
    assert _read_plain(number) == (1, "rows", 300, 0, 0, 0)


@given(ATTRIBUTES)
def test_a_promoted_attribute_states_its_fact(attribute: KeyValue) -> None:
    index, key, value, position, fact, rank = read_attribute(attribute.SerializeToString())
    assert key == attribute.key
    if slot := SLOTS.get(key):
        assert (position, rank) == (slot.position, slot.rank)
        is_json = MAP_COLUMNS[index] == "attributes_json"
        assert fact == slot.read(text_to_json(value) if is_json else value)


def test_what_is_remembered_is_bounded() -> None:
    for number in range(_REMEMBERED + 10):
        read_attribute(KeyValue(key="n", value=AnyValue(int_value=number)).SerializeToString())
        assert len(_attributes) <= _REMEMBERED
    long = KeyValue(key="prompt", value=AnyValue(string_value="x" * 500)).SerializeToString()
    read_attribute(long)
    assert long not in _attributes


@given(st.lists(ATTRIBUTES, max_size=3))
def test_a_set_is_written_as_from_objects(attributes: list[KeyValue]) -> None:
    serialized = [attribute.SerializeToString() for attribute in attributes]
    assert set_text(serialized) == attributes_to_text(attributes)
    assert set_text(serialized) == attributes_to_text(attributes)


NOW_NS = 1_790_000_000 * 10**9
WINDOW = TimeWindow(0, 2**63 - 1)


class Always(AttributeReading):
    """Takes one way, whatever comes."""

    def __init__(self, way: WayOfReading) -> None:
        super().__init__()
        self._way = way

    def way(self) -> WayOfReading:
        return self._way


def decoded(value: bytes, way: WayOfReading) -> str:
    """Everything that is decoded of a message, or its error, as text (NaN equals itself there)."""
    batch = new_batch(SPANS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoder, "_reading", Always(way))
        try:
            rejected = decoder.decode_spans(value, 7, WINDOW, batch)
        except UndecodableMessage as error:
            return repr(error)
    return repr((batch, rejected))


@given(requests(NOW_NS))
def test_both_ways_give_the_same_rows(request_: ExportTraceServiceRequest) -> None:
    value = request_.SerializeToString()
    assert decoded(value, REMEMBERING) == decoded(value, FROM_OBJECTS)


@pytest.mark.parametrize("in_event", [False, True])
def test_both_ways_refuse_the_same_depth(in_event: bool) -> None:
    """Nesting counts from the request, however an attribute is read."""
    answers = []
    for depth in range(25, 60):
        request = ExportTraceServiceRequest()
        span = (
            request.resource_spans.add()
            .scope_spans.add()
            .spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, start_time_unix_nano=NOW_NS)
        )
        value = (span.events.add() if in_event else span).attributes.add(key="deep").value
        for _ in range(depth):
            value = value.array_value.values.add()
        serialized = request.SerializeToString()
        assert decoded(serialized, REMEMBERING) == decoded(serialized, FROM_OBJECTS)
        answers.append("UndecodableMessage" in decoded(serialized, REMEMBERING))
    assert set(answers) == {False, True}


def test_new_attributes_are_read_from_objects_until_it_is_tried_again() -> None:
    reading = AttributeReading()
    reading.note(REMEMBERING, 8_000, 8_000)
    assert reading.way() is REMEMBERING
    reading.note(REMEMBERING, 200, 200)
    assert reading.way() is FROM_OBJECTS
    reading.note(FROM_OBJECTS, 131_000, 0)
    assert reading.way() is FROM_OBJECTS
    reading.note(FROM_OBJECTS, 72, 0)
    assert reading.way() is REMEMBERING


def test_attributes_that_come_again_are_remembered() -> None:
    reading = AttributeReading()
    for _ in range(20):
        reading.note(REMEMBERING, 10_000, 3_900)
    assert reading.way() is REMEMBERING
