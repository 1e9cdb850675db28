"""A metric's points may go to several messages; each says all that the metric said of them."""

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, NumberDataPoint, Sum

from metric_generation import hostile_metric_requests, points_of
from rak_libs.otlp.errors import RequestTooLarge, UndecodableRequest
from rak_libs.otlp.metrics import data_points
from rak_libs.otlp.split import split_request
from rak_libs.otlp.wire import POINTS_OF_METRICS, count_items, count_outline, outline_at_most

Placed = tuple[bytes, bytes, bytes, bytes]


def placed_points(request: ExportMetricsServiceRequest) -> list[Placed]:
    """Every point with everything that its resource, its scope and its metric say about it."""
    return [
        (
            frame(resource_metrics, "scope_metrics"),
            frame(scope_metrics, "metrics"),
            metric_frame(metric),
            point.SerializeToString(),
        )
        for resource_metrics in request.resource_metrics
        for scope_metrics in resource_metrics.scope_metrics
        for metric in scope_metrics.metrics
        for point in data_points(metric)
    ]


def frame(group: Message, children: str) -> bytes:
    copied = type(group)()
    copied.CopyFrom(group)
    copied.ClearField(children)
    return copied.SerializeToString(deterministic=True)


def metric_frame(metric: Metric) -> bytes:
    copied = Metric()
    copied.CopyFrom(metric)
    del data_points(copied)[:]
    return copied.SerializeToString(deterministic=True)


@given(hostile_metric_requests(), st.integers(0, 400))
def test_parts_put_together_are_the_request(
    request_: ExportMetricsServiceRequest, max_bytes: int
) -> None:
    body = request_.SerializeToString()
    split = split_request(body, max_bytes, POINTS_OF_METRICS)
    parts = [ExportMetricsServiceRequest.FromString(part.value) for part in split.parts]
    together = [placed for part in parts for placed in placed_points(part)]
    missing = placed_points(request_)
    for placed in together:
        while missing and missing[0] != placed:
            split.rejected -= 1
            missing.pop(0)
        assert missing, "a point that was not in the request, or out of order"
        missing.pop(0)
    assert split.rejected == len(missing)
    for part, parsed in zip(split.parts, parts, strict=True):
        assert len(part.value) <= max_bytes
        assert part.items == len(placed_points(parsed))
        assert part.items or part.value == body, "a part that holds nothing"


def test_points_of_one_metric_fill_parts_that_keep_what_it_says_of_them() -> None:
    points = [NumberDataPoint(time_unix_nano=number + 1, as_int=number) for number in range(10_000)]
    counter = Metric(name="requests", unit="1", description="How many.")
    counter.sum.CopyFrom(Sum(aggregation_temporality=1, is_monotonic=True, data_points=points))
    request = ExportMetricsServiceRequest()
    request.resource_metrics.add().scope_metrics.add().metrics.append(counter)
    body = request.SerializeToString()
    split = split_request(body, 20_000, POINTS_OF_METRICS)
    assert len(split.parts) == -(-len(body) // 20_000)
    metrics = [
        ExportMetricsServiceRequest.FromString(part.value)
        .resource_metrics[0]
        .scope_metrics[0]
        .metrics[0]
        for part in split.parts
    ]
    assert {(m.name, m.unit, m.description) for m in metrics} == {("requests", "1", "How many.")}
    assert {(m.sum.aggregation_temporality, m.sum.is_monotonic) for m in metrics} == {(1, True)}
    assert [point.as_int for m in metrics for point in m.sum.data_points] == list(range(10_000))


def test_only_the_point_that_fits_nowhere_is_rejected() -> None:
    long = NumberDataPoint()
    long.attributes.add(key="prompt").value.string_value = "x" * 1000
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add().scope_metrics.add()
    scope.metrics.add(name="m").gauge.data_points.extend([NumberDataPoint(flags=1), long])
    scope.metrics.add(name="n").gauge.data_points.add(flags=2)
    split = split_request(request.SerializeToString(), 100, POINTS_OF_METRICS)
    assert split.rejected == 1
    assert sum(part.items for part in split.parts) == 2


def test_of_two_kinds_of_data_the_last_counts_and_its_pieces_are_one() -> None:
    """As protobuf reads the members of a oneof."""
    points = [NumberDataPoint(flags=number + 1) for number in range(30)]
    gauge = Metric(gauge=Gauge(data_points=points)).SerializeToString()
    counter = Metric(sum=Sum(data_points=points)).SerializeToString()
    for metric, items in (
        (gauge + counter, 30),
        (counter + gauge + gauge, 60),
        (gauge + counter + gauge, 30),
    ):
        # The scope's and the resource's group are the last in the request: so is the metric.
        body = within(1, within(2, within(2, b"\x0a\x01m" + metric)))
        parsed = ExportMetricsServiceRequest.FromString(body)
        assert len(points_of(parsed)) == items
        assert count_items(body, 0, len(body), POINTS_OF_METRICS) == items
        split = split_request(body, 60, POINTS_OF_METRICS)
        found = [
            placed
            for part in split.parts
            for placed in placed_points(ExportMetricsServiceRequest.FromString(part.value))
        ]
        assert found == placed_points(parsed)
        assert sum(part.items for part in split.parts) == items


def within(number: int, content: bytes) -> bytes:
    size, length = len(content), bytearray()
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + content


def test_what_would_be_repeated_too_often_is_refused() -> None:
    """A metric as large as a message, with points for very many of them."""
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
    metric.description = "x" * 1_000_000
    metric.gauge.data_points.extend([NumberDataPoint(time_unix_nano=1)] * 10_000)
    with pytest.raises(RequestTooLarge, match="too large for its many items"):
        split_request(request.SerializeToString(), 1_000_100, POINTS_OF_METRICS)


@given(hostile_metric_requests())
def test_points_are_counted_without_parsing(request_: ExportMetricsServiceRequest) -> None:
    body = request_.SerializeToString()
    items = len(points_of(request_))
    assert count_items(body, 0, len(body), POINTS_OF_METRICS) == items
    scopes = [scope for group in request_.resource_metrics for scope in group.scope_metrics]
    metrics = [metric for scope in scopes for metric in scope.metrics]
    with_data = [metric for metric in metrics if metric.WhichOneof("data")]
    outline = sum(map(len, (request_.resource_metrics, scopes, metrics, with_data))) + items
    assert count_outline(body, POINTS_OF_METRICS, 10**9) == outline
    assert outline_at_most(body, POINTS_OF_METRICS) >= outline
    assert outline == 0 or count_outline(body, POINTS_OF_METRICS, outline - 1) == outline


@given(st.binary(max_size=100))
def test_arbitrary_bytes_are_counted_or_refused(body: bytes) -> None:
    """What protobuf parses is counted as it parses it."""
    try:
        counted = count_items(body, 0, len(body), POINTS_OF_METRICS)
    except UndecodableRequest:
        counted = None
    try:
        parsed = ExportMetricsServiceRequest.FromString(body)
    except Exception:  # noqa: BLE001 - whatever makes it no request
        return
    assert counted == len(points_of(parsed))
