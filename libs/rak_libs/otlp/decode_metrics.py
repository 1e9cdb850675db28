"""From the bytes of one queue message to columns of the tables of metrics.

Decoding is a pure function of the message's bytes, the broker's timestamp of it, the time window
and which series are to be written: the same message always gives the same rows in the same order,
whatever was decoded before. Nothing is kept per point but the values themselves.

Measured on points of four attributes whose series are known (CPython 3.11, upb): protobuf's objects
and a text of the attributes to look the series up by take 4.0 us a point. Here points stay bytes,
whose head is unpacked and whose rest is looked up: 0.6 us with 50 points a metric, 2.5 us with one,
5.8 us with an exemplar beside each. A series that is not known takes 11 us more, its row 14 us. A
histogram of 16 buckets takes 5.1 us.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from google.protobuf.message import DecodeError

from rak_libs.model.batch import ColumnBatch
from rak_libs.model.metrics import (
    METRIC_EXEMPLARS,
    METRIC_EXPONENTIAL_HISTOGRAMS,
    METRIC_HISTOGRAMS,
    METRIC_SAMPLES,
    METRIC_SERIES,
    METRIC_SUMMARIES,
    MetricType,
    Temporality,
)
from rak_libs.model.rejected_items import RejectedItems
from rak_libs.model.time_window import TimeWindow
from rak_libs.otlp.bare_metrics import BareMetricsRequest
from rak_libs.otlp.distribution_points import DistributionColumns
from rak_libs.otlp.errors import PermanentOtlpError, UndecodableMessage
from rak_libs.otlp.exemplar_rows import append_exemplars
from rak_libs.otlp.metric_series import Origin, SeriesMemo
from rak_libs.otlp.metrics import DATA_POINTS
from rak_libs.otlp.number_points import NumberColumns
from rak_libs.otlp.point_columns import PointColumns
from rak_libs.otlp.separate import separate
from rak_libs.otlp.series_rows import append_series

SeriesToWrite = Callable[[int, int], bool]
"""Tells for a fingerprint and a day, since 1970, whether its row of `metric_series` is wanted."""

_COUNTER: Final = int(MetricType.COUNTER)
_UP_DOWN_COUNTER: Final = int(MetricType.UP_DOWN_COUNTER)
_GAUGE: Final = int(MetricType.GAUGE)
_UNSPECIFIED: Final = int(Temporality.UNSPECIFIED)
_TEMPORALITIES: Final = frozenset(map(int, Temporality))
_DISTRIBUTIONS: Final = {
    "histogram": int(MetricType.HISTOGRAM),
    "exponential_histogram": int(MetricType.EXPONENTIAL_HISTOGRAM),
    "summary": int(MetricType.SUMMARY),
}

_memo: Final = SeriesMemo()


class MessageWithoutDataPoints(PermanentOtlpError):
    """A queue message that can be read as an `ExportMetricsServiceRequest` without a data point.

    Nobody publishes such a request, and bytes of another encoding can look like one.
    """


def decode_metrics(
    value: bytes,
    ingested_at_ms: int,
    window: TimeWindow,
    batches: Mapping[str, ColumnBatch],
    series_to_write: SeriesToWrite,
) -> list[RejectedItems]:
    """Append the data points of one message to `batches`.

    Args:
        value: A serialized `ExportMetricsServiceRequest`.
        ingested_at_ms: The broker's timestamp of the message, milliseconds since 1970.
        window: The times that the tables take.
        batches: Rows of each of `METRIC_TABLES` by its name; left as they were when the message
            cannot be decoded.
        series_to_write: Asked once for each series and day that the message has points of.

    Returns:
        The points that fail the checks of `rak_libs.otlp.metrics`, by reason; usually none.

    Raises:
        UndecodableMessage: The bytes are not a request.
        MessageWithoutDataPoints: There are bytes, but no data point in them.
    """
    try:
        message = _Message(value)
        if value and not message.has_points:
            raise MessageWithoutDataPoints("no data point in an ExportMetricsServiceRequest")
        rejected: list[RejectedItems] = []
        if not message.passes_checks(window):
            value, rejected = separate(value, window, DATA_POINTS)
            message = _Message(value)
    except DecodeError as error:
        raise UndecodableMessage("not a protobuf ExportMetricsServiceRequest") from error
    tables = {name: points for name, points in message.tables.items() if len(points)}
    wanted = [
        [series for series in points.days_of_series() if series_to_write(*series)]
        for points in tables.values()
    ]
    for points, series in zip(tables.values(), wanted, strict=True):
        append_series(batches[METRIC_SERIES.name], points, series, ingested_at_ms)
    for name, points in tables.items():
        append_exemplars(batches[METRIC_EXEMPLARS.name], points, ingested_at_ms)
        points.append_to(batches[name], ingested_at_ms)
    return rejected


class _Message:
    """The points of a message, by kind.

    Attributes:
        numbers: Of gauges and sums.
        distributions: Of the other kinds, by the name of the member of `Metric.data`.
    """

    def __init__(self, value: bytes) -> None:
        """Read what may turn out to be undecodable, before anything is appended (DecodeError)."""
        self.numbers = NumberColumns()
        self.distributions = {kind: DistributionColumns(kind) for kind in _DISTRIBUTIONS}
        self._nameless = False
        for group in BareMetricsRequest.FromString(value).resource_metrics:
            resource = b"".join(group.resource)
            if resource and not group.scope_metrics:
                # Nothing is made of it, but what is no resource is no request.
                _memo.origin(resource, group.schema_url, b"", "")
            for scope_metrics in group.scope_metrics:
                scope = b"".join(scope_metrics.scope)
                origin = _memo.origin(resource, group.schema_url, scope, scope_metrics.schema_url)
                for metric in scope_metrics.metrics:
                    self._add(origin, metric)
        self.numbers.read_odd()
        for points in self.distributions.values():
            points.read_rare()

    def _add(self, origin: Origin, metric: Any) -> None:
        kind = metric.WhichOneof("data")
        if kind is None:
            return
        data = getattr(metric, kind)
        points = data.data_points[:]
        if not points:
            return
        name = metric.name
        if not name:
            self._nameless = True
        if kind == "gauge":
            identity = origin.metric(name, metric.unit, _GAUGE, _UNSPECIFIED)
            self.numbers.add(identity, metric, points)
            return
        temporality = _UNSPECIFIED
        if kind != "summary" and data.aggregation_temporality in _TEMPORALITIES:
            temporality = data.aggregation_temporality
        if kind == "sum":
            type_ = _COUNTER if data.is_monotonic else _UP_DOWN_COUNTER
            identity = origin.metric(name, metric.unit, type_, temporality)
            self.numbers.add(identity, metric, points)
            return
        identity = origin.metric(name, metric.unit, _DISTRIBUTIONS[kind], temporality)
        self.distributions[kind].add(identity, metric, points)

    @property
    def tables(self) -> dict[str, PointColumns]:
        """The points, by the table that they go to."""
        return {
            METRIC_SAMPLES.name: self.numbers,
            METRIC_HISTOGRAMS.name: self.distributions["histogram"],
            METRIC_EXPONENTIAL_HISTOGRAMS.name: self.distributions["exponential_histogram"],
            METRIC_SUMMARIES.name: self.distributions["summary"],
        }

    @property
    def has_points(self) -> bool:
        """Whether there is any."""
        return any(map(len, self.tables.values()))

    def passes_checks(self, window: TimeWindow) -> bool:
        """Tell whether every point passes the checks of `DATA_POINTS`, judged by whole columns."""
        return not self._nameless and all(
            points.pass_checks(window) for points in self.tables.values()
        )
