"""A stored span is read anew as the writer reads it."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from rak_libs.model.batch import new_batch
from rak_libs.model.operations import NAMING, OPERATION_SPELLINGS, SENDING, SPAN_NAMES
from rak_libs.model.promoted_keys import FACTS, PROMOTED_KEYS
from rak_libs.model.renormalise import facts_of
from rak_libs.model.spans import SPANS
from rak_libs.model.time_window import TimeWindow
from rak_libs.otlp.decode_spans import decode_spans
from rak_libs.otlp.read_attributes import MAP_COLUMNS
from span_rows import rows_of
from value_generation import values

STORED = sorted(set(FACTS) & set(SPANS.column_names))

operations = st.sampled_from([value for each in OPERATION_SPELLINGS for value in each.operations])
numbers = st.sampled_from(
    ["1", "0.25", "1e3", "-4", "99999999999999999999", "nan", '["stop"]', "["]
)
words = st.sampled_from(["", "a", "b", "b/a", "long" * 300])
promoted_values = st.one_of(
    st.builds(AnyValue, string_value=st.one_of(words, numbers, operations)),
    st.builds(AnyValue, int_value=st.integers(-3, 2**63 - 1)),
    st.builds(AnyValue, double_value=st.floats()),
    values,
)
attributes = st.builds(KeyValue, key=st.sampled_from(sorted(PROMOTED_KEYS)), value=promoted_values)
span_names = st.one_of(
    st.sampled_from(sorted(SPAN_NAMES)),
    st.builds(
        "{}{} {}".format,
        st.sampled_from(["", SENDING]),
        st.sampled_from(sorted(NAMING)),
        st.sampled_from(["", "x", "[y] 1", "z" * 1_200]),
    ),
    st.text(max_size=8),
)
spans = st.builds(
    Span,
    trace_id=st.just(b"t" * 16),
    span_id=st.just(b"s" * 8),
    start_time_unix_nano=st.just(1),
    name=span_names,
    attributes=st.lists(attributes, max_size=8),
)


def stored_rows(spans: list[Span]) -> list[dict[str, Any]]:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add(spans=spans)
    batch = new_batch(SPANS)
    assert decode_spans(request.SerializeToString(), 0, TimeWindow(0, 2**63 - 1), batch) == []
    return rows_of(batch)


@given(st.lists(spans, min_size=1, max_size=3))
def test_every_promoted_column_is_the_same(spans: list[Span]) -> None:
    for row in stored_rows(spans):
        maps = {name: row[name] for name in MAP_COLUMNS}
        assert facts_of(maps, row["span_name"]) == {name: row[name] for name in STORED}


@given(st.lists(st.builds(KeyValue, key=st.text(max_size=3), value=values), max_size=3), spans)
def test_other_attributes_need_not_be_read(others: list[KeyValue], span: Span) -> None:
    span.attributes.extend(others)
    (row,) = stored_rows([span])
    promoted = {
        name: {key: value for key, value in row[name].items() if key in PROMOTED_KEYS}
        for name in MAP_COLUMNS
    }
    assert facts_of(promoted, row["span_name"]) == facts_of(
        {name: row[name] for name in MAP_COLUMNS}, row["span_name"]
    )
