"""The composition of the OTLP receiver, and the order in which it starts and drains."""

import asyncio
import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from rak_libs.kafka.account import Account
from rak_libs.kafka.publisher import Publisher
from rak_libs.kafka.status_reports import ReceiverReports
from rak_libs.runtime.admin import AdminServer, not_stopping
from rak_libs.runtime.boot import Boot
from rak_libs.runtime.http_connection import ConnectionLimits
from rak_libs.runtime.logs import get_logger
from rak_libs.runtime.metrics import gauge
from rak_libs.runtime.resident_memory import MemoryCeiling
from rak_libs.runtime.serving import RunningServer, bind, serve_asgi
from rak_libs.runtime.settings import Config
from rak_services.otlp_receiver.admission import Admission
from rak_services.otlp_receiver.export import Exporter
from rak_services.otlp_receiver.grpc_body import CallBodies
from rak_services.otlp_receiver.grpc_server import OtlpGrpcServer
from rak_services.otlp_receiver.hold_routes import hold_routes
from rak_services.otlp_receiver.http_app import BODY_SECONDS, OtlpHttpApp, malformed_request
from rak_services.otlp_receiver.signals import signals

SERVICE: Final = "otlp-receiver"

_ALL_SIGNALS: Final = "all"
_DECODING_THREADS: Final = 2
_NOTICE_SHARE: Final = 1 / 3
"""Of the time to shut down, at most: for telling late comers to come again."""
_IN_FLIGHT_SHARE: Final = 0.7
"""Of the time left then: for requests inside; the rest is for the producer's buffers."""
_MARGIN_SECONDS: Final = 1.0
_LAST_STATUS_SECONDS: Final = 3.0

log = get_logger(__name__)


async def serve(config: Config, stop: asyncio.Event) -> None:
    """Receive OTLP until `stop` is set, then drain.

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
        exporters = [
            Exporter(
                signal, self._publisher, self._decoding, config.kafka.max_message_bytes, account
            )
            for signal in signals(config.storage)
        ]
        self._reports = ReceiverReports(
            self._publisher,
            config.server.status_interval_seconds,
            account,
            [exporter.signal.name for exporter in exporters],
        )
        edge = (exporters, self._admission)
        edge_limits = (limits.max_request_bytes, limits.retry_after_seconds)
        bodies = CallBodies(MemoryCeiling(limits.memory_budget_bytes), BODY_SECONDS)
        self._grpc = OtlpGrpcServer(*edge, bodies, *edge_limits, limits.max_connection_age_seconds)
        self._http_app = OtlpHttpApp(*edge, *edge_limits)
        self._http: RunningServer | None = None
        self._admin = AdminServer(
            SERVICE,
            config.server.host,
            config.server.otlp_admin_port,
            "[server] otlp_admin_port",
            {"kafka": self._publisher.check, "accepting": not_stopping(stop)},
            hold_routes(self._admission),
        )
        # One budget for all: it is the process's memory that is short.
        buffered = gauge("ingest_buffer_size").labels(_ALL_SIGNALS)
        buffered.set_function(lambda: self._admission.used_bytes)
        gauge("ingest_buffer_limit").labels(_ALL_SIGNALS).set(limits.memory_budget_bytes)

    async def start(self) -> None:
        """Listen on every port and begin to look for the broker."""
        server = self._config.server
        http_socket = bind(server.host, server.otlp_http_port, "[server] otlp_http_port")
        # Before anybody is let in: a request that finds no publisher would be lost.
        await self._publisher.start()
        limits = ConnectionLimits(
            max_age_seconds=self._config.receiver.max_connection_age_seconds,
            describe=malformed_request,
        )
        self._http = await serve_asgi(self._http_app, http_socket, limits)
        await self._grpc.start(server.host, server.otlp_grpc_port, "[server] otlp_grpc_port")
        await self._admin.start()
        self._reports.start()
        log.info(
            "receiver.listening",
            boot=self._reports.boot.id,
            host=server.host,
            grpc_port=server.otlp_grpc_port,
            http_port=server.otlp_http_port,
        )

    async def drain(self) -> None:
        """Refuse what comes late, finish what is inside, flush, stop; safe after a failed start."""
        total = self._config.server.shutdown_timeout_seconds
        ends = time.monotonic() + total
        await self._refuse_late_comers(total * _NOTICE_SHARE)
        grace = (ends - time.monotonic()) * _IN_FLIGHT_SHARE
        stopping = [self._grpc.stop(grace)]
        if self._http is not None:
            stopping.append(self._http.stop(grace))
        await asyncio.gather(*stopping)
        left = self._admission.in_flight
        if left:
            # Calls whose clients left: what they sent is still on its way to the broker.
            await asyncio.wait({asyncio.ensure_future(self._admission.wait_empty())}, timeout=grace)
        left_seconds = ends - time.monotonic() - _MARGIN_SECONDS
        is_complete = self._admission.in_flight == 0
        await self._reports.close(min(left_seconds, _LAST_STATUS_SECONDS), complete=is_complete)
        await self._publisher.stop(max(ends - time.monotonic() - _MARGIN_SECONDS, 0.0))
        await self._admin.stop()
        self._decoding.shutdown(wait=False, cancel_futures=True)
        log.info("receiver.drained", unfinished_requests=self._admission.in_flight)

    async def _refuse_late_comers(self, most_seconds: float) -> None:
        """Answer everything with UNAVAILABLE or 503 until nobody comes any more, or not for long.

        A call that reaches a gRPC server while it stops is cancelled without a word.
        """
        self._admission.shut_down()
        if self._http is not None:
            self._http.end_connections()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(most_seconds):
                    await self._admission.wait_quiet(self._config.receiver.drain_notice_seconds)
