"""Data points as columns: values, times, series, rejection."""

import struct
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Exemplar,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    SummaryDataPoint,
)

from metric_generation import hostile_metric_requests, is_bad, points_of
from rak_libs.model.metrics import METRIC_TABLES, STALE_NAN_BITS, MetricType, ValueType
from rak_libs.model.time_window import DAY_NS
from rak_libs.otlp.decode_metrics import MessageWithoutDataPoints, decode_metrics
from rak_libs.otlp.errors import UndecodableMessage
from rak_libs.otlp.rebuild_metrics import rebuild_metrics
from request_mutations import PROTOBUF_MUTATIONS, Mutation
from request_mutations import _length_delimited as wrapped
from span_rows import rows_of
from unit.otlp_metrics.small_requests import (
    NOW_NS,
    WINDOW,
    attribute,
    counter,
    decoded,
    empty_batches,
    histogram,
    number,
    request_of,
    sample_of,
)

EXACT = 2**53


def bits(value: float) -> int:
    (number_of_bits,) = struct.unpack("<Q", struct.pack("<d", value))
    assert isinstance(number_of_bits, int)
    return number_of_bits


def every_kind() -> bytes:
    """Return a request with a metric of each kind."""
    gauge = Metric(name="gauge")
    gauge.gauge.data_points.append(
        number(exemplars=[Exemplar(time_unix_nano=NOW_NS, as_double=1.5, trace_id=b"t" * 16)])
    )
    up_down = Metric(name="up_down")
    up_down.sum.data_points.append(number())
    of_bounds = Metric(name="histogram")
    of_bounds.histogram.data_points.append(
        histogram(explicit_bounds=[1, 2], bucket_counts=[0, 1, 0], sum=1.5)
    )
    exponential = Metric(name="exponential")
    exponential.exponential_histogram.data_points.add(time_unix_nano=NOW_NS, count=1, scale=3)
    summary = Metric(name="summary")
    summary.summary.data_points.add(time_unix_nano=NOW_NS, count=1).quantile_values.add(
        quantile=0.5, value=7
    )
    return request_of(counter(number()), gauge, up_down, of_bounds, exponential, summary)


def test_every_column_of_every_table_is_filled() -> None:
    """Decoded batches have the tables' columns, in their order, all as long as each other."""
    tables = decoded(every_kind())
    for table in METRIC_TABLES:
        assert tables[table.name], table.name
        for row in tables[table.name]:
            assert tuple(row) == table.column_names
            assert row["seen_at" if table.name == "metric_series" else "ingested_at"] == 123


def test_a_metric_s_kind_is_its_series_type() -> None:
    """A sum that may fall is another type than one that only grows."""
    types = {
        row["metric_name"]: row["metric_type"] for row in decoded(every_kind())["metric_series"]
    }
    assert types == {
        "requests": MetricType.COUNTER,
        "gauge": MetricType.GAUGE,
        "up_down": MetricType.UP_DOWN_COUNTER,
        "histogram": MetricType.HISTOGRAM,
        "exponential": MetricType.EXPONENTIAL_HISTOGRAM,
        "summary": MetricType.SUMMARY,
    }


@pytest.mark.parametrize(
    "sent", [0, 1, -1, EXACT, EXACT + 1, -EXACT - 1, 2**62 + 3, 2**63 - 1, -(2**63)]
)
def test_integers_keep_all_their_digits(sent: int) -> None:
    row = sample_of(request_of(counter(number(as_int=sent))))
    assert int(row["value"]) + row["value_remainder"] == sent
    assert row["value_type"] == ValueType.INT
    if abs(sent) <= EXACT:
        assert row["value_remainder"] == 0


