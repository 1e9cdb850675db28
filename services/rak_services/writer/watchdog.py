"""Ends a process whose consumer is stuck, so that whatever supervises it starts another one.

Consumers do get stuck: a group that never forms again, a fetch that nobody waits for, a loop that
is blocked. The writer cannot tell that from a quiet topic, so the broker is asked, over connections
of the watchdog's own, from a thread of its own.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from rak_libs.kafka.admin import connect
from rak_libs.kafka.consumer import TopicPartition
from rak_libs.kafka.errors import KafkaError
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.metrics import gauge
from rak_libs.runtime.settings import KafkaSettings

log = get_logger(__name__)

Lag = Mapping[TopicPartition, int]
"""Messages of each partition that a group has not committed yet."""

_ROUNDS: Final = 8
"""How often the watchdog looks while a consumer becomes stuck."""
_ASK_SECONDS: Final = 10.0


class _Sight(NamedTuple):
    at: float
    assigned: AbstractSet[TopicPartition]
    is_member: bool


class Vigil:
    """Whether one consumer makes headway, as far as its writer and the broker tell.

    The writer's loop tells and the watchdog's thread judges, so what is told is replaced whole.

    Attributes:
        group: The consumer group.
        topic: What it reads.
    """

    def __init__(
        self,
        group: str,
        topic: str,
        stuck_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with headway.

        Args:
            group: The consumer group.
            topic: What it reads.
            stuck_seconds: How long a consumer with something to do may do nothing.
            clock: Seconds.
        """
        self.group = group
        self.topic = topic
        self._stuck_seconds = stuck_seconds
        self._clock = clock
        self._headway_at = clock()
        self._sight = _Sight(clock(), frozenset(), is_member=False)
        self._is_over = False

    def progress(self) -> None:
        """Note that messages were read or written, or that it is known why they are not."""
        self._headway_at = self._clock()

    def see(self, assigned: AbstractSet[TopicPartition], *, is_member: bool) -> None:
        """Note where the consumer stands; once in every round of the writer's loop."""
        self._sight = _Sight(self._clock(), assigned, is_member)

    def end(self) -> None:
        """Judge no more: the writer drains, or has halted and waits for an operator."""
        self._is_over = True

    @property
    def stalled_seconds(self) -> float:
        """How long ago the last headway was, or the last word of the writer's loop."""
        return 0.0 if self._is_over else self._clock() - min(self._headway_at, self._sight.at)

    @property
    def is_quiet(self) -> bool:
        """Whether headway is so long ago that the broker should be asked why."""
        return self.stalled_seconds > self._stuck_seconds / 4

    def judge(self, lag: Lag | None) -> str:
        """Say why the consumer is stuck; empty when it is not.

        Args:
            lag: What the broker says; None when it does not answer, for which the consumer is not
                to blame.
        """
        if self._is_over:
            return ""
        seen_at, assigned, is_member = self._sight
        if self._clock() - seen_at >= self._stuck_seconds:
            return "its loop stands still"
        waiting = sum((lag or {}).get(partition, 0) for partition in assigned)
        if lag is None or (is_member and not waiting):
            self.progress()
        if self.stalled_seconds < self._stuck_seconds:
            return ""
        if not is_member:
            return "it is no member of its group, and the broker answers"
        return f"{waiting} messages wait, and none was read or written"


class Watchdog:
    """Watches over the consumers of a process."""

    def __init__(
        self,
        settings: KafkaSettings,
        vigils: Sequence[Vigil],
        stuck_seconds: float,
        on_stuck: Callable[[dict[str, object]], None],
    ) -> None:
        """Compose.

        Args:
            settings: `[kafka]`.
            vigils: The consumers.
            stuck_seconds: As their own.
            on_stuck: Ends the process; called from the watchdog's thread with what to log.
        """
        self._settings = settings
        self._vigils = vigils
        self._round_seconds = stuck_seconds / _ROUNDS
        self._on_stuck = on_stuck
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._over.set()

    def _watch(self) -> None:
        while not self._over.wait(self._round_seconds):
            for vigil in self._vigils:
                self._look_at(vigil)

    def _look_at(self, vigil: Vigil) -> None:
        reason = vigil.judge(asyncio.run(self._lag(vigil))) if vigil.is_quiet else ""
        stalled = vigil.stalled_seconds if vigil.is_quiet else 0.0
        gauge("ingest_stalled_seconds").labels(vigil.topic).set(stalled)
        if reason and not self._over.is_set():
            seconds = round(vigil.stalled_seconds, 1)
            self._on_stuck({"topic": vigil.topic, "reason": reason, "stalled_seconds": seconds})

    async def _lag(self, vigil: Vigil) -> Lag | None:
        try:
            async with asyncio.timeout(_ASK_SECONDS), connect(self._settings) as admin:
                return await admin.lag(vigil.group, [vigil.topic])
        except (KafkaError, TimeoutError):
            return None
