"""OTLP over gRPC: raw bytes in, so that what is good is published as it came.

`Export` is registered as a method that takes a stream. A client cannot tell, since its one message
is the same on the wire, but the handler runs when the headers are there: a call that may not come
in is refused before its message is read, and too many messages at once find a limit
(docs/adr/0006-grpc-bodies.md).
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import grpc
import grpc.aio

from rak_libs.receiving.admission import Admission
from rak_libs.receiving.answers import Refusal, refuse
from rak_libs.runtime.serving import PortInUse, bind
from rak_services.otlp_receiver.encodings import Encoding
from rak_services.otlp_receiver.export import Exporter
from rak_services.otlp_receiver.grpc_body import CallBodies
from rak_services.otlp_receiver.signals import EXPORT_METHOD
from rak_services.otlp_receiver.statuses import STATUSES, grpc_code

_MINUTE_MS: Final = 60_000

_OPTIONS: Final = {
    "grpc.max_send_message_length": 4 * 1024 * 1024,
    "grpc.max_concurrent_streams": 256,
    # With it, a second receiver on the same port would silently take half of the connections.
    "grpc.so_reuseport": 0,
    # Agents behind load balancers ping often; the default answers a second ping within five
    # minutes by closing the connection.
    "grpc.http2.min_recv_ping_interval_without_data_ms": 5_000,
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.keepalive_time_ms": 2 * _MINUTE_MS,
    "grpc.keepalive_timeout_ms": 20_000,
    "grpc.max_connection_age_grace_ms": _MINUTE_MS,
}


class OtlpGrpcServer:
    """Serves `Export` of every signal."""

    def __init__(
        self,
        exporters: Sequence[Exporter],
        admission: Admission,
        bodies: CallBodies,
        max_request_bytes: int,
        retry_after_seconds: int,
        max_connection_age_seconds: float,
    ) -> None:
        """Compose the server; `max_request_bytes` holds after decompression."""
        self._admission = admission
        self._bodies = bodies
        self._retry_after_seconds = retry_after_seconds
        self._answering: set[asyncio.Task[bytes | Refusal]] = set()
        options = _OPTIONS | {
            "grpc.max_receive_message_length": max_request_bytes,
            # gRPC's core moves the age of each connection by up to a tenth.
            "grpc.max_connection_age_ms": round(max_connection_age_seconds * 1000),
        }
        self._server = grpc.aio.server(options=list(options.items()))
        self._server.add_generic_rpc_handlers([self._handler(each) for each in exporters])

    async def start(self, host: str, port: int, config_key: str) -> None:
        """Listen and serve.

        Raises:
            CannotListen: With the key that changes the port; PortInUse when another listens.
        """
        # gRPC says no more than that it failed; a socket of our own says why.
        bind(host, port, config_key).close()
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise PortInUse(port, config_key) from error
        await self._server.start()

    async def stop(self, grace_seconds: float) -> None:
        """Take no new calls, and end those inside after the grace."""
        await self._server.stop(grace_seconds)

    def _handler(self, exporter: Exporter) -> grpc.GenericRpcHandler:
        # No serializers: bodies and answers are bytes.
        method = grpc.stream_unary_rpc_method_handler(partial(self._export, exporter))
        service = exporter.signal.grpc_service
        return grpc.method_handlers_generic_handler(service, {EXPORT_METHOD: method})

    async def _export(self, exporter: Exporter, _messages: object, context: Any) -> bytes:
        answering = asyncio.create_task(self._answer(exporter, context))
        self._answering.add(answering)
        answering.add_done_callback(self._answering.discard)
        # A client that leaves cancels its call; the message it sent stays in the producer's
        # buffers, so the ticket that accounts for it must stay, too.
        answer = await asyncio.shield(answering)
        if not isinstance(answer, Refusal):
            return answer
        details = ("grpc-status-details-bin", answer.message.SerializeToString())
        await context.abort(grpc_code(answer.status), answer.message.message, (details,))
        raise AssertionError("abort raises")

    async def _answer(self, exporter: Exporter, context: Any) -> bytes | Refusal:
        try:
            with self._admission.enter() as ticket:
                response = await exporter.export(
                    await self._bodies.read(context), Encoding.PROTOBUF, "grpc", ticket
                )
        except Exception as error:  # noqa: BLE001 - the edge: every error becomes a status
            signal = exporter.signal.name
            return refuse(error, STATUSES, "grpc", signal, self._retry_after_seconds)
        return response.SerializeToString()
