"""Series of metrics: what they are, their fingerprints, and those that were met before.

A series is a metric of one resource and scope with one set of attributes. Its fingerprint, 64 bits
of BLAKE2b, is made of a canonical text of all that, so that neither the order of attributes nor
that of the bytes changes it. The text must stay as it is: stored points carry the fingerprint.

Making a fingerprint from protobuf's objects takes some 20 us, finding it by the bytes that it was
made from 0.1 us. `SeriesMemo` keeps the bytes; what it holds changes no result.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics

from rak_libs.model.json_text import json_to_text
from rak_libs.model.metrics import METRIC_SERIES
from rak_libs.otlp.bare_metrics import BareMetricsRequest
from rak_libs.otlp.errors import UndecodableRequest
from rak_libs.otlp.promote import PromotedColumns
from rak_libs.otlp.read_attributes import FROM_OBJECTS
from rak_libs.otlp.resource_and_scope import (
    RESOURCE_COLUMNS,
    SCOPE_COLUMNS,
    resource_facts,
    scope_facts,
)
from rak_libs.otlp.typed_json import attributes_to_text
from rak_libs.otlp.wire import wire_fields

FINGERPRINT_BYTES: Final = 8

AttributeBytes = bytes | tuple[bytes, ...]
"""The attributes of a number point: the bytes that follow its start, time and value, or each
attribute as the bytes of a `KeyValue`."""

PROMOTED: Final = PromotedColumns(METRIC_SERIES.column_names)
"""The promoted columns of `metric_series`."""

_REMEMBERED_BYTES: Final = 64 * 2**20
_LONGEST_BYTES: Final = 2_048
_SERIES_BYTES: Final = 150
_METRIC_BYTES: Final = 1_000
_ORIGIN_BYTES: Final = 3_000
"""What a remembered series, metric and origin take beside their bytes."""

_ATTRIBUTES, _FLAGS = 0x3A, 0x40
"""Tags of a `NumberDataPoint` that the bytes of attributes alone may begin with."""

_BEFORE_ATTRIBUTES: Final = frozenset({2, 3, 4, 5, 6})
"""Fields of a `NumberDataPoint`: start, time, value as double, exemplars, value as integer."""


class Origin:
    """A resource and a scope, and the metrics that came from them.

    Attributes:
        facts: `service_name` and the columns of resource and scope.
        promoted: What the resource's attributes state for the promoted columns; '' for none.
        metrics: The known metrics by (name, unit, number of the type, of the temporality).
    """

    __slots__ = ("facts", "memo", "metrics", "promoted")

    def __init__(self, memo: "SeriesMemo", group: ResourceMetrics) -> None:
        """Read the resource and the only scope of a group."""
        self.memo = memo
        self.facts = {**resource_facts(group), **scope_facts(group.scope_metrics[0])}
        self.promoted = PROMOTED.of_set(FROM_OBJECTS.read_set(group.resource.attributes))
        self.metrics: dict[tuple[str, str, int, int], MetricIdentity] = {}

    def metric(self, name: str, unit: str, type_: int, temporality: int) -> "MetricIdentity":
        """Return a metric of this origin; type and temporality as numbers of the model's enums."""
        key = (name, unit, type_, temporality)
        metric = self.metrics.get(key)
        if metric is None:
            metric = self.metrics[key] = MetricIdentity(self, *key)
            self.memo.hold(_METRIC_BYTES + len(name))
        return metric


class MetricIdentity:
    """What all series of a metric have in common, and the fingerprints of those met before.

    Attributes:
        origin: Resource and scope.
        name: The metric's name.
        unit: Its unit.
        type: Number of `MetricType`.
        temporality: Number of `Temporality`.
        known: Fingerprints by the bytes of a point's attributes.
    """

    __slots__ = ("_state", "known", "name", "origin", "temporality", "type", "unit")

    def __init__(self, origin: Origin, name: str, unit: str, type_: int, temporality: int) -> None:
        self.origin = origin
        self.name = name
        self.unit = unit
        self.type = type_
        self.temporality = temporality
        self.known: dict[AttributeBytes, int] = {}
        columns = (origin.facts[column] for column in (*RESOURCE_COLUMNS, *SCOPE_COLUMNS))
        text = json_to_text([name, type_, temporality, unit, *columns])
        self._state = blake2b(text.encode(), digest_size=FINGERPRINT_BYTES)

    def fingerprint(self, attributes: tuple[bytes, ...]) -> int:
        """Return the fingerprint of a point's series.

        Args:
            attributes: Each as the bytes of a `KeyValue`.

        Raises:
            google.protobuf.message.DecodeError: The bytes are none.
        """
        known = self.known.get(attributes)
        return self._learn(attributes) if known is None else known

    def learn_rest(self, rest: bytes) -> int | None:
        """Return the fingerprint of a number point's series, which is not known yet.

        Args:
            rest: The point's bytes behind start, time and value.

        Returns:
            None when they hold more than attributes: the point has to be read field by field.

        Raises:
            google.protobuf.message.DecodeError: The bytes are none of a point.
        """
        if rest and rest[0] not in (_ATTRIBUTES, _FLAGS):
            return None
        (point,) = _gauge_of(rest).data_points
        if point.flags or not _only_attributes(rest):
            return None
        return self._learn(rest, point.attributes)

    def _learn(self, key: AttributeBytes, attributes: Iterable[KeyValue] | None = None) -> int:
        state = self._state.copy()
        text = attributes_to_text(read_series_attributes(key) if attributes is None else attributes)
        state.update(text.encode())
        fingerprint = int.from_bytes(state.digest(), "little")
        size = len(key) if isinstance(key, bytes) else sum(map(len, key))
        if size <= _LONGEST_BYTES:
            self.known[key] = fingerprint
            self.origin.memo.hold(_SERIES_BYTES + size)
        return fingerprint


