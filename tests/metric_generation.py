"""Any metrics request that a client may send, and what must survive of it.

`metric_requests` draws requests that no receiver refuses anything of, `hostile_metric_requests`
also those with bad points; `is_bad` says of each. `canonical_metrics` says what
requests must agree on to be the same to whoever asks for them: it knows nothing of how they are
stored.
"""

import math
import struct
import zlib
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Exemplar,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
    Summary,
    SummaryDataPoint,
)

from rak_libs.model.time_window import TimeWindow, reject_reason
from value_generation import (
    attribute_lists,
    canonical_attributes,
    canonical_resource,
    canonical_scope,
    int64s,
    resources,
    scopes,
    span_ids,
    texts,
    trace_ids,
    uint32s,
    uint64s,
)

DAY_NS = 24 * 3600 * 10**9
NO_RECORDED_VALUE = 1
"""The flag of a point that stands for the end of its series."""


def _double_of(bits: int) -> float:
    number: float = struct.unpack("<d", struct.pack("<Q", bits))[0]
    return number


NANS = [_double_of(0x7FF8000000000000), _double_of(0x7FF0000000000002), _double_of(2**64 - 1)]
"""The usual one, the one that Prometheus calls stale, and one with every bit set."""

number_values = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 1e16, 5e-324, 1.7976931348623157e308, *NANS]),
    st.floats(allow_nan=False),
)
counts = st.one_of(st.sampled_from([0, 1, 2**53 + 1, 2**63 - 1]), st.integers(0, 2**63 - 1))
_int32s = st.one_of(st.sampled_from([0, -1, 2**31 - 1, -(2**31)]), st.integers(-(2**31), 2**31 - 1))
_optional_values = st.one_of(st.none(), number_values)
_temporalities = st.sampled_from([0, 1, 2, 3])

_exemplars = st.one_of(
    [
        st.builds(
            Exemplar,
            time_unix_nano=uint64s,
            filtered_attributes=attribute_lists,
            # No id is too odd: it costs no point.
            trace_id=st.one_of(trace_ids, st.sampled_from([b"", bytes(16), b"short"])),
            span_id=st.one_of(span_ids, st.sampled_from([b"", bytes(8), b"a good deal too long"])),
            **value,
        )
        for value in ({"as_double": number_values}, {"as_int": int64s}, {})
    ]
)
_exemplar_lists = st.lists(_exemplars, max_size=2)


def _number_points(times: st.SearchStrategy[int]) -> st.SearchStrategy[NumberDataPoint]:
    return st.one_of(
        [
            st.builds(
                NumberDataPoint,
                attributes=attribute_lists,
                start_time_unix_nano=uint64s,
                time_unix_nano=times,
                exemplars=_exemplar_lists,
                flags=uint32s,
                **value,
            )
            for value in ({"as_double": number_values}, {"as_int": int64s}, {})
        ]
    )


@st.composite
def _buckets(draw: st.DrawFn, *, hostile: bool) -> dict[str, list[Any]]:
    """Draw bounds and as many counts as they ask for, or neither."""
    bounds = sorted(draw(st.lists(st.floats(allow_nan=False), unique=True, max_size=4)))
    size = len(bounds) + 1
    if not bounds and draw(st.booleans()):
        size = 0
    if hostile and draw(st.booleans()):
        size = draw(st.integers(0, 5))
        bounds = draw(st.lists(number_values, max_size=4))
    of_any_size = uint64s if hostile else counts
    return {
        "explicit_bounds": bounds,
        "bucket_counts": draw(st.lists(of_any_size, min_size=size, max_size=size)),
    }


def _histogram_points(
    times: st.SearchStrategy[int], *, hostile: bool
) -> st.SearchStrategy[HistogramDataPoint]:
    def build(buckets: dict[str, list[Any]], fields: dict[str, Any]) -> HistogramDataPoint:
        return HistogramDataPoint(**buckets, **fields)

    return st.builds(build, _buckets(hostile=hostile), _distribution(times, hostile=hostile))


