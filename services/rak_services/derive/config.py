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


@dataclass(frozen=True, slots=True)
class LedgerLimits:
    """What bounds the work on the ledger.

    Attributes:
        traces: Traces that are computed at once.
        retention_days: How long spans, and what the ledger has of them, are kept.
        memory_bytes: What one statement may use of the engine's memory.
        threads: Threads of the engine for one statement.
        clustered: Whether the tables lie on several nodes.
    """

    traces: int
    retention_days: int
    memory_bytes: int
    threads: int
    clustered: bool


def ledger_limits(config: Config) -> LedgerLimits:
    """Derive the limits of the ledger."""
    derive, storage = config.derive, config.storage
    return LedgerLimits(
        traces=derive.ledger_traces,
        retention_days=storage.spans_retention_days,
        memory_bytes=derive.max_memory_bytes,
        threads=derive.threads,
        clustered=bool(config.clickhouse.cluster),
    )


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