class SeriesMemo:
    """Series that were met before, by the bytes that they came as.

    When there are too many, all are forgotten: those that come again are soon back, and those of
    processes that have ended are gone.
    """

    def __init__(self, most_bytes: int = _REMEMBERED_BYTES) -> None:
        """Hold series of at most about `most_bytes`."""
        self._most_bytes = most_bytes
        self._held = 0
        self._origins: dict[tuple[bytes, str, bytes, str], Origin] = {}

    def origin(self, resource: bytes, resource_url: str, scope: bytes, scope_url: str) -> Origin:
        """Return the origin of a scope's metrics.

        Args:
            resource: A serialized `Resource`.
            resource_url: The schema of the resource's group.
            scope: A serialized `InstrumentationScope`.
            scope_url: The schema of the scope's group.

        Raises:
            google.protobuf.message.DecodeError: The bytes are none of these.
        """
        key = (resource, resource_url, scope, scope_url)
        origin = self._origins.get(key)
        if origin is None:
            bare = BareMetricsRequest()
            group = bare.resource_metrics.add(resource=[resource], schema_url=resource_url)
            group.scope_metrics.add(scope=[scope], schema_url=scope_url)
            origin = Origin(self, _request_of(bare).resource_metrics[0])
            self.hold(_ORIGIN_BYTES + 2 * (len(resource) + len(scope)))
            self._origins[key] = origin
        return origin

    def hold(self, size: int) -> None:
        """Count bytes that are about to be held; forget everything when there are too many."""
        self._held += size
        if self._held > self._most_bytes:
            self.forget()
            self._held = size

    def forget(self) -> None:
        """Forget every series."""
        for origin in self._origins.values():
            for metric in origin.metrics.values():
                metric.known.clear()
            # Metrics name their origin: without this only the garbage collector would find them.
            origin.metrics.clear()
        self._origins.clear()
        self._held = 0


def read_series_attributes(serialized: AttributeBytes) -> list[KeyValue]:
    """Return the attributes that bytes hold, as they came.

    Raises:
        google.protobuf.message.DecodeError: The bytes are none.
    """
    if isinstance(serialized, bytes):
        return list(_gauge_of(serialized).data_points[0].attributes)
    bare = BareMetricsRequest()
    metric = bare.resource_metrics.add().scope_metrics.add().metrics.add()
    metric.histogram.data_points.add(attributes=serialized)
    read = _request_of(bare).resource_metrics[0].scope_metrics[0].metrics[0]
    return list(read.histogram.data_points[0].attributes)


def _only_attributes(rest: bytes) -> bool:
    """Tell whether the bytes of a point hold no time, value and exemplar, be it a second one."""
    try:
        numbers = {field.number for field in wire_fields(rest, 0, len(rest))}
    except UndecodableRequest:
        # Protobuf reads some unknown fields that the outline does not.
        return False
    return _BEFORE_ATTRIBUTES.isdisjoint(numbers)


def _gauge_of(point: bytes) -> Any:
    bare = BareMetricsRequest()
    metric = bare.resource_metrics.add().scope_metrics.add().metrics.add()
    metric.gauge.data_points.append(point)
    return _request_of(bare).resource_metrics[0].scope_metrics[0].metrics[0].gauge


def _request_of(bare: Any) -> ExportMetricsServiceRequest:
    # A whole request, so that what is nested too deep for one is refused.
    return ExportMetricsServiceRequest.FromString(bare.SerializeToString())
