import asyncio
import contextlib
import json
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from rak_libs.kafka.admin import KafkaAdmin, connect
from rak_libs.kafka.consumer import TopicPartition
from rak_libs.kafka.errors import KafkaError
from rak_libs.kafka.topics import (
    OTLP_LOGS,
    OTLP_METRICS,
    OTLP_SPANS,
    PPROF_PROFILES,
    writers_group,
)
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.settings import Config
from rak_services.local.broker import resident_bytes

RECYCLED: Final = (OTLP_SPANS, OTLP_METRICS, OTLP_LOGS, PPROF_PROFILES)
"""The topics that are recycled: those that agents fill."""

_WATCH_SECONDS = 0.25
_STEP_SECONDS = 0.1
_HOLD_SECONDS = 15.0
_HOLD_AGAIN_SECONDS = 0.5
_HTTP_SECONDS = 3.0
_NOTICE_SECONDS = 15.0
_USELESS_SECONDS = 60.0

log = get_logger(__name__)


class _NotYet(Exception):
    """A step cannot be done right now; the text says why."""


class BrokerRecycler:
    """Keeps the embedded broker's memory bounded: it forgets records only when topics are deleted.

    When its resident memory passes `[local] broker_memory_bytes`:

    1. Receivers are held: agents are told to come again later, requests inside finish. The hold
       is renewed all the time, so that a receiver that is restarted meanwhile is held as well.
    2. Once nothing is inside and the writers' group has committed everything, the data topics are
       deleted and created. Dead-letter topics keep their records.
    3. Wait until the consumers have noticed. A `PartitionConsumer` that finds its log replaced
       starts at the beginning and commits that, and nobody else commits in a topic without
       records, so this commit is the proof. Consumers that do not notice are restarted.
    4. Receivers are released.

    Steps are repeated until they succeed. Until then receivers stay held, agents keep their data,
    and `broker.recycling_waits` says every `[local] drain_timeout_seconds` what is missing.
    """

    def __init__(
        self,
        config: Config,
        broker_pid: Callable[[], int | None],
        restart_consumers: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Describe the fleet.

        Args:
            config: Where the broker and the receivers' admin ports are, and the limits.
            broker_pid: The broker's process id, None while it is down.
            restart_consumers: Restarts the writers; used when they do not notice by themselves.
        """
        self._config = config
        self._broker_pid = broker_pid
        self._restart_consumers = restart_consumers
        self._unaware: set[TopicPartition] = set()
        host = config.server.host
        reachable = "127.0.0.1" if host in {"0.0.0.0", "::"} else host
        ports = (config.server.otlp_admin_port, config.server.pprof_admin_port)
        self._receivers = [f"http://{reachable}:{port}" for port in ports]

    async def run(self, stop: asyncio.Event) -> None:
        """Watch the broker's memory, and recycle when needed, until `stop` is set."""
        while not stop.is_set():
            size = self._resident_bytes()
            if size > self._config.local.broker_memory_bytes:
                await self._recycle(stop, size)
            await _sleep(stop, _WATCH_SECONDS)

    def _resident_bytes(self) -> int:
        pid = self._broker_pid()
        return (resident_bytes(pid) or 0) if pid is not None else 0

    async def _recycle(self, stop: asyncio.Event, size: int) -> None:
        began = asyncio.get_running_loop().time()
        log.info("broker.recycling", resident_bytes=size)
        async with self._receivers_held():
            for step in (self._empty_topics, self._wait_for_consumers):
                if not await self._until_done(stop, step):
                    return
        if not await self._until_done(stop, self._release):
            return
        left = self._resident_bytes()
        seconds = round(asyncio.get_running_loop().time() - began, 3)
        log.info("broker.recycled", resident_bytes=left, freed_bytes=size - left, seconds=seconds)
        if left > self._config.local.broker_memory_bytes:
            log.error("broker.memory_not_in_data_topics", resident_bytes=left)
            await _sleep(stop, _USELESS_SECONDS)

    @asynccontextmanager
    async def _receivers_held(self) -> AsyncIterator[None]:
        enough = asyncio.Event()
        keeper = asyncio.create_task(self._keep_holding(enough), name="hold receivers")
        try:
            yield
        finally:
            # Not cancelled: a request that is under way would hold receivers after the release.
            enough.set()
            await keeper

    async def _keep_holding(self, enough: asyncio.Event) -> None:
        while not enough.is_set():
            with contextlib.suppress(OSError):
                await self._hold()
            await _sleep(enough, _HOLD_AGAIN_SECONDS)

    async def _until_done(self, stop: asyncio.Event, step: Callable[[], Awaitable[None]]) -> bool:
        """Repeat a step until it succeeds; False when the fleet stops first."""
        patience = self._config.local.drain_timeout_seconds
        loop = asyncio.get_running_loop()
        loud_at = loop.time() + patience
        while not stop.is_set():
            try:
                await step()
            except (KafkaError, OSError, _NotYet) as error:
                if loop.time() > loud_at:
                    loud_at = loop.time() + patience
                    log.error(
                        "broker.recycling_waits",
                        missing=str(error),
                        resident_bytes=self._resident_bytes(),
                        meaning="agents are told to come again later until this is done",
                    )
                await _sleep(stop, _STEP_SECONDS)
            else:
                return True
        return False

    async def _empty_topics(self) -> None:
        await self._hold_until_empty()
        async with connect(self._config.kafka) as admin:
            await self._require_all_written(admin)
            ends = await admin.end_offsets(RECYCLED)
            # A receiver that was restarted just now is not held yet.
            await self._hold_until_empty()
            self._unaware |= {partition for partition, end in ends.items() if end > 0}
            await admin.recreate(list(RECYCLED))

    async def _require_all_written(self, admin: KafkaAdmin) -> None:
        for topic in RECYCLED:
            lag = await admin.lag(self._group(topic), [topic])
            if sum(lag.values()):
                raise _NotYet(f"{sum(lag.values())} messages of {topic} are not written yet")

    async def _wait_for_consumers(self) -> None:
        loop = asyncio.get_running_loop()
        ends = loop.time() + _NOTICE_SECONDS + 3 * self._config.kafka.session_timeout_seconds
        async with connect(self._config.kafka) as admin:
            while self._unaware and loop.time() < ends:
                for topic in RECYCLED:
                    offsets = await admin.committed(self._group(topic), [topic])
                    log_ends = await admin.end_offsets([topic])
                    self._unaware -= {
                        tp
                        for tp, offset in offsets.items()
                        if offset is not None and offset <= log_ends.get(tp, -1)
                    }
                await asyncio.sleep(_STEP_SECONDS)
        if self._unaware:
            await self._restart()
            raise _NotYet(f"consumers have not begun anew in {sorted(self._unaware)}")

    def _group(self, topic: str) -> str:
        return writers_group(self._config.kafka.group_prefix, topic)

    async def _restart(self) -> None:
        if self._restart_consumers is None:
            return
        log.warning("broker.consumers_restarted", unaware=len(self._unaware))
        try:
            await self._restart_consumers()
        except Exception as error:
            raise _NotYet(f"the consumers could not be restarted: {error}") from error

    async def _hold_until_empty(self) -> None:
        states = await self._hold()
        if not all(state.get("held") and state.get("in_flight") == 0 for state in states):
            raise _NotYet(f"receivers are not empty: {states}")

    async def _hold(self) -> list[dict[str, Any]]:
        return await self._post_to_receivers(f"/hold?seconds={_HOLD_SECONDS:g}")

    async def _release(self) -> None:
        await self._post_to_receivers("/release")

    async def _post_to_receivers(self, path: str) -> list[dict[str, Any]]:
        """Post to each at the same time; when one fails, the others have been asked all the same.

        Raises:
            OSError: One did not answer.
        """
        posts = [asyncio.to_thread(_post, url + path) for url in self._receivers]
        answers = await asyncio.gather(*posts, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return [answer for answer in answers if not isinstance(answer, BaseException)]


def _post(url: str) -> dict[str, Any]:
    request = urllib.request.Request(url, method="POST")  # noqa: S310  our own, from configuration
    with urllib.request.urlopen(request, timeout=_HTTP_SECONDS) as response:  # noqa: S310
        answer: dict[str, Any] = json.load(response)
        return answer


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