@pytest.mark.parametrize("flags", [1, 3])
@pytest.mark.parametrize("value", [{"as_int": 7}, {"as_double": 7.5}, {}])
def test_a_point_that_says_it_has_no_value_is_stale(flags: int, value: dict[str, Any]) -> None:
    """Whatever number came with it."""
    point = NumberDataPoint(time_unix_nano=NOW_NS, flags=flags, **value)
    row = sample_of(request_of(counter(point)))
    assert (bits(row["value"]), row["value_type"]) == (STALE_NAN_BITS, ValueType.NONE)
    assert (row["flags"], row["value_remainder"]) == (flags, 0)


def test_a_point_without_a_number_is_stale_too() -> None:
    row = sample_of(request_of(counter(NumberDataPoint(time_unix_nano=NOW_NS))))
    assert (bits(row["value"]), row["value_type"]) == (STALE_NAN_BITS, ValueType.NONE)


def fields_in_order(point: NumberDataPoint, order: list[int]) -> bytes:
    """Serialize start (0), time (1), value (2) and attributes (3) in an order of one's own."""
    only = [NumberDataPoint() for _ in range(4)]
    only[0].start_time_unix_nano = point.start_time_unix_nano
    only[1].time_unix_nano = point.time_unix_nano
    only[2].as_double = point.as_double
    only[3].attributes.extend(point.attributes)
    return b"".join(only[place].SerializeToString() for place in order)


def with_point_bytes(point: bytes, member: int = 5) -> bytes:
    """Return a request with one point, which may be any bytes, of a gauge or another kind."""
    metric = wrapped(1, b"measured") + wrapped(member, wrapped(1, point))
    return wrapped(1, wrapped(2, wrapped(2, metric)))


@given(st.permutations(range(4)))
def test_the_order_of_a_point_s_fields_changes_nothing(order: list[int]) -> None:
    """Nor does a field that comes twice: the last one counts."""
    point = number(as_double=2.5, start_time_unix_nano=5, attributes=[attribute("a", "b")])
    plain = decoded(with_point_bytes(fields_in_order(point, [0, 1, 2, 3])))
    assert decoded(with_point_bytes(fields_in_order(point, order))) == plain
    before = number(as_double=9.5, start_time_unix_nano=6, time_unix_nano=NOW_NS - 1)
    twice = before.SerializeToString() + fields_in_order(point, order)
    assert decoded(with_point_bytes(twice)) == plain


def test_a_resource_that_comes_in_parts_is_one() -> None:
    """Protobuf merges a message that comes twice; attributes of both parts are kept."""
    requests = [request_of(resource={"service.name": "svc"}), request_of(resource={"host": "h"})]
    parts = [ExportMetricsServiceRequest.FromString(value) for value in requests]
    resources = b"".join(
        bytes([0x0A, part.resource_metrics[0].resource.ByteSize()])
        + part.resource_metrics[0].resource.SerializeToString()
        for part in parts
    )
    scopes = ExportMetricsServiceRequest.FromString(request_of(counter(number())))
    scopes.resource_metrics[0].ClearField("resource")
    group = resources + scopes.resource_metrics[0].SerializeToString()
    value = bytes([0x0A, len(group)]) + group
    (series,) = decoded(value)["metric_series"]
    assert series["service_name"] == "svc"
    assert series["resource_attributes"] == '{"host":"h","service.name":"svc"}'


def test_a_start_keeps_its_64_bits() -> None:
    rows = decoded(
        request_of(
            counter(
                number(start_time_unix_nano=2**64 - 1), number(), number(start_time_unix_nano=5)
            )
        )
    )["metric_samples"]
    assert [row["start_timestamp"] for row in rows] == [-1, 0, 5]


def test_what_a_histogram_lacks_is_null() -> None:
    metric = Metric(name="latency")
    metric.histogram.data_points.extend([histogram(), histogram(sum=0, min=-0.0, max=2)])
    absent, present = decoded(request_of(metric))["metric_histograms"]
    assert [absent[name] for name in ("sum", "min", "max")] == [None, None, None]
    assert [present[name] for name in ("sum", "min", "max")] == [0, 0, 2]
    assert (absent["explicit_bounds"], absent["bucket_counts"]) == ([], [])


