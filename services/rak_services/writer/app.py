import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

from rak_libs.clickhouse.connection import ping
from rak_libs.clickhouse.insert import Inserter
from rak_libs.kafka.consumer import PartitionConsumer
from rak_libs.kafka.publisher import Publisher
from rak_libs.kafka.status_reports import WriterReports
from rak_libs.kafka.topics import writers_group
from rak_libs.runtime.admin import AdminServer, ReadinessCheck
from rak_libs.runtime.boot import Boot
from rak_libs.runtime.lifecycle import STATUS_FAILED, exit_now
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.settings import Config
from rak_services.writer.config import WriterLimits, writer_limits
from rak_services.writer.crash_points import CrashPoints
from rak_services.writer.dead_letters import DeadLetters
from rak_services.writer.delivery import Delivery
from rak_services.writer.insertion import Insertion
from rak_services.writer.signals import SIGNALS, Signal
from rak_services.writer.watchdog import Vigil, Watchdog
from rak_services.writer.writer import Writer

log = get_logger(__name__)

_PUBLISHER_STOP_SECONDS = 2.0


async def serve(
    config: Config,
    signals: Sequence[Signal],
    stop: asyncio.Event,
    crash_points: CrashPoints | None = None,
) -> None:
    """Write signals until `stop` is set; the composition root of the writer.

    Args:
        config: The configuration.
        signals: What is written, each by a consumer of its own.
        stop: Set to drain and return.
        crash_points: Where the process kills itself, for tests.
    """
    limits = writer_limits(config)
    executor = ThreadPoolExecutor(limits.inserts, thread_name_prefix="insert")
    crashing = crash_points or CrashPoints()
    inserter = Inserter(config.clickhouse, lambda: crashing.reach("mid-insert"))
    publisher = Publisher(config.kafka, "rak-writer")
    parts = WriterParts(config, limits, executor, inserter, publisher, crashing)
    writers = {signal.name: parts.writer(signal) for signal in signals}
    watchdog = Watchdog(
        config.kafka,
        [writer.vigil for writer in writers.values()],
        limits.stuck_seconds,
        lambda fields: exit_now(STATUS_FAILED, "writer.stuck", fields),
    )

    reports = WriterReports(
        publisher,
        Boot.now(),
        config.server.status_interval_seconds,
        lambda: [each for writer in writers.values() for each in writer.positions()],
    )

    async def clickhouse_answers() -> None:
        await asyncio.to_thread(ping, config.clickhouse)

    checks: dict[str, ReadinessCheck] = {"clickhouse": clickhouse_answers}
    for name, writer in writers.items():
        checks[f"kafka_{name}"] = writer.consumer.check
        checks[f"{name}_running"] = writer.check_running
    admin = AdminServer(
        "writer",
        config.server.host,
        config.server.writer_admin_port,
        "[server] writer_admin_port",
        checks,
    )
    await admin.start()
    await publisher.start()
    reports.start()
    watchdog.start()
    log.info("writer.started", boot=reports.boot.id, signals=[signal.name for signal in signals])
    try:
        async with asyncio.TaskGroup() as running:
            for writer in writers.values():
                running.create_task(writer.run(stop))
    finally:
        watchdog.stop()
        await reports.stop()
        await publisher.stop(_PUBLISHER_STOP_SECONDS)
        await admin.stop()
        executor.shutdown(wait=False, cancel_futures=True)
    inserter.close()


@dataclass(frozen=True)
class WriterParts:
    """What the writers of all signals share."""

    config: Config
    limits: WriterLimits
    executor: Executor
    inserter: Inserter
    publisher: Publisher
    crash_points: CrashPoints

    @cached_property
    def account(self) -> Insertion:
        """Where what became of each batch is noted."""
        return self.insertion(SIGNALS["pipeline"])

    def insertion(self, signal: Signal) -> Insertion:
        """Construct the way of a signal's rows into its table."""
        return Insertion(
            signal,
            signal.retention_days(self.config.storage),
            self.inserter,
            self.executor,
            refills=not self.config.clickhouse.cluster,
        )

    def writer(self, signal: Signal) -> Writer:
        """Construct the writer of a signal, in a consumer group of its own."""
        config, limits = self.config, self.limits
        retention_days = signal.retention_days(config.storage)
        group = writers_group(config.kafka.group_prefix, signal.topic)
        vigil = Vigil(group, signal.topic, limits.stuck_seconds)

        def make_consumer(writer: Writer) -> PartitionConsumer:
            return PartitionConsumer(
                config.kafka,
                group=group,
                topics=[signal.topic],
                client_id=f"rak-writer-{signal.name}",
                on_assigned=writer.on_assigned,
                on_revoked=writer.on_revoked,
                rebalance_timeout_seconds=limits.rebalance_seconds,
            )

        insertion = self.insertion(signal)
        account = self.account if signal.accounted else None
        dead_letters = DeadLetters(
            self.publisher, limits.dead_letters_per_minute, on_failure=vigil.progress
        )

        def make_delivery(consumer: PartitionConsumer) -> Delivery:
            return Delivery(
                consumer,
                insertion,
                dead_letters,
                account,
                limits.lease_seconds,
                self.crash_points,
            )

        return Writer(signal, retention_days, limits, make_consumer, make_delivery, vigil)
