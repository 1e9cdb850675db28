"""The kinds of points that are rolled up, and how much work their points are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from rak_libs.model.metric_rollups import EXPONENTIAL_ROLLUPS, HISTOGRAM_ROLLUPS, SAMPLE_ROLLUPS
from rak_libs.model.metrics import (
    METRIC_EXPONENTIAL_HISTOGRAMS,
    METRIC_HISTOGRAMS,
    METRIC_SAMPLES,
)
from rak_libs.model.table import Table
from rak_services.derive.metrics.exponential_sql import exponential_rollups
from rak_services.derive.metrics.histograms_sql import histogram_rollups
from rak_services.derive.metrics.points_sql import Portion
from rak_services.derive.metrics.samples_sql import sample_rollups


@dataclass(frozen=True, slots=True)
class Kind:
    """Points of one table and what becomes of them.

    Attributes:
        name: The kind's name in logs and metrics.
        points: The table of the points.
        rollups: The table of the windows of each step.
        select: Makes the SELECT of a portion's windows, of a step in nanoseconds.
        weight: How many samples need as much memory as one of these points, about.
    """

    name: str
    points: Table
    rollups: Mapping[str, Table]
    select: Callable[[Portion, int], str]
    weight: int


KINDS: Final = (
    Kind("samples", METRIC_SAMPLES, SAMPLE_ROLLUPS, sample_rollups, 1),
    Kind("histograms", METRIC_HISTOGRAMS, HISTOGRAM_ROLLUPS, histogram_rollups, 5),
    Kind(
        "exponential_histograms",
        METRIC_EXPONENTIAL_HISTOGRAMS,
        EXPONENTIAL_ROLLUPS,
        exponential_rollups,
        40,
    ),
)
"""Summaries have no rollups: their quantiles cannot be added."""
