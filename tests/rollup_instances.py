"""Instances of what `rak-derive` runs, inside a test's process."""

from rak_libs.clickhouse.insert import Inserter
from rak_libs.runtime.settings import Config
from rak_services.derive.config import derive_limits
from rak_services.derive.crash_points import CrashPoints
from rak_services.derive.metrics.computing import Computing
from rak_services.derive.metrics.rollups import MetricRollups


def rollups_of(
    config: Config, inserter: Inserter, crash_points: CrashPoints | None = None
) -> MetricRollups:
    """Make what the service runs."""
    limits = derive_limits(config)
    crashing = crash_points or CrashPoints()
    return MetricRollups(Computing(inserter, limits, lambda: False, crashing))
