"""Whether a broker keeps notes, Kafka's offset metadata: Apache Kafka does, not all others do."""

from collections.abc import Mapping
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from rak_libs.kafka.aiokafka_seams import Membership, commit_as, committed_offsets
from rak_libs.kafka.positions import Committed

_PROBE: Final = "rak-probe"


async def gives_notes_back(
    consumer: AIOKafkaConsumer, member: Membership, starts: Mapping[TopicPartition, Committed]
) -> bool:
    """Find out whether the broker keeps notes.

    A note that is there proves it; otherwise one is committed, read again and taken away.

    Args:
        consumer: A member of a group.
        member: Its membership.
        starts: What the group has committed in partitions of this member, at least one.

    Raises:
        kafka.KafkaError: the coordinator does not know, or not yet; a probe may be left.
    """
    if any(start.note for start in starts.values()):
        return True
    partition, start = min(starts.items())
    await commit_as(consumer, member, {partition: start._replace(note=_PROBE)})
    found = (await committed_offsets(consumer, [partition]))[partition]
    await commit_as(consumer, member, {partition: start})
    return found is not None and found.note == _PROBE


def without_probe(start: Committed) -> Committed:
    """Leave out the note of a member that died while it asked whether notes are kept."""
    return start._replace(note="") if start.note == _PROBE else start