def test_exemplars_are_rows_of_their_own() -> None:
    """In their order, with the point's series and time; ids that are none are absent."""
    exemplars = [
        Exemplar(time_unix_nano=1, as_int=2**63 - 1, trace_id=b"t" * 16, span_id=b"s" * 8),
        Exemplar(time_unix_nano=2**63, trace_id=bytes(16), span_id=bytes(8)),
        Exemplar(as_double=0.5, trace_id=b"t", span_id=b"s" * 9),
    ]
    exemplars[2].filtered_attributes.append(attribute("user.id", "u-1"))
    of_number = decoded(request_of(counter(number(exemplars=exemplars, flags=2))))
    metric = Metric(name="latency")
    metric.histogram.data_points.append(histogram(exemplars=exemplars, flags=2))
    of_histogram = decoded(request_of(metric))
    for tables, table in ((of_number, "metric_samples"), (of_histogram, "metric_histograms")):
        (point,) = tables[table]
        rows = tables["metric_exemplars"]
        for name in ("metric_name", "fingerprint", "timestamp", "flags"):
            assert [row[name] for row in rows] == [point[name]] * 3
        assert [row["position"] for row in rows] == [0, 1, 2]
        assert [row["exemplar_timestamp"] for row in rows] == [1, -(2**63), 0]
        assert [row["trace_id"] for row in rows] == ["74" * 16, "", ""]
        assert [row["span_id"] for row in rows] == ["73" * 8, "", ""]
        assert [row["value_type"] for row in rows] == [2, 0, 1]
        assert (rows[0]["value_remainder"], rows[2]["value"]) == (-1, 0.5)
        assert bits(rows[1]["value"]) == STALE_NAN_BITS
        assert [row["attributes"] for row in rows] == ["", "", '{"user.id":"u-1"}']


def test_a_series_is_written_when_it_is_asked_for() -> None:
    """The question is put once for each series and day of a message."""
    yesterday = NOW_NS - DAY_NS
    points = [
        number(time_unix_nano=time, attributes=[attribute("tool", tool)])
        for time in (NOW_NS, yesterday, NOW_NS)
        for tool in ("search", "fetch")
    ]
    asked: list[tuple[int, int]] = []

    def only_the_second(fingerprint: int, day: int) -> bool:
        asked.append((fingerprint, day))
        return len(asked) == 2

    batches = empty_batches()
    decode_metrics(request_of(counter(*points)), 5, WINDOW, batches, only_the_second)
    samples = rows_of(batches["metric_samples"])
    today = NOW_NS // DAY_NS
    assert asked == [
        *((row["fingerprint"], today) for row in samples[:2]),
        *((row["fingerprint"], today - 1) for row in samples[:2]),
    ]
    (series,) = rows_of(batches["metric_series"])
    assert (series["fingerprint"], series["day"]) == asked[1]
    assert (series["labels"], series["seen_at"]) == ({"tool": "fetch"}, 5)


Point = NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint | SummaryDataPoint


