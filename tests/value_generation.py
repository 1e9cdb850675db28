"""The parts that all OTLP signals share: any value, attributes, resources and scopes.

And what must survive of them: the `canonical_…` functions leave out what nobody is promised, the
order of attributes, all but the last of duplicate keys, and the bits of NaN in attributes.
"""

import math
import struct
from collections.abc import Callable, Iterable
from typing import Any

from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    EntityRef,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

texts = st.one_of(st.just(""), st.text(max_size=12), st.sampled_from(["\0", "a\0b", "é😀", '"\\']))
# Names that mean something somewhere: promoted keys, the escapes of stored text.
keys = st.one_of(
    texts,
    st.sampled_from(
        [
            "service.name",
            "session_id",
            "session.id",
            "gen_ai.conversation.id",
            "gen_ai.operation.name",
            "openinference.span.kind",
            "gen_ai.request.model",
            "gen_ai.response.model",
            "gen_ai.response.finish_reasons",
            "gen_ai.response.time_to_first_chunk",
            "gen_ai.usage.input_tokens",
            "token_count",
            "bytesValue",
            "doubleValue",
            "kvlistValue",
        ]
    ),
)
uint32s = st.one_of(st.sampled_from([0, 1, 2**32 - 1]), st.integers(0, 2**32 - 1))
uint64s = st.one_of(st.sampled_from([0, 1, 2**63 - 1, 2**63, 2**64 - 1]), st.integers(0, 2**64 - 1))
int64s = st.one_of(
    st.sampled_from([0, -1, 2**53 + 1, 2**63 - 1, -(2**63)]), st.integers(-(2**63), 2**63 - 1)
)
# One NaN stands for all: nobody is promised its bits, and messages are compared by them.
doubles = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 1e16, 5e-324, math.inf, -math.inf, math.nan]),
    st.floats(allow_nan=False),
)
_scalars = st.one_of(
    st.builds(AnyValue),
    st.builds(AnyValue, string_value=texts),
    st.builds(AnyValue, bool_value=st.booleans()),
    st.builds(AnyValue, int_value=int64s),
    st.builds(AnyValue, double_value=doubles),
    st.builds(AnyValue, bytes_value=st.binary(max_size=8)),
)


def _attribute(values: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[KeyValue]:
    return st.builds(KeyValue, key=keys, value=values)


def _containers(values: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[AnyValue]:
    arrays = st.builds(ArrayValue, values=st.lists(values, max_size=3))
    maps = st.builds(KeyValueList, values=st.lists(_attribute(values), max_size=3))
    return st.one_of(
        st.builds(AnyValue, array_value=arrays), st.builds(AnyValue, kvlist_value=maps)
    )


values: st.SearchStrategy[AnyValue] = st.recursive(_scalars, _containers, max_leaves=6)
"""Any attribute value."""

attribute_lists = st.lists(st.one_of(_attribute(values), st.builds(KeyValue, key=keys)), max_size=5)
"""Attributes as they come: any order, keys repeated, values absent."""

trace_ids = st.binary(min_size=16, max_size=16).filter(any)
span_ids = st.binary(min_size=8, max_size=8).filter(any)
scopes = st.builds(
    InstrumentationScope,
    name=texts,
    version=texts,
    attributes=attribute_lists,
    dropped_attributes_count=uint32s,
)
entity_refs = st.builds(
    EntityRef,
    schema_url=texts,
    type=texts,
    id_keys=st.lists(texts, max_size=2),
    description_keys=st.lists(texts, max_size=2),
)
resources = st.builds(
    Resource,
    attributes=attribute_lists,
    dropped_attributes_count=uint32s,
    entity_refs=st.lists(entity_refs, max_size=2),
)


def canonical_resource(group: Any) -> tuple[Any, ...]:
    """What a resource's group of any signal says, but for what is in it."""
    references = [
        (ref.schema_url, ref.type, tuple(ref.id_keys), tuple(ref.description_keys))
        for ref in group.resource.entity_refs
    ]
    return (
        canonical_attributes(group.resource.attributes),
        group.resource.dropped_attributes_count,
        references,
        group.schema_url,
    )


def canonical_scope(group: Any) -> tuple[Any, ...]:
    """What a scope's group of any signal says, but for what is in it."""
    scope = group.scope
    return (
        scope.name,
        scope.version,
        canonical_attributes(scope.attributes),
        scope.dropped_attributes_count,
        group.schema_url,
    )


def canonical_attributes(attributes: Iterable[KeyValue]) -> list[tuple[str, Any]]:
    """Attributes in the order of their keys, the last of duplicate keys alone."""
    by_key = {attribute.key: canonical_value(attribute.value) for attribute in attributes}
    return sorted(by_key.items())


def _double(number: float) -> Any:
    return "NaN" if math.isnan(number) else struct.pack("<d", number)


_CANONICAL: dict[str, Callable[[Any], Any]] = {
    "double_value": _double,
    "array_value": lambda array: [canonical_value(element) for element in array.values],
    "kvlist_value": lambda pairs: canonical_attributes(pairs.values),
}


def canonical_value(value: AnyValue) -> tuple[str, Any]:
    """A value with its type; one that is equal to itself, also for NaN."""
    kind = value.WhichOneof("value")
    if kind is None:
        return ("empty", None)
    content = getattr(value, kind)
    return (kind, _CANONICAL[kind](content) if kind in _CANONICAL else content)
