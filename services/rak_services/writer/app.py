import asyncio
from concurrent.futures import ThreadPoolExecutor

from rak_libs.clickhouse.connection import ping
from rak_libs.clickhouse.insert import Inserter
from rak_libs.kafka.consumer import PartitionConsumer
from rak_libs.kafka.publisher import Publisher
from rak_libs.runtime.admin import AdminServer
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.settings import Config
from rak_services.writer.config import writer_limits
from rak_services.writer.dead_letters import DeadLetters
from rak_services.writer.insertion import Insertion
from rak_services.writer.signals import Signal
from rak_services.writer.writer import Writer

log = get_logger(__name__)

_PUBLISHER_STOP_SECONDS = 2.0


async def serve(config: Config, signal: Signal, stop: asyncio.Event) -> None:
    """Write one signal until `stop` is set; the composition root of the writer."""
    limits = writer_limits(config)
    retention_days = signal.retention_days(config.storage)
    group = f"{config.kafka.group_prefix}-{signal.name}"
    client_id = f"rak-writer-{signal.name}"

    def make_consumer(writer: Writer) -> PartitionConsumer:
        return PartitionConsumer(
            config.kafka,
            group=group,
            topics=[signal.topic],
            client_id=client_id,
            on_assigned=writer.on_assigned,
            on_revoked=writer.on_revoked,
            rebalance_timeout_seconds=limits.rebalance_seconds,
        )

    executor = ThreadPoolExecutor(limits.inserts, thread_name_prefix="insert")
    inserter = Inserter(config.clickhouse)
    insertion = Insertion(signal, retention_days, inserter, executor)
    publisher = Publisher(config.kafka, client_id)
    dead_letters = DeadLetters(publisher)
    writer = Writer(signal, retention_days, limits, make_consumer, insertion, dead_letters)

    async def clickhouse_answers() -> None:
        await asyncio.to_thread(ping, config.clickhouse)

    admin = AdminServer(
        "writer",
        config.server.host,
        config.server.writer_admin_port,
        "[server] writer_admin_port",
        {"kafka": writer.consumer.check, "clickhouse": clickhouse_answers},
    )
    await admin.start()
    await publisher.start()
    log.info("writer.started", signal=signal.name, topic=signal.topic, group=group)
    try:
        await writer.run(stop)
    finally:
        await publisher.stop(_PUBLISHER_STOP_SECONDS)
        await admin.stop()
        executor.shutdown(wait=False, cancel_futures=True)
    inserter.close()
