"""The embedded broker dies with all it holds: consumers begin anew and leave nothing out."""

import pytest

from contract.broker.brokers import (
    EmbeddedBroker,
    Reader,
    publish_all,
    publishing,
    reading,
    run,
    until,
)
from rak_libs.kafka.admin import connect
from rak_libs.kafka.consumer import TopicPartition
from rak_libs.kafka.errors import PartitionLost, TransientKafkaError

NAME = "integration_consumer"


async def read_until_seen(reader: Reader, wanted: list[bytes]) -> None:
    await until(lambda: set(wanted) <= set(reader.values), 30, reader.poll)


@pytest.mark.parametrize(("before", "after"), [(8, 400), (400, 8), (40, 40)])
def test_a_log_that_is_shorter_or_longer_than_the_old_one_is_read_whole(
    broker: EmbeddedBroker, before: int, after: int
) -> None:
    """Longer is the hard case: the old position exists in the new log.

    Everything is published before the consumer polls again, so that its first fetch after the
    reconnection finds records at its old position.
    """

    async def scenario() -> None:
        async with publishing(broker.settings) as publisher, reading(broker.settings, NAME) as r:
            for round_number in range(3):
                old = [b"old %d %d" % (round_number, n) for n in range(before)]
                await publish_all(publisher, NAME, old)
                await read_until_seen(r, old)
                handed_out = {
                    TopicPartition(NAME, p): r.consumer._positions.next_offset(
                        TopicPartition(NAME, p)
                    )
                    for p in range(4)
                }
                broker.kill()
                broker.launch()
                new = [b"new %d %d" % (round_number, n) for n in range(after)]
                await publish_all(publisher, NAME, new)
                with pytest.raises((PartitionLost, TransientKafkaError)):
                    await r.consumer.commit(handed_out, deadline_seconds=2)
                await read_until_seen(r, new)
            async with connect(broker.settings) as admin:
                assert sum((await admin.lag(f"{NAME}-group", [NAME])).values()) == 0

    run(scenario())


def test_every_partition_taken_back_is_given_before_its_records_are(broker: EmbeddedBroker) -> None:
    async def scenario() -> None:
        async with publishing(broker.settings) as publisher, reading(broker.settings, NAME) as r:
            await publish_all(publisher, NAME, [b"%d" % n for n in range(100)])
            await r.read(100)
            broker.kill()
            broker.launch()
            await publish_all(publisher, NAME, [b"again %d" % n for n in range(100)])
            await r.read(200)
            assert frozenset.union(*r.revoked) == {TopicPartition(NAME, p) for p in range(4)}
            assert sum(map(len, r.assigned)) >= 8

    run(scenario())
