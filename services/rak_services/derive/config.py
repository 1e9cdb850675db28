"""Limits that the service derives from the configuration."""

from dataclasses import dataclass

from rak_libs.runtime.settings import Config


@dataclass(frozen=True, slots=True)
class DeriveLimits:
    """What bounds the work.

    Attributes:
        settle_seconds: How long after its end a window is first computed.
        retention_days: How long both points and rollups are kept: older windows are left alone.
        points_per_statement: Samples that one statement takes on; fewer points of other kinds.
        memory_bytes: What one statement may use of the engine's memory.
        threads: Threads of the engine for one statement.
        clustered: Whether the tables lie on several nodes.
    """

    settle_seconds: float
    retention_days: int
    points_per_statement: int
    memory_bytes: int
    threads: int
    clustered: bool


def derive_limits(config: Config) -> DeriveLimits:
    """Derive the limits."""
    derive, storage = config.derive, config.storage
    return DeriveLimits(
        settle_seconds=derive.settle_seconds,
        retention_days=min(storage.metrics_retention_days, storage.metric_rollups_retention_days),
        points_per_statement=derive.points_per_statement,
        memory_bytes=derive.max_memory_bytes,
        threads=derive.threads,
        clustered=bool(config.clickhouse.cluster),
    )