@pytest.mark.parametrize(
    ("kind", "fields", "reason"),
    [
        ("gauge", {"time_unix_nano": 0}, "time_zero"),
        ("sum", {"time_unix_nano": 2**63}, "time_overflow"),
        ("gauge", {"time_unix_nano": NOW_NS + DAY_NS}, "time_future"),
        ("summary", {"time_unix_nano": NOW_NS - 91 * DAY_NS}, "time_expired"),
        ("histogram", {"explicit_bounds": [1.0]}, "bucket_counts"),
        ("histogram", {"explicit_bounds": [2, 1], "bucket_counts": [1] * 3}, "explicit_bounds"),
        ("histogram", {"count": 2**64 - 1}, "negative_count"),
        ("exponential_histogram", {"scale": 21}, "scale"),
        ("summary", {"quantile_values": [{"quantile": 1.5}]}, "quantile"),
    ],
)
def test_bad_points_are_separated_from_their_neighbours(
    kind: str, fields: dict[str, Any], reason: str
) -> None:
    """They come back by reason, whole and with their resource; the others are stored."""
    metric = Metric(name="measured")
    points: Any = getattr(metric, kind).data_points
    for number_of_point in range(4):
        bad = fields if number_of_point % 2 else {}
        points.add(**{"time_unix_nano": NOW_NS, "start_time_unix_nano": number_of_point, **bad})
    batches = empty_batches()
    asked: list[int] = []
    (rejected,) = decode_metrics(
        request_of(metric, counter(number())),
        0,
        WINDOW,
        batches,
        lambda fingerprint, _day: asked.append(fingerprint) is None,
    )
    assert (rejected.reason, rejected.count) == (reason, 2)
    stored = {name: rows_of(batch) for name, batch in batches.items()}
    rebuilt = rebuild_metrics(stored)
    starts = [p.start_time_unix_nano for m, p in points_of(rebuilt) if m.name == "measured"]
    assert starts[:1] in ([0], [2])
    assert len(asked) == len(set(asked)) == 2
    assert {row["metric_name"] for row in stored["metric_samples"]} >= {"requests"}
    alone = ExportMetricsServiceRequest.FromString(rejected.value)
    assert [point.start_time_unix_nano for _, point in points_of(alone)] == [1, 3]


def test_a_metric_without_a_name_is_rejected_with_its_points() -> None:
    batches = empty_batches()
    value = request_of(counter(number(), number(), name=""), counter(number()))
    (rejected,) = decode_metrics(value, 0, WINDOW, batches, lambda _fingerprint, _day: True)
    assert (rejected.reason, rejected.count) == ("metric_name", 2)
    assert [row["metric_name"] for row in rows_of(batches["metric_samples"])] == ["requests"]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(hostile_metric_requests(st.sampled_from([0, 1, NOW_NS, NOW_NS - 5, 2**63, 2**64 - 1])))
def test_every_point_is_stored_or_rejected(request: ExportMetricsServiceRequest) -> None:
    """By the rules, whatever neighbours it has."""
    points = points_of(request)
    bad = sum(is_bad(metric, point, WINDOW) for metric, point in points)
    batches = empty_batches()
    try:
        rejected = decode_metrics(
            request.SerializeToString(), 0, WINDOW, batches, lambda _fingerprint, _day: True
        )
    except MessageWithoutDataPoints:
        assert not points
        return
    stored = sum(
        batches[table.name].rows
        for table in METRIC_TABLES
        if table.name not in ("metric_series", "metric_exemplars")
    )
    assert (stored, sum(items.count for items in rejected)) == (len(points) - bad, bad)


def test_bytes_that_are_no_request_leave_the_batches_alone() -> None:
    batches = empty_batches()
    value = request_of(counter(number(attributes=[attribute("a", "b")])))
    broken_text = value.replace(b"\x12\x03\x0a\x01b", b"\x12\x03\x0a\x01\xff")
    assert broken_text != value
    broken_resource = value.replace(b"svc", b"\xff\xff\xff")
    decode_metrics(value, 0, WINDOW, batches, lambda _fingerprint, _day: True)
    for broken in (b"\xff", b"\x0a\x05abc", value[:-1], broken_text, broken_resource):
        with pytest.raises(UndecodableMessage):
            decode_metrics(broken, 0, WINDOW, batches, lambda _fingerprint, _day: True)
    assert [batches[name].rows for name in ("metric_series", "metric_samples")] == [1, 1]
    for batch in batches.values():
        rows_of(batch)


def deep_value(depth: int) -> bytes:
    """Return an attribute of arrays within arrays, serialized."""
    value = b"\x18\x01"
    for _ in range(depth):
        value = wrapped(5, wrapped(1, value))
    return wrapped(1, b"deep") + wrapped(2, value)


