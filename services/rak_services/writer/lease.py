import time
from collections.abc import Awaitable, Callable


class LeaseExpired(Exception):
    """The broker has not confirmed the partition for too long to begin an INSERT."""


class Lease:
    """Whether a partition is still this writer's, as far as the broker has said lately.

    A writer that stood still for longer than its session no longer owns its partitions and may not
    know it yet. So nothing is sent to the engine unless the broker accepted a commit of this
    writer, which it does from the partition's owner only, less than `seconds` ago.
    """

    def __init__(
        self,
        seconds: float,
        confirm: Callable[[], Awaitable[None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin unconfirmed.

        Args:
            seconds: How long a confirmation counts: half of the session's time.
            confirm: Commits; raises PartitionLost when the partition is another's.
            clock: Seconds that go on while the process is stopped.
        """
        self._seconds = seconds
        self._confirm = confirm
        self._clock = clock
        self._until = clock()

    @property
    def holds(self) -> bool:
        """Whether the last confirmation still counts."""
        return self._clock() < self._until

    async def renew(self) -> None:
        """Have the broker confirm the partition.

        Raises:
            KafkaError: What the commit failed with.
        """
        asked_at = self._clock()
        await self._confirm()
        self._until = asked_at + self._seconds

    def check(self) -> None:
        """Return while the last confirmation counts; from any thread.

        Raises:
            LeaseExpired: It does not.
        """
        if not self.holds:
            raise LeaseExpired