def _distribution(
    times: st.SearchStrategy[int], *, hostile: bool
) -> st.SearchStrategy[dict[str, Any]]:
    """Draw the fields that both kinds of histograms have."""
    return st.fixed_dictionaries(
        {
            "attributes": attribute_lists,
            "start_time_unix_nano": uint64s,
            "time_unix_nano": times,
            "count": uint64s if hostile else counts,
            "sum": _optional_values,
            "min": _optional_values,
            "max": _optional_values,
            "exemplars": _exemplar_lists,
            "flags": uint32s,
        }
    )


def _exponential_points(
    times: st.SearchStrategy[int], *, hostile: bool
) -> st.SearchStrategy[ExponentialHistogramDataPoint]:
    of_any_size = uint64s if hostile else counts
    sides = st.one_of(
        st.none(),
        st.builds(
            ExponentialHistogramDataPoint.Buckets,
            offset=_int32s,
            bucket_counts=st.lists(of_any_size, max_size=4),
        ),
    )

    def build(fields: dict[str, Any], **others: Any) -> ExponentialHistogramDataPoint:
        return ExponentialHistogramDataPoint(**fields, **others)

    return st.builds(
        build,
        _distribution(times, hostile=hostile),
        scale=st.sampled_from([-11, -10, 0, 20, 21]) if hostile else st.integers(-10, 20),
        zero_count=of_any_size,
        zero_threshold=number_values,
        positive=sides,
        negative=sides,
    )


def _summary_points(
    times: st.SearchStrategy[int], *, hostile: bool
) -> st.SearchStrategy[SummaryDataPoint]:
    shares = st.floats(0, 1)
    quantiles = st.builds(
        SummaryDataPoint.ValueAtQuantile,
        quantile=st.one_of(shares, number_values) if hostile else shares,
        value=number_values,
    )
    return st.builds(
        SummaryDataPoint,
        attributes=attribute_lists,
        start_time_unix_nano=uint64s,
        time_unix_nano=times,
        count=uint64s if hostile else counts,
        sum=number_values,
        quantile_values=st.lists(quantiles, max_size=3),
        flags=uint32s,
    )


