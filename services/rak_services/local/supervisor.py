import asyncio
import time
from collections.abc import Awaitable, Callable

from rak_libs.runtime.logs import get_logger
from rak_services.local.child import Child, ChildSpec, describe_exit
from rak_services.local.readiness import wait_ready
from rak_services.local.restarts import DEATHS_THAT_STOP, WINDOW_SECONDS, RestartPolicy

_READY_SECONDS = 60.0

log = get_logger(__name__)


class FleetFailed(Exception):
    """The fleet cannot go on; the message says why."""


class Supervisor:
    """Keeps a set of services running: one process each, restarted when it dies.

    A service that dies is started again after the delay of its `RestartPolicy`, with one loud
    line that names how it ended. Five deaths of one service within a minute set `failed`.
    """

    def __init__(self, host: str) -> None:
        self._host = host
        self._children: dict[str, Child] = {}
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._stopping: set[str] = set()
        self._after_restart: dict[str, Callable[[], Awaitable[None]]] = {}
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def pid(self, name: str) -> int | None:
        """The process id of a service, None while it is down."""
        child = self._children.get(name)
        return child.pid if child else None

    async def start(
        self, spec: ChildSpec, after_restart: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Start a service, watch it from now on, and wait until it is ready.

        Args:
            spec: What to run.
            after_restart: Awaited each time the service was started again after a death.

        Raises:
            NotReady: it did not become ready; it is still watched and must be stopped.
        """
        if after_restart is not None:
            self._after_restart[spec.name] = after_restart
        child = self._children[spec.name] = Child(spec)
        await child.start()
        self._watchers[spec.name] = asyncio.create_task(self._watch(spec.name))
        await self._wait_ready(spec)

    async def run_once(self, spec: ChildSpec, seconds: float) -> None:
        """Run a command to its end.

        Raises:
            FleetFailed: it failed or took longer than `seconds`.
        """
        child = Child(spec)
        await child.start()
        try:
            returncode = await asyncio.wait_for(child.wait(), seconds)
        except TimeoutError:
            child.kill()
            await child.wait()
            raise FleetFailed(f"{spec.name} did not end within {seconds:.0f} s") from None
        if returncode != 0:
            raise FleetFailed(f"{spec.name} failed with {describe_exit(returncode)}")

    async def stop(self, name: str, seconds: float) -> None:
        """Stop a service for good: SIGTERM, then SIGKILL after `seconds`."""
        self._stopping.add(name)
        child = self._children.get(name)
        if child is not None:
            returncode = await child.stop(seconds)
            if returncode is not None:
                log.info("fleet.stopped", service_name=name, ended=describe_exit(returncode))
        watcher = self._watchers.pop(name, None)
        if watcher is not None:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)
        if child is not None:
            await child.stop(seconds)

    async def restart(self, name: str, seconds: float) -> None:
        """Stop a healthy service gracefully and start it again; not counted as a death."""
        spec = self._children[name].spec
        await self.stop(name, seconds)
        self._stopping.discard(name)
        await self.start(spec)

    async def _wait_ready(self, spec: ChildSpec) -> None:
        if spec.ready_port is not None:
            url = f"http://{self._host}:{spec.ready_port}/readyz"
            await wait_ready(spec.name, url, _READY_SECONDS)

    async def _watch(self, name: str) -> None:
        policy = RestartPolicy()
        while True:
            child = self._children[name]
            returncode = await child.wait()
            if name in self._stopping:
                return
            delay = policy.after_death(time.monotonic())
            log.error(
                "fleet.service_died",
                service_name=name,
                ended=describe_exit(returncode),
                restart_in_seconds=delay,
            )
            if delay is None:
                self._give_up(name, returncode)
                return
            await asyncio.sleep(delay)
            await self._start_again(child.spec)

    async def _start_again(self, spec: ChildSpec) -> None:
        child = self._children[spec.name] = Child(spec)
        await child.start()
        hook = self._after_restart.get(spec.name)
        if hook is not None:
            try:
                await hook()
            except Exception as error:  # noqa: BLE001  the watcher must outlive a failing hook
                log.error("fleet.restart_hook_failed", service_name=spec.name, error=str(error))

    def _give_up(self, name: str, returncode: int) -> None:
        if not self.failed.done():
            reason = (
                f"{name} died {DEATHS_THAT_STOP} times within {WINDOW_SECONDS:.0f} s, "
                f"last with {describe_exit(returncode)}"
            )
            self.failed.set_exception(FleetFailed(reason))
