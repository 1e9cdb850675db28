"""Getting the rows of a batch into ClickHouse, whatever it takes, and setting aside what cannot."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, Final

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    wait_random_exponential,
)

from rak_libs.clickhouse.errors import (
    CLIENT_SIDE,
    NETWORK_ERROR,
    TOO_MANY_PARTS,
    ClickHouseError,
    PermanentClickHouseError,
    SchemaError,
    TransientClickHouseError,
)
from rak_libs.clickhouse.insert import EncodedBlock, Inserter, encode_block
from rak_libs.kafka.consumer import Record
from rak_libs.model.batch import ColumnBatch
from rak_libs.model.time_window import DAY_NS
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.metrics import counter, histogram
from rak_services.writer.batch import Batch, Refused
from rak_services.writer.retries import sleep_unless, stop_when_set
from rak_services.writer.signals import Signal

log = get_logger(__name__)

MAX_DAYS: Final = 90
"""Daily partitions that one INSERT may touch; the engine refuses more than 100 by default."""

OnFailure = Callable[[ClickHouseError | None], None]
"""Told of every failed attempt, and with None of the success that follows."""

_transient_wait = wait_random_exponential(multiplier=0.1, max=5)
_schema_wait = wait_random_exponential(multiplier=1, min=1, max=60)
_CODE_LABELS: Final = {NETWORK_ERROR: "network", CLIENT_SIDE: "client"}


class Insertion:
    """Inserts batches of one signal."""

    def __init__(
        self, signal: Signal, retention_days: int, inserter: Inserter, executor: Executor
    ) -> None:
        self._signal = signal
        self._retention_days = retention_days
        self._inserter = inserter
        self._executor = executor

    async def insert(
        self, batch: Batch, abandoned: asyncio.Event, on_failure: OnFailure
    ) -> list[Refused]:
        """Insert a batch with one INSERT, and return what ClickHouse refuses of it.

        Failures of the engine, the network or the schema are tried again for as long as it takes.
        A batch that is refused for its rows is taken apart by halves until the guilty messages
        are alone; the others are inserted.

        Args:
            batch: What to insert; it gives up its columns.
            abandoned: Once set, a failed attempt is the last.
            on_failure: Told of every failed attempt.

        Raises:
            ClickHouseError: The last attempt's error, after `abandoned` was set.
        """
        # Passed on without a name here, so that the columns can go as soon as they are encoded.
        return await self._insert(batch.give_up_columns(), batch.records, abandoned, on_failure)

    async def _insert(
        self,
        columns: ColumnBatch,
        records: Sequence[Record],
        abandoned: asyncio.Event,
        on_failure: OnFailure,
    ) -> list[Refused]:
        if not columns.rows:
            return []
        try:
            block = await self._in_thread(self._encode, columns)
            # From here on the block is all that is needed, at a tenth of the columns' memory.
            del columns
            await self._insert_block(block, records, abandoned, on_failure)
        except PermanentClickHouseError as error:
            counter("ingest_insert_errors_total").labels(_label(error)).inc()
            if len(records) == 1:
                name = type(error).__name__
                log.error("writer.message_refused", offset=records[0].offset, error=str(error))
                return [Refused(records[0], "insert_refused", name, 1, records[0].value)]
            return await self._insert_halves(records, abandoned, on_failure)
        return []

    async def _insert_halves(
        self, records: Sequence[Record], abandoned: asyncio.Event, on_failure: OnFailure
    ) -> list[Refused]:
        refused: list[Refused] = []
        middle = len(records) // 2
        for half in (records[:middle], records[middle:]):
            columns = await self._in_thread(self._decode_again, half)
            refused += await self._insert(columns, half, abandoned, on_failure)
        return refused

    def _decode_again(self, records: Sequence[Record]) -> ColumnBatch:
        first = records[0]
        batch = Batch(first.topic, first.partition, 0.0, self._signal.new_batch())
        for record in records:
            # What a check refuses was noted when the message was first decoded.
            batch.add(record, self._signal, self._retention_days)
        return batch.columns

    def _encode(self, columns: ColumnBatch) -> EncodedBlock:
        times: Any = columns.columns[self._signal.time_column]
        if max(times) - min(times) > MAX_DAYS * DAY_NS:
            days = len({time // DAY_NS for time in times})
            if days > MAX_DAYS:
                raise PermanentClickHouseError(
                    TOO_MANY_PARTS, f"the rows are of {days} days, {MAX_DAYS} at most in an INSERT"
                )
        return encode_block(self._signal.table, columns)

    async def _insert_block(
        self,
        block: EncodedBlock,
        records: Sequence[Record],
        abandoned: asyncio.Event,
        on_failure: OnFailure,
    ) -> None:
        def note(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            assert isinstance(error, ClickHouseError)  # noqa: S101 - nothing else is retried
            on_failure(error)
            _log_failure(error, records, state)

        retrying = AsyncRetrying(
            retry=retry_if_exception_type((TransientClickHouseError, SchemaError)),
            wait=_backoff,
            stop=stop_when_set(abandoned),
            sleep=sleep_unless(abandoned),
            before_sleep=note,
            reraise=True,
        )
        await retrying(self._attempt, block)
        on_failure(None)
        histogram("ingest_batch_size").labels(self._signal.name).observe(block.rows)

    async def _attempt(self, block: EncodedBlock) -> None:
        # The place for what identifies the batch to the engine: a deduplication token.
        settings: Mapping[str, Any] = {}
        started = time.perf_counter()
        try:
            await self._in_thread(self._inserter.insert_block, block, settings)
        finally:
            seconds = time.perf_counter() - started
            histogram("ingest_flush_duration_seconds").labels(self._signal.name).observe(seconds)

    async def _in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, function, *arguments
        )


def _backoff(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return (_schema_wait if isinstance(error, SchemaError) else _transient_wait)(state)


def _label(error: ClickHouseError) -> str:
    return _CODE_LABELS.get(error.code, str(error.code))


def _log_failure(error: ClickHouseError, records: Sequence[Record], state: RetryCallState) -> None:
    counter("ingest_insert_errors_total").labels(_label(error)).inc()
    fields = {
        "topic": records[0].topic,
        "partition": records[0].partition,
        "first_offset": records[0].offset,
        "last_offset": records[-1].offset,
        "attempt": state.attempt_number,
        "code": error.code,
        "error": error.message,
    }
    if isinstance(error, SchemaError):
        log.error("writer.schema_mismatch", advice="nothing is written until it is put right; "
                  "has `rak-migrate up` run?", **fields)  # fmt: skip
    else:
        log.warning("writer.insert_failed", **fields)
