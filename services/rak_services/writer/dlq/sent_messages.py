from collections.abc import Iterable

from rak_libs.kafka.topic_reader import Stretch, TopicReader
from rak_libs.kafka.topics import REPLAY_OF


class SentMessages:
    """Where messages that were sent again are, as far as the topics were looked through."""

    def __init__(self, reader: TopicReader) -> None:
        self._reader = reader
        self._looked_to: dict[tuple[str, int], int] = {}
        self._found: dict[bytes, str] = {}
        self._cut_short: set[str] = set()

    async def look(self, topic: str, since_ms: int) -> None:
        """Look through a topic from a time (unix ms) to its end; the next time, only go on.

        Raises:
            KafkaError: The topic cannot be read.
        """
        whole = await self._reader.stretches(topic)
        for partition, stretch in (await self._reader.stretches(topic, since_ms)).items():
            known = self._looked_to.get((topic, partition))
            start = stretch.start if known is None else max(known, stretch.start)
            # What was there at that time may have expired when the log begins after it.
            begins_late = known is None and stretch.start == whole[partition].start > 0
            async for record in self._reader.read(topic, partition, Stretch(start, stretch.end)):
                begins_late = begins_late and record.timestamp_ms > since_ms
                if begins_late:
                    self._cut_short.add(topic)
                sent_as = dict(record.headers).get(REPLAY_OF)
                if sent_as:
                    self._found[sent_as] = f"{topic}/{partition}/{record.offset}"
            if begins_late:
                self._cut_short.add(topic)
            self._looked_to[topic, partition] = stretch.end

    def place_of(self, sent_as: Iterable[str]) -> str:
        """Where a message is that says it is one of these; '' when none was found."""
        places = (self._found.get(text.encode(), "") for text in sent_as)
        return next(filter(None, places), "")

    def may_have_expired(self, topic: str) -> bool:
        """Whether a message that was not found may have been there."""
        return topic in self._cut_short