PLACES = {
    "attribute": lambda depth: with_point_bytes(TIMED + wrapped(7, deep_value(depth))),
    "of a point to be read field by field": lambda depth: with_point_bytes(
        wrapped(7, deep_value(depth)) + TIMED
    ),
    "exemplar": lambda depth: with_point_bytes(TIMED + wrapped(5, wrapped(7, deep_value(depth)))),
    "resource": lambda depth: resource_and_point(wrapped(1, wrapped(1, deep_value(depth)))),
    "histogram": lambda depth: with_point_bytes(TIMED + wrapped(9, deep_value(depth)), member=9),
}
TIMED = NumberDataPoint(time_unix_nano=NOW_NS).SerializeToString()


def resource_and_point(resource: bytes) -> bytes:
    """Return a request of two groups: one with a resource alone, one with a point."""
    return wrapped(1, resource) + with_point_bytes(TIMED)


@pytest.mark.parametrize("place", PLACES)
def test_what_is_nested_too_deep_for_a_request_is_refused(place: str) -> None:
    """At the depth at which a whole request is: its parts are read alone, with less around them."""
    taken = set()
    for depth in range(40, 50):
        value = PLACES[place](depth)
        try:
            ExportMetricsServiceRequest.FromString(value)
        except DecodeError:
            with pytest.raises(UndecodableMessage):
                decoded(value)
        else:
            taken.add(depth)
            assert decoded(value)["metric_series"]
    assert 0 < len(taken) < 10


def test_an_empty_message_adds_nothing() -> None:
    assert not any(decoded(b"").values())


@pytest.mark.parametrize("value", [request_of(), request_of(Metric(name="m")), b"\x0a\x00"])
def test_bytes_without_a_point_are_not_lost_in_silence(value: bytes) -> None:
    """A parser may take another encoding for a request; only that there is no point betrays it."""
    with pytest.raises(MessageWithoutDataPoints):
        decoded(value)


def test_a_message_all_of_whose_points_are_bad_is_not_taken_for_one_without() -> None:
    batches = empty_batches()
    value = request_of(counter(number(time_unix_nano=0)))
    (rejected,) = decode_metrics(value, 0, WINDOW, batches, lambda _fingerprint, _day: True)
    assert (rejected.reason, rejected.count) == ("time_zero", 1)
    assert not any(batch.rows for batch in batches.values())


_SEED = [every_kind(), request_of(counter(*[number(as_double=0.5)] * 3))]


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(_SEED),
    st.sampled_from(_SEED),
    st.lists(
        st.tuples(
            st.sampled_from(PROTOBUF_MUTATIONS), st.integers(0, 2**32), st.integers(0, 2**63 - 1)
        ),
        max_size=4,
    ),
)
def test_broken_bytes_are_decoded_as_protobuf_reads_them(
    value: bytes, other: bytes, mutations: list[tuple[Mutation, int, int]]
) -> None:
    """What a whole request gives, decoding in parts gives; neither refuses what the other takes."""
    for mutation, place, choice in mutations:
        value = mutation(value, other, place, choice)
    try:
        sent = points_of(ExportMetricsServiceRequest.FromString(value))
    except DecodeError:
        with pytest.raises((UndecodableMessage, MessageWithoutDataPoints)):
            decode_metrics(value, 0, WINDOW, empty_batches(), lambda _fingerprint, _day: True)
        return
    batches = empty_batches()
    try:
        rejected = decode_metrics(value, 0, WINDOW, batches, lambda _fingerprint, _day: True)
    except MessageWithoutDataPoints:
        assert not sent
        return
    parts = [ExportMetricsServiceRequest.FromString(items.value) for items in rejected]
    parts.append(rebuild_metrics({name: rows_of(batch) for name, batch in batches.items()}))
    assert sum(len(points_of(part)) for part in parts) == len(sent)
