"""`/healthz`, `/readyz` and `/metrics`, the same in every service."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.metrics import REGISTRY
from rak_libs.runtime.serving import RunningServer, bind, serve_asgi

ReadinessCheck = Callable[[], Awaitable[None]]
"""Returns when the dependency is usable; else raises an Exception whose text is the reason."""

ANSWER_SECONDS = 2.0
ABANDON_SECONDS = 10.0
STOP_GRACE_SECONDS = 1.0
OK = "ok"

log = get_logger(__name__)


def admin_routes(checks: Mapping[str, ReadinessCheck]) -> list[Route]:
    """The routes `/healthz`, `/readyz` and `/metrics`.

    `/readyz` runs every check at once and answers within 2 s: 200 or 503 with
    `{"ready": bool, "checks": {name: "ok" | reason}}`.
    """
    readiness = {name: _Check(check) for name, check in checks.items()}

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"alive": True})

    async def readyz(_request: Request) -> Response:
        answers = await asyncio.gather(*(check.answer() for check in readiness.values()))
        ready = all(answer == OK for answer in answers)
        body = {"ready": ready, "checks": dict(zip(readiness, answers, strict=True))}
        return JSONResponse(body, status_code=200 if ready else 503)

    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(REGISTRY), headers={"content-type": content_type})

    return [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
    ]


def not_stopping(stop: asyncio.Event) -> ReadinessCheck:
    """A check that fails once the service has been asked to stop, so that no new work is sent."""

    async def check() -> None:
        if stop.is_set():
            raise ConnectionRefusedError("the service is shutting down")

    return check


class _Check:
    """Runs a check once at a time: probes that come while it hangs join it and pile nothing up."""

    def __init__(self, check: ReadinessCheck) -> None:
        self._check = check
        self._running: asyncio.Task[str] | None = None

    async def answer(self) -> str:
        """`ok`, or the reason why not, within 2 s."""
        running = self._running
        if running is None or running.done():
            running = self._running = asyncio.create_task(self._outcome())
        await asyncio.wait({running}, timeout=ANSWER_SECONDS)
        if running.done():
            return running.result()
        return f"no answer within {ANSWER_SECONDS:g} s"

    async def _outcome(self) -> str:
        try:
            async with asyncio.timeout(ABANDON_SECONDS):
                await self._check()
        except Exception as error:  # noqa: BLE001 - whatever it raises is the reason
            return str(error) or type(error).__name__
        return OK


class AdminServer:
    """The admin endpoints of a service, and routes of its own, on their own port."""

    def __init__(
        self,
        service: str,
        host: str,
        port: int,
        config_key: str,
        checks: Mapping[str, ReadinessCheck],
        extra_routes: Sequence[BaseRoute] = (),
    ) -> None:
        self._service = service
        self._listen_on = (host, port, config_key)
        self._app = Starlette(routes=[*admin_routes(checks), *extra_routes])
        self._server: RunningServer | None = None

    @property
    def port(self) -> int:
        """The port listened on, once started."""
        if self._server is None:
            raise RuntimeError("the admin server is not started")
        return self._server.port

    async def start(self) -> None:
        """Listen and serve; raises PortInUse or CannotListen."""
        self._server = await serve_asgi(self._app, bind(*self._listen_on))
        log.info("admin.listening", host=self._listen_on[0], port=self._server.port)

    async def stop(self) -> None:
        """Stop serving; does nothing when not started."""
        if self._server is not None:
            await self._server.stop(STOP_GRACE_SECONDS)
            self._server = None
