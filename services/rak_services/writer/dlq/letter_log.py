from collections.abc import Sequence
from itertools import groupby

from rak_libs.kafka.records import Record
from rak_libs.kafka.topic_reader import Stretch, TopicReader
from rak_services.writer.dlq.letters import Letter, LetterBook, letter_key


class LetterLog:
    """A dead-letter topic as it is read: its letters now, their records when they are wanted."""

    def __init__(self, reader: TopicReader, topic: str) -> None:
        self._reader = reader
        self._topic = topic
        self._read_to: dict[int, int] = {}
        self.book = LetterBook()

    async def catch_up(self) -> None:
        """Read on to the log's present end.

        Raises:
            KafkaError: The topic cannot be read.
        """
        for partition, stretch in (await self._reader.stretches(self._topic)).items():
            start = max(stretch.start, self._read_to.get(partition, 0))
            unread = Stretch(start, stretch.end)
            async for record in self._reader.read(self._topic, partition, unread):
                self.book.add(record)
            self._read_to[partition] = stretch.end

    def has_read(self, partition: int, offset: int) -> bool:
        """Whether everything up to and including this record was taken in."""
        return offset < self._read_to.get(partition, 0)

    async def records(self, letters: Sequence[Letter]) -> dict[str, Record]:
        """Read letters whole, by their keys; those that have expired are left out.

        Raises:
            KafkaError: The topic cannot be read.
        """
        present = await self._reader.stretches(self._topic)
        found: dict[str, Record] = {}
        in_order = sorted(letters, key=lambda letter: letter.id)
        for partition, group in groupby(in_order, key=lambda letter: letter.id.partition):
            by_offset = {letter.id.offset: letter for letter in group}
            start = max(min(by_offset), present[partition].start)
            stretch = Stretch(start, min(max(by_offset) + 1, present[partition].end))
            async for record in self._reader.read(self._topic, partition, stretch):
                letter = by_offset.get(record.offset)
                # A topic that was made anew has other records at the same places.
                if letter and letter_key(letter.what, record.value) == letter.key:
                    found[letter.key] = record
        return found
