"""Data points of one message, while they are decoded."""

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any, Final

from rak_libs.model.batch import ColumnBatch
from rak_libs.model.time_window import DAY_NS, TimeWindow
from rak_libs.otlp.metric_series import AttributeBytes, MetricIdentity

_TWO_63: Final = 2**63
_TWO_64: Final = 2**64


class PointColumns(ABC):
    """Points of one table; what they all have, a value for each point in every list.

    Attributes:
        metrics: For each metric, in order, the row of its first point, what identifies it, and the
            metric itself.
        fingerprints: Of the series.
        times: Nanoseconds since 1970, as unsigned 64 bits.
        starts: The same.
        attributes: The bytes that the series was found by.
        flags: Those that are not zero, by row.
        with_exemplars: Points that have exemplars, with their rows.
    """

    __slots__ = (
        "attributes",
        "fingerprints",
        "flags",
        "metrics",
        "starts",
        "times",
        "with_exemplars",
    )

    def __init__(self) -> None:
        self.metrics: list[tuple[int, MetricIdentity, Any]] = []
        self.fingerprints: list[int] = []
        self.times: list[int] = []
        self.starts: list[int] = []
        self.attributes: list[AttributeBytes] = []
        self.flags: dict[int, int] = {}
        self.with_exemplars: list[tuple[int, Any]] = []

    def __len__(self) -> int:
        return len(self.times)

    def begin_metric(self, identity: MetricIdentity, metric: Any) -> None:
        """Begin the points of a metric."""
        self.metrics.append((len(self.times), identity, metric))

    def metric_of(self, row: int) -> tuple[MetricIdentity, Any]:
        """Return the metric of a point: what identifies it, and the metric itself."""
        place = bisect_right(self.metrics, row, key=lambda entry: entry[0]) - 1
        return self.metrics[place][1:]

    @abstractmethod
    def pass_checks(self, window: TimeWindow) -> bool:
        """Tell whether every point passes `rak_libs.otlp.metric_points.point_reason`."""

    @abstractmethod
    def append_own(self, columns: dict[str, Any]) -> None:
        """Append the columns that only the points' own table has."""

    def append_to(self, batch: ColumnBatch, ingested_at_ms: int) -> None:
        """Append all columns to a batch of the points' table."""
        columns: dict[str, Any] = batch.columns
        rows = len(self)
        columns["metric_name"] += self.names()
        columns["fingerprint"] += self.fingerprints
        columns["timestamp"] += self.times
        columns["start_timestamp"] += as_signed(self.starts)
        columns["flags"] += in_rows(self.flags, rows)
        columns["ingested_at"] += repeat(ingested_at_ms, rows)
        self.append_own(columns)
        batch.rows += rows

    def names(self) -> list[str]:
        """Return the name of every point's metric."""
        names: list[str] = []
        ends = [first for first, _, _ in self.metrics[1:]] + [len(self)]
        for (first, identity, _), end in zip(self.metrics, ends, strict=True):
            names += [identity.name] * (end - first)
        return names

    def days_of_series(self) -> Sequence[tuple[int, int]]:
        """Return each series with each day, since 1970, that it has points of, as they come."""
        first, last = min(self.times) // DAY_NS, max(self.times) // DAY_NS
        if first == last:
            return [(fingerprint, first) for fingerprint in dict.fromkeys(self.fingerprints)]
        days = [time // DAY_NS for time in self.times]
        return list(dict.fromkeys(zip(self.fingerprints, days, strict=True)))


def as_signed(times: list[int]) -> list[int]:
    """Return unsigned numbers of 64 bits as the signed ones of the same bits."""
    if max(times, default=0) < _TWO_63:
        return times
    return [time if time < _TWO_63 else time - _TWO_64 for time in times]


def in_rows(sparse: Mapping[int, int], rows: int) -> list[int]:
    """Return a column of `rows` numbers from those that are not 0, by row."""
    column = [0] * rows
    for row, number in sparse.items():
        column[row] = number
    return column
