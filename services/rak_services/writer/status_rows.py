"""Status records to rows of the pipeline table: the decoder of the signal `pipeline`."""

from collections.abc import Iterator

from rak_libs.model import pipeline
from rak_libs.model.batch import ColumnBatch
from rak_libs.model.pipeline import PipelineRow, append_rows, hour_of
from rak_libs.model.rejected_items import RejectedItems
from rak_libs.model.status import BadStatus, ReceiverStatus, Status, WriterStatus, decode_status
from rak_libs.model.time_window import TimeWindow, reject_reason
from rak_libs.otlp.errors import PermanentOtlpError


class UndecodableStatus(PermanentOtlpError):
    """A message whose bytes are no status record."""


def decode_statuses(
    value: bytes, timestamp_ms: int, window: TimeWindow, batch: ColumnBatch
) -> list[RejectedItems]:
    """Append the rows of one status record to a batch of the pipeline table.

    Its signs of life are dated by the broker, as the items' hours are: the clock of the process
    that wrote it does not count.

    Args:
        value: The record's value.
        timestamp_ms: The record's timestamp.
        window: The hours that the table takes.
        batch: What to append to.

    Returns:
        The whole record, when the table cannot take one of its hours.

    Raises:
        UndecodableStatus: It is no status record; the batch is untouched.
    """
    try:
        status = decode_status(value)
    except BadStatus as error:
        raise UndecodableStatus(str(error)) from error
    rows = list(status_rows(status, timestamp_ms))
    for row in rows:
        reason = reject_reason(row.hour + 1, window)
        if reason is not None:
            return [RejectedItems(reason, 1, value)]
    append_rows(batch, rows)
    return []


def status_rows(status: Status, timestamp_ms: int) -> Iterator[PipelineRow]:
    """Yield the rows of a status record that the broker dated `timestamp_ms`."""
    if isinstance(status, ReceiverStatus):
        yield from _receiver_rows(status, timestamp_ms)
    else:
        yield from _writer_rows(status, timestamp_ms)


def _receiver_rows(status: ReceiverStatus, timestamp_ms: int) -> Iterator[PipelineRow]:
    for signal in status.signals:
        yield PipelineRow(
            signal=signal,
            hour=hour_of(timestamp_ms),
            service=pipeline.RECEIVER,
            outcome=pipeline.ENDED if status.final else pipeline.RUNNING,
            boot=status.boot,
            sequence=status.sequence,
            at=timestamp_ms,
            started_at=status.started_ms,
            release=status.release,
        )
    for count in status.counts:
        yield PipelineRow(
            signal=count.signal,
            hour=hour_of(count.hour_ms),
            service=pipeline.RECEIVER,
            outcome=count.outcome,
            boot=status.boot,
            principal=count.principal,
            reason=count.reason,
            sequence=status.sequence,
            items=count.items,
            at=timestamp_ms,
        )


def _writer_rows(status: WriterStatus, timestamp_ms: int) -> Iterator[PipelineRow]:
    for position in status.positions:
        yield PipelineRow(
            signal=position.signal,
            hour=hour_of(timestamp_ms),
            service=pipeline.WRITER,
            outcome=pipeline.POSITION,
            boot=status.boot,
            topic=position.topic,
            partition=position.partition,
            sequence=status.sequence,
            first_offset=position.next_offset,
            last_offset=max(position.end_offset - 1, 0),
            at=timestamp_ms,
            lag=position.lag,
            written_until=position.written_until_ms,
            oldest_unwritten=position.oldest_unwritten_ms,
            started_at=status.started_ms,
            release=status.release,
        )
