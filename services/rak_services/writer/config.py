"""Limits that the writer derives from the configuration."""

from dataclasses import dataclass

from rak_libs.runtime.settings import Config
from rak_services.writer.batch import FlushPolicy

_MAX_INSERTS = 4
_BUFFERED_BATCHES = 2
_SHUTDOWN_MARGIN = 0.8
_REBALANCE_MARGIN_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class WriterLimits:
    """What bounds the writer.

    Attributes:
        policy: When batches are written.
        inserts: INSERTs under way at once, each of another partition.
        buffer_bytes: Bytes of messages read and not yet committed, over all partitions, beyond
            which nothing more is read. Decoded, a message takes about six times its size.
        revoke_seconds: How long a partition that is taken away may wait for its INSERT.
        rebalance_seconds: How long the group waits for this writer to let go.
        drain_seconds: How long what has been read may take to be written after SIGTERM.
        lease_seconds: How long an accepted commit lets INSERTs begin: a writer that stood still
            for longer may have lost its partitions.
        stuck_seconds: How long a consumer with something to do may do nothing; an INSERT that
            fails in the end is over by then, and so is a rebalance.
        dead_letters_per_minute: How many messages may be set aside before the writer halts.
    """

    policy: FlushPolicy
    inserts: int
    buffer_bytes: int
    revoke_seconds: float
    rebalance_seconds: float
    drain_seconds: float
    lease_seconds: float
    stuck_seconds: float
    dead_letters_per_minute: int


def writer_limits(config: Config) -> WriterLimits:
    """Derive the limits."""
    server, clickhouse = config.server, config.clickhouse
    rebalance_seconds = clickhouse.insert_timeout_seconds + _REBALANCE_MARGIN_SECONDS
    return WriterLimits(
        policy=FlushPolicy(
            rows=server.batch_size,
            size=server.batch_bytes,
            timeout=server.batch_timeout_seconds,
            stretch=server.batch_stretch_seconds,
            stretch_rows=server.batch_stretch_rows,
        ),
        inserts=min(_MAX_INSERTS, clickhouse.max_connections),
        buffer_bytes=_BUFFERED_BATCHES * server.batch_bytes,
        revoke_seconds=clickhouse.insert_timeout_seconds,
        rebalance_seconds=rebalance_seconds,
        drain_seconds=server.shutdown_timeout_seconds * _SHUTDOWN_MARGIN,
        lease_seconds=config.kafka.session_timeout_seconds / 2,
        stuck_seconds=max(config.writer.stuck_after_seconds, rebalance_seconds),
        dead_letters_per_minute=config.writer.max_dead_letters_per_minute,
    )
