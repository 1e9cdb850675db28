"""Status records on their way to topic `rak_pipeline`: one every few seconds, one at the end."""

import asyncio
import contextlib
import itertools
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Final

from rak_libs.kafka.account import MOST_CHANGES, Account
from rak_libs.kafka.errors import KafkaError
from rak_libs.kafka.publisher import Publisher
from rak_libs.kafka.topics import PIPELINE
from rak_libs.model.status import Position, ReceiverStatus, Status, WriterStatus, encode_status
from rak_libs.runtime.boot import Boot
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.metrics import counter

log = get_logger(__name__)

PUBLISHED: Final = "published"
NOT_PUBLISHED: Final = "failed"


class StatusReports(ABC):
    """Publishes what a process says of itself; a broker that is away costs it nothing else."""

    def __init__(self, publisher: Publisher, boot: Boot, interval_seconds: float) -> None:
        self.boot = boot
        self._publisher = publisher
        self._interval_seconds = interval_seconds
        self._sequences = itertools.count(1)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Publish a record now and one every interval, in the background."""
        self._task = asyncio.create_task(self._report_for_ever(), name="status reports")

    async def stop(self) -> None:
        """Publish no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @abstractmethod
    async def report(self) -> None:
        """Publish what is to be said now.

        Raises:
            KafkaError: It could not be published, or not all of it.
        """

    async def publish(self, status: Status) -> None:
        """Publish one record.

        Raises:
            KafkaError: The broker did not acknowledge it.
        """
        await self._publisher.publish(PIPELINE, encode_status(status), [])

    def next_sequence(self) -> int:
        """Return the number of the next record; one that may not have arrived is not used again."""
        return next(self._sequences)

    async def try_to_report(self) -> None:
        """Publish what is to be said now, or log why it cannot be."""
        outcome = NOT_PUBLISHED
        try:
            await self.report()
            outcome = PUBLISHED
        except KafkaError as error:
            log.warning("status.not_published", error=str(error))
        finally:
            counter("ingest_status_records_total").labels(outcome).inc()

    async def _report_for_ever(self) -> None:
        while True:
            await self.try_to_report()
            await asyncio.sleep(self._interval_seconds)


class ReceiverReports(StatusReports):
    """The status records of a receiver."""

    def __init__(
        self,
        publisher: Publisher,
        interval_seconds: float,
        account: Account,
        signals: Sequence[str],
    ) -> None:
        """Describe the reports of a receiver of `signals` that counts in `account`."""
        super().__init__(publisher, account.boot, interval_seconds)
        self._account = account
        self._signals = list(signals)
        self._is_last = False

    async def close(self, deadline: float, *, complete: bool) -> None:
        """Publish the last record, within `deadline` seconds; harmless when never started.

        It closes the account when that is `complete`: when nothing is under way any more.
        """
        if self._task is None:
            return
        await self.stop()
        self._is_last = complete
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(deadline, 0)):
                await self.try_to_report()

    async def report(self) -> None:
        """Publish the counts that changed, in as many records as they need, at least one."""
        more = True
        while more:
            changes = self._account.changes()
            more = len(changes) == MOST_CHANGES
            status = ReceiverStatus(
                boot=self.boot.id,
                sequence=self.next_sequence(),
                started_ms=self.boot.started_ms,
                at_ms=time.time_ns() // 1_000_000,
                release=self.boot.release,
                final=self._is_last and not more,
                signals=self._signals,
                counts=changes,
            )
            await self.publish(status)
            self._account.told(changes, time.monotonic())


class WriterReports(StatusReports):
    """The status records of a writer."""

    def __init__(
        self,
        publisher: Publisher,
        boot: Boot,
        interval_seconds: float,
        positions: Callable[[], Sequence[Position]],
    ) -> None:
        """Describe the reports of a writer that is at `positions`."""
        super().__init__(publisher, boot, interval_seconds)
        self._positions = positions

    async def report(self) -> None:
        """Publish where the writer is."""
        status = WriterStatus(
            boot=self.boot.id,
            sequence=self.next_sequence(),
            started_ms=self.boot.started_ms,
            at_ms=time.time_ns() // 1_000_000,
            release=self.boot.release,
            positions=list(self._positions()),
        )
        await self.publish(status)