def _data(
    times: st.SearchStrategy[int], least: int, *, hostile: bool
) -> st.SearchStrategy[dict[str, Any]]:
    """Draw the keyword argument of `Metric` that holds its points; none for a metric without."""

    def listed(points: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
        return st.lists(points, min_size=least, max_size=3)

    numbers = listed(_number_points(times))
    histograms = listed(_histogram_points(times, hostile=hostile))
    exponential = listed(_exponential_points(times, hostile=hostile))
    return st.one_of(
        st.fixed_dictionaries({"gauge": st.builds(Gauge, data_points=numbers)}),
        st.fixed_dictionaries(
            {
                "sum": st.builds(
                    Sum,
                    data_points=numbers,
                    aggregation_temporality=_temporalities,
                    is_monotonic=st.booleans(),
                )
            }
        ),
        st.fixed_dictionaries(
            {
                "histogram": st.builds(
                    Histogram, data_points=histograms, aggregation_temporality=_temporalities
                )
            }
        ),
        st.fixed_dictionaries(
            {
                "exponential_histogram": st.builds(
                    ExponentialHistogram,
                    data_points=exponential,
                    aggregation_temporality=_temporalities,
                )
            }
        ),
        st.fixed_dictionaries(
            {
                "summary": st.builds(
                    Summary, data_points=listed(_summary_points(times, hostile=hostile))
                )
            }
        ),
        *([] if least else [st.just({})]),
    )


def _requests(
    times: st.SearchStrategy[int], *, hostile: bool, least: int = 0
) -> st.SearchStrategy[ExportMetricsServiceRequest]:
    def build(name: str, unit: str, data: dict[str, Any]) -> Metric:
        return Metric(
            name=name, unit=unit, description=name[::-1], metadata=_metadata(name), **data
        )

    names = texts if hostile else texts.filter(bool)
    metrics = st.builds(
        build, st.one_of(names, st.just("requests")), texts, _data(times, least, hostile=hostile)
    )
    scope_metrics = st.builds(
        ScopeMetrics,
        scope=st.one_of(st.none(), scopes),
        metrics=st.lists(metrics, min_size=least, max_size=3),
        schema_url=texts,
    )
    resource_metrics = st.builds(
        ResourceMetrics,
        resource=st.one_of(st.none(), resources),
        scope_metrics=st.lists(scope_metrics, min_size=least, max_size=2),
        schema_url=texts,
    )
    groups = st.lists(resource_metrics, min_size=least, max_size=2)
    return st.builds(ExportMetricsServiceRequest, resource_metrics=groups)


_SOME_METADATA = [
    [],
    [KeyValue(key="prometheus.type", value=AnyValue(string_value="counter"))],
    [KeyValue(key="a", value=AnyValue(double_value=1.0)), KeyValue(key="\0")],
]


def _metadata(name: str) -> list[KeyValue]:
    """Return the metadata of every metric of that name.

    Metadata and description are no part of a series' identity: the last that came is kept, so only
    where each name has one can what comes back be compared.
    """
    return _SOME_METADATA[zlib.crc32(name.encode()) % len(_SOME_METADATA)]


def metric_requests(now_ns: int, least: int = 0) -> st.SearchStrategy[ExportMetricsServiceRequest]:
    """Draw requests of points that no receiver refuses; their times lie in the day to `now_ns`.

    No two points of a request have the same time, and metrics of the same name have the same
    description and metadata. One without points is empty: as a message of a queue, anything else
    would be refused. Every list of groups, metrics and points has `least` elements at least.
    """
    times = st.integers(now_ns - DAY_NS, now_ns)
    requests = _requests(times, hostile=False, least=least)
    return requests.map(_with_times_of_their_own).map(_empty_without_points)


def hostile_metric_requests(
    times: st.SearchStrategy[int] = uint64s,
) -> st.SearchStrategy[ExportMetricsServiceRequest]:
    """Draw requests of points any of which may be bad, each at one of `times`."""
    return _requests(times, hostile=True)


def points_of(request: ExportMetricsServiceRequest) -> list[tuple[Metric, Any]]:
    """Return every point with its metric, in order."""
    return [
        (metric, point)
        for resource_metrics in request.resource_metrics
        for scope_metrics in resource_metrics.scope_metrics
        for metric in scope_metrics.metrics
        for point in _points(metric)
    ]


def _points(metric: Metric) -> Any:
    kind = metric.WhichOneof("data")
    return [] if kind is None else getattr(metric, kind).data_points


def _with_times_of_their_own(
    request: ExportMetricsServiceRequest,
) -> ExportMetricsServiceRequest:
    taken: set[int] = set()
    for _, point in points_of(request):
        while point.time_unix_nano in taken:
            point.time_unix_nano -= 1
        taken.add(point.time_unix_nano)
    return request


def _empty_without_points(request: ExportMetricsServiceRequest) -> ExportMetricsServiceRequest:
    return request if points_of(request) else ExportMetricsServiceRequest()


def is_bad(metric: Metric, point: Any, window: TimeWindow) -> bool:
    """Tell whether a point must be rejected: the rules, written without any thought of speed."""
    return (
        not metric.name
        or reject_reason(point.time_unix_nano, window) is not None
        or _is_misshapen(point)
    )


def _is_misshapen(point: Any) -> bool:
    if isinstance(point, NumberDataPoint):
        return False
    if point.count >= 2**63:
        return True
    if isinstance(point, HistogramDataPoint):
        bounds, buckets = list(point.explicit_bounds), list(point.bucket_counts)
        increasing = all(b > a for a, b in pairwise(bounds)) and not any(map(math.isnan, bounds))
        fits = len(buckets) == len(bounds) + 1 or not (buckets or bounds)
        return not fits or not increasing or any(b >= 2**63 for b in buckets)
    if isinstance(point, ExponentialHistogramDataPoint):
        buckets = [point.zero_count, *point.positive.bucket_counts, *point.negative.bucket_counts]
        return abs(point.scale - 5) > 15 or any(b >= 2**63 for b in buckets)
    return any(not 0 <= each.quantile <= 1 for each in point.quantile_values)


def canonical_metrics(requests: Iterable[ExportMetricsServiceRequest]) -> list[tuple[Any, ...]]:
    """Return the points of requests, each with all that it belongs to, in an order of their own.

    Doubles are bits, so that NaN equals itself. Left out, since nobody is promised them: grouping,
    the order of attributes, all but the last of duplicate keys, the bits of NaN in attributes, the
    value of a number that is flagged as none, an exemplar's id of a wrong length or all zero, enum
    numbers without a name, whether an empty message was present, metrics without points, and
    unknown fields.
    """
    points = [
        (
            canonical_resource(resource_metrics),
            canonical_scope(scope_metrics),
            _canonical_metric(metric),
            _canonical_point(point),
        )
        for request in requests
        for resource_metrics in request.resource_metrics
        for scope_metrics in resource_metrics.scope_metrics
        for metric in scope_metrics.metrics
        for point in _points(metric)
    ]
    return sorted(points, key=repr)


def _canonical_metric(metric: Metric) -> tuple[Any, ...]:
    kind = metric.WhichOneof("data")
    data = getattr(metric, kind or "gauge")
    temporality = getattr(data, "aggregation_temporality", 0)
    return (
        (metric.name, metric.unit, metric.description, canonical_attributes(metric.metadata)),
        (kind, temporality if temporality in {1, 2} else 0, getattr(data, "is_monotonic", False)),
    )


def _canonical_point(point: Any) -> tuple[Any, ...]:
    identity = (
        canonical_attributes(point.attributes),
        point.start_time_unix_nano,
        point.time_unix_nano,
        point.flags,
    )
    if isinstance(point, SummaryDataPoint):
        quantiles = [(_bits(each.quantile), _bits(each.value)) for each in point.quantile_values]
        return (identity, point.count, _bits(point.sum), quantiles)
    exemplars = [_canonical_exemplar(exemplar) for exemplar in point.exemplars]
    if isinstance(point, NumberDataPoint):
        recorded = not point.flags & NO_RECORDED_VALUE
        return (identity, exemplars, _canonical_number(point) if recorded else None)
    limits = [
        _bits(getattr(point, name)) if point.HasField(name) else None
        for name in ("sum", "min", "max")
    ]
    distribution = (identity, exemplars, point.count, limits)
    if isinstance(point, HistogramDataPoint):
        bounds = [_bits(bound) for bound in point.explicit_bounds]
        return (*distribution, bounds, list(point.bucket_counts))
    sides = [(side.offset, list(side.bucket_counts)) for side in (point.positive, point.negative)]
    zero = (point.zero_count, _bits(point.zero_threshold))
    return (*distribution, point.scale, zero, sides)


def _canonical_exemplar(exemplar: Exemplar) -> tuple[Any, ...]:
    trace_id, span_id = exemplar.trace_id, exemplar.span_id
    return (
        exemplar.time_unix_nano,
        _canonical_number(exemplar),
        canonical_attributes(exemplar.filtered_attributes),
        trace_id if len(trace_id) == 16 and any(trace_id) else b"",
        span_id if len(span_id) == 8 and any(span_id) else b"",
    )


def _canonical_number(holder: Any) -> tuple[str, Any] | None:
    kind = holder.WhichOneof("value")
    if kind is None:
        return None
    return (kind, holder.as_int if kind == "as_int" else _bits(holder.as_double))


def _bits(number: float) -> bytes:
    return struct.pack("<d", number)
