"""The composition of the pprof receiver, and the order in which it starts and drains."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from rak_libs.kafka.account import Account
from rak_libs.kafka.publisher import Publisher
from rak_libs.kafka.status_reports import ReceiverReports
from rak_libs.receiving.admission import Admission
from rak_libs.receiving.draining import drain
from rak_libs.receiving.hold_routes import hold_routes
from rak_libs.receiving.http_answers import malformed_request
from rak_libs.runtime.admin import AdminServer, not_stopping
from rak_libs.runtime.boot import Boot
from rak_libs.runtime.http_connection import ConnectionLimits
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.serving import RunningServer, bind, serve_asgi
from rak_libs.runtime.settings import Config
from rak_services.pprof_receiver.http_app import PprofHttpApp
from rak_services.pprof_receiver.intake import SIGNAL, Intake

SERVICE: Final = "pprof-receiver"

_DECODING_THREADS: Final = 1
"""So that no two large profiles are checked at the same time: each takes much memory."""

log = get_logger(__name__)


async def serve(config: Config, stop: asyncio.Event) -> None:
    """Receive profiles until `stop` is set, then drain.

    A broker that is down stops nothing: requests are answered retryable until it is back.

    Raises:
        CannotListen: A port is in use or not permitted; the text names the key that changes it.
    """
    receiver = Receiver(config, stop)
    try:
        await receiver.start()
        await stop.wait()
    finally:
        await receiver.drain()


class Receiver:
    """Every part of a running receiver."""

    def __init__(self, config: Config, stop: asyncio.Event) -> None:
        """Construct the parts; nothing runs or listens yet."""
        self._config = config
        limits = config.receiver
        self._admission = Admission(limits.memory_budget_bytes)
        self._publisher = Publisher(config.kafka, SERVICE)
        self._decoding = ThreadPoolExecutor(_DECODING_THREADS, "decoding")
        account = Account(Boot.now())
        intake = Intake(
            self._publisher,
            self._decoding,
            config.kafka.max_message_bytes,
            config.storage.profiles_retention_days,
            account,
        )
        self._reports = ReceiverReports(
            self._publisher, config.server.status_interval_seconds, account, [SIGNAL]
        )
        self._http_app = PprofHttpApp(
            intake, self._admission, limits.max_request_bytes, limits.retry_after_seconds
        )
        self._http: RunningServer | None = None
        self._admin = AdminServer(
            SERVICE,
            config.server.host,
            config.server.pprof_admin_port,
            "[server] pprof_admin_port",
            {"kafka": self._publisher.check, "accepting": not_stopping(stop)},
            hold_routes(self._admission),
        )
        self._admission.show()

    async def start(self) -> None:
        """Listen on both ports and begin to look for the broker."""
        server = self._config.server
        http_socket = bind(server.host, server.pprof_port, "[server] pprof_port")
        # Before anybody is let in: a request that finds no publisher would be lost.
        await self._publisher.start()
        limits = ConnectionLimits(
            max_age_seconds=self._config.receiver.max_connection_age_seconds,
            describe=malformed_request,
        )
        self._http = await serve_asgi(self._http_app, http_socket, limits)
        await self._admin.start()
        self._reports.start()
        log.info(
            "receiver.listening",
            boot=self._reports.boot.id,
            host=server.host,
            http_port=server.pprof_port,
        )

    async def drain(self) -> None:
        """Refuse what comes late, finish what is inside, flush, stop; safe after a failed start."""
        await drain(self._config, self._admission, self._reports, self._publisher, self._http)
        await self._admin.stop()
        self._decoding.shutdown(wait=False, cancel_futures=True)
