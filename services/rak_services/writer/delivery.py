"""The way of one batch: intent, INSERT, dead letters, account, commit, in this order always."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from tenacity import AsyncRetrying, retry_if_exception, wait_random_exponential

from rak_libs.clickhouse.errors import PermanentClickHouseError
from rak_libs.kafka.consumer import PartitionConsumer
from rak_libs.runtime.logs import get_logger
from rak_services.writer.batch import Batch
from rak_services.writer.crash_points import CrashPoints
from rak_services.writer.dead_letters import DeadLetters
from rak_services.writer.identity import Intent
from rak_services.writer.insertion import EncodedBatch, Insertion, OnFailure
from rak_services.writer.lease import Lease
from rak_services.writer.retries import (
    is_passing_kafka_error,
    sleep_unless,
    stop_when_set,
    warn_of,
)

log = get_logger(__name__)

_NS_PER_MS: Final = 1_000_000


class Delivery:
    """Writes batches, each exactly once where the broker keeps notes beside offsets.

    1. The intent is committed: the offset of the first message, and beside it how far the batch
       reaches. Broker and group refuse it to a writer that does not own the partition any more.
    2. The rows are inserted, under a token made of the batch's identity.
    3. What cannot be stored is published to the dead-letter topic.
    4. What became of the batch's items is noted in the account, where repeats count once.
    5. The offset after the batch is committed, without a note.

    A crash before 1 leaves nothing; one after it leaves an intent, and the next owner forms the
    same batch again and finds out what of it is stored. Only a dead letter may be published twice.

    A batch that the engine refuses for its rows is stored in no part. It is divided, and each half
    goes the same way as a batch of its own, until the guilty messages are alone.
    """

    def __init__(
        self,
        consumer: PartitionConsumer,
        insertion: Insertion,
        dead_letters: DeadLetters,
        account: Insertion | None,
        lease_seconds: float,
        crash_points: CrashPoints,
    ) -> None:
        """Compose the way of batches.

        Args:
            consumer: Where they come from.
            insertion: Where their rows go.
            dead_letters: Where the rest goes.
            account: Where what became of them is noted; None for a signal that is not accounted.
            lease_seconds: How long an accepted commit counts.
            crash_points: Where to die, for tests.
        """
        self._consumer = consumer
        self._insertion = insertion
        self._dead_letters = dead_letters
        self._account = account
        self._lease_seconds = lease_seconds
        self._crash_points = crash_points

    async def deliver(self, batch: Batch, abandoned: asyncio.Event, on_failure: OnFailure) -> None:
        """Write a batch and commit it, trying again for as long as it takes.

        Args:
            batch: What to write; it gives up its columns.
            abandoned: Once set, a failed attempt is the last.
            on_failure: Told of every failed INSERT.

        Raises:
            PartitionLost: The partition is another writer's; the batch is, too.
            TooManyDeadLetters: More was refused than may be set aside.
            ClickHouseError, KafkaError, LeaseExpired: After `abandoned` was set, or for good. The
                batch is not committed, and the next owner of the partition forms it again.
        """
        note = Intent(end_offset=batch.end_offset, token=batch.identity.token).to_note()
        lease = Lease(self._lease_seconds, lambda: self._commit(batch, batch.first_offset, note))
        try:
            await self._store(batch, lease, abandoned, on_failure)
        except PermanentClickHouseError as error:
            if len(batch.records) > 1:
                for records in batch.halves():
                    half = await self._insertion.decode_again(records)
                    await self.deliver(half, abandoned, on_failure)
                return
            log.error("writer.message_refused", **batch.described, error=str(error))
            batch.refuse_alone(error)
        await self._dead_letters.publish(batch.refused, abandoned)
        if self._account is not None:
            rows = batch.tally.account_rows(batch.identity.number, time.time_ns() // _NS_PER_MS)
            await self._account.insert_about(batch, rows, lease, abandoned, on_failure)
        self._crash_points.reach("before-commit")
        await self._retried(abandoned, batch, self._commit, batch, batch.end_offset, "")

    async def _store(
        self, batch: Batch, lease: Lease, abandoned: asyncio.Event, on_failure: OnFailure
    ) -> None:
        encoded: EncodedBatch | None = await self._insertion.encode(batch)
        if encoded is None:
            return
        self._crash_points.reach("before-intent")
        await self._retried(abandoned, batch, lease.renew)
        self._crash_points.reach("after-intent")
        await self._insertion.insert(encoded, lease, abandoned, on_failure)
        self._crash_points.reach("after-insert")
        log.info(
            "writer.batch_inserted",
            **batch.described,
            rows=encoded.rows,
            items=batch.items_decoded,
            verified=encoded.was_unsure,
        )

    async def _commit(self, batch: Batch, offset: int, note: str) -> None:
        await self._consumer.commit({batch.source: offset}, {batch.source: note})

    async def _retried(
        self,
        abandoned: asyncio.Event,
        batch: Batch,
        commit: Callable[..., Awaitable[None]],
        *arguments: object,
    ) -> None:
        retrying = AsyncRetrying(
            retry=retry_if_exception(is_passing_kafka_error),
            wait=wait_random_exponential(multiplier=0.1, max=5),
            stop=stop_when_set(abandoned),
            sleep=sleep_unless(abandoned),
            before_sleep=warn_of("writer.commit_failed", **batch.described),
            reraise=True,
        )
        await retrying(commit, *arguments)
