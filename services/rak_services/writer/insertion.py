"""Getting the rows of a batch into ClickHouse once, whatever it takes."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
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
from rak_libs.kafka.consumer import Record, TopicPartition
from rak_libs.model.batch import ColumnBatch, rows_kept
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.metrics import counter, histogram
from rak_services.writer.batch import Batch
from rak_services.writer.lease import Lease, LeaseExpired
from rak_services.writer.retries import is_passing_kafka_error, sleep_unless, stop_when_set
from rak_services.writer.signals import Rows, Signal, SignalTable
from rak_services.writer.stored_rows import (
    ExpectedRows,
    count_query,
    day_of_partition,
    rows_of_days,
)

log = get_logger(__name__)

MAX_DAYS: Final = 90
"""Daily partitions that one INSERT may touch; the engine refuses more than 100 by default."""

OnFailure = Callable[[ClickHouseError | None], None]
"""Told of every failed attempt, and with None of the success that follows."""

_Result = TypeVar("_Result")

_transient_wait = wait_random_exponential(multiplier=0.1, max=5)
_schema_wait = wait_random_exponential(multiplier=1, min=1, max=60)
_CODE_LABELS: Final = {NETWORK_ERROR: "network", CLIENT_SIDE: "client"}


class PartlyStoredError(SchemaError):
    """The engine refuses rows for good of a batch of which it has stored some.

    A view behind the table fails, or the next of the batch's tables refuses its rows. Neither
    setting the rows aside nor sending them again would be right; an operator must look.
    """


class RowsDoNotStayError(SchemaError):
    """Rows are gone right after they were acknowledged, even under a token of their own.

    Once in a while the engine is killed again in between. Always, the table expires rows that the
    configuration says it keeps, or something deletes them.
    """


@dataclass(slots=True)
class EncodedTable:
    """The rows of a batch that go into one table.

    Attributes:
        target: The table.
        block: The rows.
        expected: How many of them belong to which day.
        unsure: Whether some may be stored already: an attempt failed, or a predecessor's outcome is
            unknown.
        refills: Acknowledged INSERTs after which rows were still missing.
        attempts: INSERTs sent.
    """

    target: SignalTable
    block: EncodedBlock
    expected: ExpectedRows
    unsure: bool = False
    refills: int = 0
    attempts: int = 0

    @property
    def days(self) -> frozenset[int]:
        """The days of its rows."""
        return frozenset(self.expected.by_day)


@dataclass(slots=True)
class EncodedBatch:
    """A batch on its way into its tables; the columns are gone, the messages are still there.

    Attributes:
        batch: Where it comes from.
        tables: What goes into each table that gets rows, in the order of the INSERTs.
        stored: How many of them are done.
    """

    batch: Batch
    tables: Sequence[EncodedTable]
    stored: int = 0

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(each.block.rows for each in self.tables)

    @property
    def was_unsure(self) -> bool:
        """Whether it had to be found out what of it is stored."""
        return any(each.unsure for each in self.tables)

    @property
    def has_stored_items(self) -> bool:
        """Whether rows of it are stored that may not be stored twice."""
        return any(each.target.table.by_batch for each in self.tables[: self.stored])


class Insertion:
    """Inserts batches of one signal.

    An INSERT whose answer did not come may have been carried out, in part, or not at all. Sent
    again with the same deduplication token, it adds only the partitions that the table has not
    got, so two attempts at once are harmless. But the engine writes a token down before it
    publishes the part that belongs to it: killed in between, it takes the retry for a repetition,
    and the rows are lost. So after every unknown outcome the rows are counted, and what is missing
    is inserted under a token of its own.
    """

    def __init__(
        self,
        signal: Signal,
        retention_days: int,
        inserter: Inserter,
        executor: Executor,
        *,
        refills: bool = True,
    ) -> None:
        """Compose the insertion of a signal.

        Args:
            signal: What is inserted.
            retention_days: How long its table keeps rows.
            inserter: The engine.
            executor: Threads for INSERTs and encoding.
            refills: Whether missing rows get a token of their own. Not on a cluster: replicated
                tables publish token and part together, and a count may come from a replica that
                is behind.
        """
        self._signal = signal
        self._retention_days = retention_days
        self._inserter = inserter
        self._executor = executor
        self._refills = refills

    async def encode(self, batch: Batch) -> EncodedBatch | None:
        """Encode the rows of a batch, which gives them up; None when it has none.

        Everything is encoded before anything is inserted: what cannot be is known in time.

        Raises:
            PermanentClickHouseError: Its rows cannot go into one INSERT a table.
        """
        # Passed on without a name here, so that the columns can go as soon as they are encoded.
        return await self._in_thread(self._encode, batch, batch.give_up_rows())

    async def insert(
        self, encoded: EncodedBatch, lease: Lease, abandoned: asyncio.Event, on_failure: OnFailure
    ) -> None:
        """Insert a batch so that each of its rows is stored once.

        Failures of the engine, the network or the schema are tried again for as long as it takes.

        Args:
            encoded: What to insert.
            lease: Renewed before an attempt when it has run out.
            abandoned: Once set, a failed attempt is the last.
            on_failure: Told of every failed attempt.

        Raises:
            PermanentClickHouseError: The engine refuses the rows; none of them is stored.
            ClickHouseError, LeaseExpired: The last attempt's error, after `abandoned` was set.
            KafkaError: The lease could not be renewed; PartitionLost at once, others as above.
        """

        def note(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            if isinstance(error, ClickHouseError):
                on_failure(error)
            _log_failure(error, encoded.batch, state)

        retrying = AsyncRetrying(
            retry=retry_if_exception(_is_retried),
            wait=_backoff,
            stop=stop_when_set(abandoned),
            sleep=sleep_unless(abandoned),
            before_sleep=note,
            reraise=True,
        )
        rows = encoded.rows
        try:
            await retrying(self._advance, encoded, lease)
        except PermanentClickHouseError as error:
            counter("ingest_insert_errors_total").labels(_label(error)).inc()
            raise
        finally:
            # The retries' cycles reach them, and the collector comes by rarely.
            for each in encoded.tables:
                each.block = replace(each.block, data=b"")
        on_failure(None)
        histogram("ingest_batch_size").labels(self._signal.name).observe(rows)

    async def insert_about(
        self,
        batch: Batch,
        columns: ColumnBatch,
        lease: Lease,
        abandoned: asyncio.Event,
        on_failure: OnFailure,
    ) -> None:
        """Insert rows about a batch of another table, of which repeats count once.

        Raises:
            ClickHouseError, LeaseExpired, KafkaError: As `insert`.
        """
        (target,) = self._signal.tables
        block = await self._in_thread(encode_block, target.table, columns)
        about = EncodedTable(target, block, ExpectedRows.of_table(target, columns))
        await self.insert(EncodedBatch(batch, [about]), lease, abandoned, on_failure)

    async def decode_again(self, records: Sequence[Record]) -> Batch:
        """Form a batch of messages that were decoded before."""
        return await self._in_thread(self._decode_again, records)

    async def _advance(self, encoded: EncodedBatch, lease: Lease) -> None:
        """Insert what is missing until nothing is; after an error the next call goes on."""
        while encoded.stored < len(encoded.tables):
            await self._advance_table(encoded, encoded.tables[encoded.stored], lease)
            encoded.stored += 1

    async def _advance_table(self, encoded: EncodedBatch, rows: EncodedTable, lease: Lease) -> None:
        if not lease.holds:
            await lease.renew()
        verified = rows.unsure and rows.target.table.by_batch
        missing = await self._missing_days(encoded.batch, rows) if verified else rows.days
        while missing:
            await self._attempt(encoded, rows, missing, lease)
            if not verified:
                return
            missing = await self._missing_days(encoded.batch, rows)
            if missing:
                self._note_missing(encoded.batch, rows, len(missing))
        await self._mend_views(encoded.batch, rows)

    def _note_missing(self, batch: Batch, rows: EncodedTable, days: int) -> None:
        log.warning(
            "writer.rows_missing", **batch.described, table=rows.block.table.name, days=days
        )
        if not self._refills:
            raise TransientClickHouseError(CLIENT_SIDE, "acknowledged rows are not there")
        rows.refills += 1
        if rows.refills > 1:
            raise RowsDoNotStayError(CLIENT_SIDE, f"{days} days are missing again")

    async def _attempt(
        self, encoded: EncodedBatch, rows: EncodedTable, days: frozenset[int], lease: Lease
    ) -> None:
        block = rows.block
        if days != rows.days:
            block = await self._in_thread(self._block_of_days, encoded.batch, rows.target, days)
        rows.attempts += 1
        try:
            await self._in_thread(self._send, encoded.batch, rows, block, lease)
        except PermanentClickHouseError as error:
            rows.unsure = True
            if encoded.has_stored_items or await self._stored_days(encoded.batch, rows):
                raise PartlyStoredError(error.code, error.message) from error
            raise
        except ClickHouseError:
            rows.unsure = True
            raise

    def _send(self, batch: Batch, rows: EncodedTable, block: EncodedBlock, lease: Lease) -> None:
        table, identity = block.table, batch.identity
        settings: dict[str, Any] = {"insert_deduplicate": 0}
        if table.by_batch:
            refill = f"-r{rows.refills}" if rows.refills else ""
            settings = {"insert_deduplication_token": f"{identity.token}-{table.name}{refill}"}
        query_id = f"{identity.token}-{table.name}-{rows.attempts}"
        lease.check()
        started = time.perf_counter()
        try:
            self._inserter.insert_block(block, settings, query_id)
        finally:
            seconds = time.perf_counter() - started
            histogram("ingest_flush_duration_seconds").labels(self._signal.name).observe(seconds)

    async def _missing_days(self, batch: Batch, rows: EncodedTable) -> frozenset[int]:
        """Ask the engine for the days of which rows of the batch should be stored and none is."""
        lasting = rows.expected.lasting_days(self._retention_days, time.time_ns())
        return lasting - await self._stored_days(batch, rows)

    async def _stored_days(self, batch: Batch, rows: EncodedTable) -> frozenset[int]:
        if not rows.target.table.by_batch:
            return frozenset()
        counter("ingest_verifications_total").labels(self._signal.name).inc()
        expected = rows.expected.by_day
        query = count_query(rows.target, batch.identity.number, rows.expected)
        found = await self._in_thread(self._inserter.execute, query)
        stored = {day_of_partition(partition): count for partition, count in found}
        differing = [day for day, count in stored.items() if count != expected.get(day)]
        if differing:
            # A day's rows come in one part, whole: another program decoded them, or deleted some.
            table = rows.target.table.name
            log.error("writer.stored_rows_differ", **batch.described, table=table,
                      days=len(differing))  # fmt: skip
        return frozenset(stored)

    async def _mend_views(self, batch: Batch, rows: EncodedTable) -> None:
        """Write again what views made of the batch, where writing it twice changes nothing."""
        expected = rows.expected
        for statement in rows.target.mending(
            batch.identity.number, expected.oldest_ns, expected.newest_ns
        ):
            await self._in_thread(self._inserter.execute, statement)

    def _encode(self, batch: Batch, decoded: Rows) -> EncodedBatch | None:
        tables = [
            self._encode_table(batch, target, columns)
            for target in self._signal.tables
            if (columns := decoded.tables[target.table.name]).rows
        ]
        return EncodedBatch(batch, tables) if tables else None

    def _encode_table(
        self, batch: Batch, target: SignalTable, columns: ColumnBatch
    ) -> EncodedTable:
        expected = ExpectedRows.of_table(target, columns)
        if len(expected.by_day) > MAX_DAYS:
            raise PermanentClickHouseError(
                TOO_MANY_PARTS,
                f"the rows are of {len(expected.by_day)} days, {MAX_DAYS} at most in an INSERT",
            )
        block = encode_block(target.table, columns, batch.identity.number)
        return EncodedTable(target, block, expected, unsure=batch.replayed)

    def _block_of_days(
        self, batch: Batch, target: SignalTable, days: frozenset[int]
    ) -> EncodedBlock:
        columns = self._decode_again(batch.records).give_up_rows().tables[target.table.name]
        kept = rows_kept(columns, rows_of_days(target, columns, days))
        return encode_block(target.table, kept, batch.identity.number)

    def _decode_again(self, records: Sequence[Record]) -> Batch:
        source = TopicPartition(records[0].topic, records[0].partition)
        batch = Batch.begin(source, self._signal, self._retention_days, 0.0)
        for record in records:
            batch.add(record)
        return batch

    async def _in_thread(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, function, *arguments
        )


def _is_retried(error: BaseException) -> bool:
    passing = isinstance(error, TransientClickHouseError | SchemaError | LeaseExpired)
    return passing or is_passing_kafka_error(error)


def _backoff(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return (_schema_wait if isinstance(error, SchemaError) else _transient_wait)(state)


def _label(error: ClickHouseError) -> str:
    return _CODE_LABELS.get(error.code, str(error.code))


def _log_failure(error: BaseException | None, batch: Batch, state: RetryCallState) -> None:
    fields = {**batch.described, "attempt": state.attempt_number}
    if not isinstance(error, ClickHouseError):
        log.warning("writer.lease_not_renewed", error=str(error), **fields)
        return
    counter("ingest_insert_errors_total").labels(_label(error)).inc()
    fields |= {"code": error.code, "error": error.message}
    if isinstance(error, PartlyStoredError):
        log.error("writer.partly_stored", advice="a view behind the table, or the next of "
                  "the batch's tables, refuses these rows; put it right", **fields)  # fmt: skip
    elif isinstance(error, RowsDoNotStayError):
        log.error("writer.rows_do_not_stay", advice="is the table's TTL that of [storage]?",
                  **fields)  # fmt: skip
    elif isinstance(error, SchemaError):
        log.error("writer.schema_mismatch", advice="nothing is written until it is put right; "
                  "has `rak-migrate up` run?", **fields)  # fmt: skip
    else:
        log.warning("writer.insert_failed", **fields)
