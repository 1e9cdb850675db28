"""`rak-writer replay`: a time range of a topic, written into a table of its own."""

import asyncio
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from rak_libs.clickhouse.errors import PermanentClickHouseError
from rak_libs.clickhouse.insert import Inserter
from rak_libs.clickhouse.statements import Statements
from rak_libs.kafka.records import Record
from rak_libs.kafka.topic_reader import TopicReader, open_reader
from rak_libs.kafka.topics import REPLAY_OF
from rak_libs.model.time_text import format_time
from rak_libs.runtime.settings import Config
from rak_services.writer.exit_status import ExitStatus
from rak_services.writer.replay.messages import decode_messages, is_full, shadow_of
from rak_services.writer.replay.shadow_rows import ShadowRows
from rak_services.writer.replay.shadow_table import prepare_shadow_table
from rak_services.writer.signals import SIGNALS, Signal, SignalTable

CLIENT_ID: Final = "rak-writer-replay"
_NS_PER_MS: Final = 1_000_000


@dataclass(slots=True)
class Counts:
    """What came of a range.

    Attributes:
        messages: Messages of the range.
        sent_again: Those of them that were dead letters once (`rak-writer dlq replay`).
        rows: Their rows that are in the table now.
        inserted: Those of them that were not there before.
        refused: What a writer would dead-letter, by reason: items, or messages where these cannot
            be decoded.
    """

    messages: int = 0
    sent_again: int = 0
    rows: int = 0
    inserted: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def describe(self) -> str:
        """Return one line."""
        refused = "".join(f", {count} {reason}" for reason, count in sorted(self.refused.items()))
        return (
            f"{self.messages} messages ({self.sent_again} of them once dead letters), "
            f"{self.rows} rows ({self.inserted} of them new), "
            f"{self.refused.total()} refused{refused}"
        )


class RangeReplay:
    """Writes a range of one topic; one thread decodes and inserts, the loop reads."""

    def __init__(
        self,
        signal: Signal,
        target: SignalTable,
        retention_days: int,
        rows: ShadowRows,
        *,
        originals_only: bool,
    ) -> None:
        """Describe the replay.

        Args:
            signal: What the topic holds.
            target: Which of its tables the rows are wanted of.
            retention_days: The time window that messages are decoded with.
            rows: Where their rows go.
            originals_only: Whether messages that were dead letters once are left out.
        """
        self._signal = signal
        self._target = target
        self._retention_days = retention_days
        self._rows = rows
        self._originals_only = originals_only
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="replay")
        self.counts = Counts()

    async def run(self, reader: TopicReader, from_ns: int, to_ns: int) -> None:
        """Write every message that is dated in the range, from `from_ns` to before `to_ns`.

        Raises:
            KafkaError: The topic cannot be read.
            ClickHouseError: The table cannot be written.
        """
        topic = self._signal.topic
        first_ms, end_ms = _milliseconds(from_ns), _milliseconds(to_ns)
        earliest = await reader.stretches(topic)
        for partition, stretch in (await reader.stretches(topic, first_ms)).items():
            waiting: list[Record] = []
            begins_late = stretch.start == earliest[partition].start > 0
            async for record in reader.read(topic, partition, stretch, end_ms):
                if begins_late and record.timestamp_ms > first_ms:
                    _warn_of_expired(record)
                begins_late = False
                if first_ms <= record.timestamp_ms < end_ms and self._is_wanted(record):
                    waiting.append(record)
                if is_full(waiting):
                    await self._write(waiting)
                    waiting = []
            await self._write(waiting)

    def close(self) -> None:
        """End the thread, whatever it waits for."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _is_wanted(self, record: Record) -> bool:
        return not (self._originals_only and _was_sent_again(record))

    async def _write(self, records: Sequence[Record]) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._store, records)
        self.counts.messages += len(records)
        self.counts.sent_again += sum(map(_was_sent_again, records))

    def _store(self, records: Sequence[Record]) -> None:
        messages = decode_messages(records, self._signal, self._target, self._retention_days)
        try:
            inserted = self._rows.store(messages)
        except PermanentClickHouseError:
            if len(records) > 1:
                middle = len(records) // 2
                self._store(records[:middle])
                self._store(records[middle:])
                return
            messages.refused["insert_refused"] += messages.columns.rows
        else:
            self.counts.rows += messages.columns.rows
            self.counts.inserted += inserted
        self.counts.refused += messages.refused


async def replay_range(config: Config, arguments: Namespace) -> ExitStatus:
    """Write the range that the arguments name, and print what came of it."""
    signal = next(signal for signal in SIGNALS.values() if signal.topic == arguments.topic)
    target = _wanted_table(signal, arguments.table)
    retention_days = signal.retention_days(config.storage)
    with Statements(config.clickhouse) as statements:
        database = config.clickhouse.database
        made = prepare_shadow_table(statements, database, target.table, arguments.into)
    if made:
        print(f"made {arguments.into} like {target.table.name}", file=sys.stderr)
    inserter = Inserter(config.clickhouse)
    table = shadow_of(target.table, arguments.into)
    rows = ShadowRows(inserter, table, target, retention_days)
    replay = RangeReplay(
        signal, target, retention_days, rows, originals_only=arguments.originals_only
    )
    try:
        async with open_reader(config.kafka, CLIENT_ID) as reader:
            await replay.run(reader, arguments.from_ns, arguments.to_ns)
    finally:
        inserter.close()
        replay.close()
    print(f"{arguments.into}: {replay.counts.describe()}")
    return ExitStatus.DONE


def _wanted_table(signal: Signal, name: str | None) -> SignalTable:
    """Return the table of that name, or the first that holds items; arguments were checked."""
    return next(
        each for each in signal.tables if each.table.by_batch and name in (None, each.table.name)
    )


def _was_sent_again(record: Record) -> bool:
    return any(name == REPLAY_OF for name, _ in record.headers)


def _milliseconds(time_ns: int) -> int:
    """The first millisecond that is not before a time; records are dated in milliseconds."""
    return -(-time_ns // _NS_PER_MS)


def _warn_of_expired(record: Record) -> None:
    began = format_time(record.timestamp_ms * _NS_PER_MS)
    print(
        f"{record.topic}/{record.partition} begins with offset {record.offset} of {began}: what "
        "was before it has expired",
        file=sys.stderr,
    )
