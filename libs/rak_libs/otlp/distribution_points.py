"""Points of histograms, exponential histograms and summaries, from objects to columns."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from rak_libs.model.batch import ArrayValues
from rak_libs.model.time_window import TimeWindow
from rak_libs.otlp.metric_points import all_pass
from rak_libs.otlp.metric_series import MetricIdentity
from rak_libs.otlp.point_columns import PointColumns


class DistributionColumns(PointColumns):
    """Points of one of these kinds.

    Attributes:
        kind: The name of the member of `Metric.data`.
        points: The points, whose attributes are bytes.
    """

    __slots__ = ("kind", "points")

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.points: list[Any] = []

    def add(self, identity: MetricIdentity, metric: Any, points: Sequence[Any]) -> None:
        """Append the points of a metric, as `BareMetricsRequest` has them.

        Raises:
            google.protobuf.message.DecodeError: The attributes of one are none.
        """
        self.begin_metric(identity, metric)
        attributes = [tuple(point.attributes) for point in points]
        self.fingerprints += map(identity.fingerprint, attributes)
        self.attributes += attributes
        self.points += points
        self.times += [point.time_unix_nano for point in points]
        self.starts += [point.start_time_unix_nano for point in points]

    def read_rare(self) -> None:
        """Find the points with flags and with exemplars; summaries have none of these."""
        self.flags = {row: flags for row, point in enumerate(self.points) if (flags := point.flags)}
        if self.kind != "summary":
            self.with_exemplars = [
                (row, point) for row, point in enumerate(self.points) if point.exemplars
            ]

    def pass_checks(self, window: TimeWindow) -> bool:
        """Tell whether every point passes the checks of its kind."""
        return all_pass(self.kind, self.points, window)

    def append_own(self, columns: dict[str, Any]) -> None:
        """Append the columns that only the table of this kind has."""
        _APPEND[self.kind](columns, self.points)


def _append_histograms(columns: dict[str, Any], points: Sequence[Any]) -> None:
    _append_totals(columns, points)
    _append_arrays(columns["explicit_bounds"], [point.explicit_bounds[:] for point in points])
    _append_arrays(columns["bucket_counts"], [point.bucket_counts[:] for point in points])


def _append_exponential_histograms(columns: dict[str, Any], points: Sequence[Any]) -> None:
    _append_totals(columns, points)
    columns["scale"] += [point.scale for point in points]
    columns["zero_count"] += [point.zero_count for point in points]
    columns["zero_threshold"] += [point.zero_threshold for point in points]
    for side in ("positive", "negative"):
        buckets = [getattr(point, side) for point in points]
        columns[f"{side}_offset"] += [side_buckets.offset for side_buckets in buckets]
        counts = [side_buckets.bucket_counts[:] for side_buckets in buckets]
        _append_arrays(columns[f"{side}_counts"], counts)


def _append_summaries(columns: dict[str, Any], points: Sequence[Any]) -> None:
    columns["count"] += [point.count for point in points]
    columns["sum"] += [point.sum for point in points]
    shares = [point.quantile_values for point in points]
    quantiles = [[share.quantile for share in shares_of_point] for shares_of_point in shares]
    _append_arrays(columns["quantiles"], quantiles)
    values = [[share.value for share in shares_of_point] for shares_of_point in shares]
    _append_arrays(columns["quantile_values"], values)


def _append_totals(columns: dict[str, Any], points: Sequence[Any]) -> None:
    columns["count"] += [point.count for point in points]
    for name in ("sum", "min", "max"):
        columns[name] += [
            getattr(point, name) if point.HasField(name) else None for point in points
        ]


def _append_arrays(column: ArrayValues, rows: Sequence[Sequence[Any]]) -> None:
    end = len(column.values)
    for elements in rows:
        column.values += elements
        end += len(elements)
        column.offsets.append(end)


_APPEND: Final[Mapping[str, Callable[[dict[str, Any], Sequence[Any]], None]]] = {
    "histogram": _append_histograms,
    "exponential_histogram": _append_exponential_histograms,
    "summary": _append_summaries,
}
