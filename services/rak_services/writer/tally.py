"""What became of the items of one batch: the writer's part of the account."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rak_libs.kafka.consumer import Record
from rak_libs.kafka.topics import Envelope
from rak_libs.model import pipeline
from rak_libs.model.batch import ColumnBatch, new_batch
from rak_libs.model.pipeline import PIPELINE, PipelineRow, append_rows, hour_of
from rak_libs.model.time_window import DAY_NS

if TYPE_CHECKING:
    from rak_services.writer.batch import Refused

INSERT_REFUSED: Final = "insert_refused"

_NS_PER_MS: Final = 1_000_000
_MOST_REJECTED: Final = 2**31
"""A header may claim any number; the sum over a batch's messages has to fit a column."""


class _Source(NamedTuple):
    """Where items come from, and when: what receivers count by."""

    hour: int
    principal: str
    boot: str


@dataclass(slots=True)
class _Arrival:
    """What came from one source; `oldest_ms` is when the first of it was received."""

    oldest_ms: int
    items: int = 0
    messages: int = 0
    rejected: int = 0
    stored: Counter[int] = field(default_factory=Counter)
    dead_lettered: Counter[str] = field(default_factory=Counter)


class Tally:
    """Counts the items of one batch by source: what arrived, what is stored, what was set aside.

    What arrived is what the receiver said in the message's headers, whatever was found in it. Of a
    message from another producer it is what was found, or 1 when it cannot be decoded.
    """

    def __init__(self, signal: str) -> None:
        self._signal = signal
        self._arrivals: dict[_Source, _Arrival] = {}
        self._last: tuple[_Arrival, Mapping[int, int]] | None = None
        self._messages = 0
        self._topic = ""
        self._partition = 0
        self._first_offset = 0
        self._last_offset = 0

    def add(self, record: Record, times_ns: Sequence[int], refused: Sequence["Refused"]) -> None:
        """Count one message, in the order of offsets.

        Args:
            record: The message.
            times_ns: The times of its rows, unix nanoseconds.
            refused: What of it goes to the dead-letter topic.
        """
        envelope = Envelope.from_headers(record.headers)
        arrival = self._arrival(record, envelope)
        undecodable = bool(refused) and not times_ns and refused[0].value is record.value
        found = len(times_ns) + sum(each.count for each in refused)
        # An item takes two bytes at least: no header can claim more of them.
        claimed = min(envelope.accepted, len(record.value)) if envelope else 0
        items = claimed if undecodable and claimed else max(claimed, found)
        arrival.items += items
        arrival.messages += 1
        arrival.rejected += min(envelope.rejected, _MOST_REJECTED) if envelope else 0
        days = _days(times_ns)
        for day, rows in days.items():
            arrival.stored[day] += rows
        for each in refused:
            arrival.dead_lettered[each.reason] += items if undecodable else each.count
        self._last = (arrival, days)
        self._note_place(record)

    def refuse(self, record: Record, reason: str = INSERT_REFUSED) -> None:
        """Count the rows of the batch's only message as dead letters: the INSERT refused them.

        Raises:
            ValueError: The message is not the only one.
        """
        if self._last is None or self._messages != 1 or record.offset != self._last_offset:
            raise ValueError(f"the batch holds {self._messages} messages, not this one alone")
        arrival, days = self._last
        for day, rows in days.items():
            arrival.stored[day] -= rows
            arrival.dead_lettered[reason] += rows
        self._last = (arrival, {})

    def account_rows(self, batch_number: int, written_at_ms: int) -> ColumnBatch:
        """Return the account as rows of the pipeline table, the same for the same batch.

        To be inserted once the batch's rows are known to be stored and its dead letters published,
        before its offsets are committed; without a deduplication token, since repeats collapse.

        Args:
            batch_number: The number that the batch's rows carry as `_batch`.
            written_at_ms: When they became queryable, unix milliseconds.
        """
        batch = new_batch(PIPELINE)
        for source, arrival in self._arrivals.items():
            common: dict[str, Any] = {
                "signal": self._signal,
                "hour": source.hour,
                "service": pipeline.WRITER,
                "boot": source.boot,
                "batch": batch_number,
                "principal": source.principal,
                "topic": self._topic,
                "partition": self._partition,
                "first_offset": self._first_offset,
                "last_offset": self._last_offset,
                "at": written_at_ms,
            }
            append_rows(batch, _rows(arrival, common, written_at_ms))
        return batch

    def _arrival(self, record: Record, envelope: Envelope | None) -> _Arrival:
        received_ms = envelope.received_ns // _NS_PER_MS if envelope else record.timestamp_ms
        principal, boot = (envelope.principal, envelope.boot) if envelope else ("", "")
        source = _Source(hour_of(record.timestamp_ms), principal, boot)
        arrival = self._arrivals.get(source)
        if arrival is None:
            arrival = self._arrivals[source] = _Arrival(received_ms)
        arrival.oldest_ms = min(arrival.oldest_ms, received_ms)
        return arrival

    def _note_place(self, record: Record) -> None:
        if self._messages == 0:
            self._topic, self._partition = record.topic, record.partition
            self._first_offset = record.offset
        self._last_offset = record.offset
        self._messages += 1


def _days(times_ns: Sequence[int]) -> Mapping[int, int]:
    """Items by day; nearly always there is one day, which two passes in C tell."""
    if not times_ns:
        return {}
    first, last = min(times_ns) // DAY_NS, max(times_ns) // DAY_NS
    if first == last:
        return {first: len(times_ns)}
    return Counter(time // DAY_NS for time in times_ns)


def _rows(arrival: _Arrival, common: dict[str, Any], written_at_ms: int) -> list[PipelineRow]:
    rows = [
        PipelineRow(
            outcome=pipeline.ARRIVED,
            items=arrival.items,
            messages=arrival.messages,
            freshness_ms=max(written_at_ms - arrival.oldest_ms, 0),
            **common,
        )
    ]
    if arrival.rejected:
        rows.append(PipelineRow(outcome=pipeline.REJECTED, items=arrival.rejected, **common))
    rows += [
        PipelineRow(outcome=pipeline.STORED, day=day, items=items, **common)
        for day, items in sorted(arrival.stored.items())
        if items
    ]
    rows += [
        PipelineRow(outcome=pipeline.DEAD_LETTERED, reason=reason, items=items, **common)
        for reason, items in sorted(arrival.dead_lettered.items())
    ]
    return rows
