"""Stands between clients and a receiver: hands everything on as it is, and remembers every answer.

Who sends tells it in the header `x-client`. A client that also sends `x-damage` has the last byte
of its requests cut off, since no SDK can be made to send bytes that are not OTLP.
"""

import asyncio
import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc
import uvicorn
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fleet import free_port, wait_until
from integration.otlp_receiver.agents import ask

UNLIMITED = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


@dataclass(frozen=True)
class Attempt:
    """One request of a client and how it was answered.

    Attributes:
        began: When it came, in seconds of the monotonic clock.
        answered: When it was answered.
        answer: The gRPC code's name, or the HTTP status.
        asked_seconds: How long the client was asked to wait, None when it was not.
    """

    began: float
    answered: float
    answer: str
    asked_seconds: float | None = None

    @property
    def retryable(self) -> bool:
        return self.answer in {"UNAVAILABLE", "503"}

    @property
    def accepted(self) -> bool:
        return self.answer in {"OK", "200"}


@dataclass
class RecordingProxy:
    """What the proxy is and has seen; attempts are by client, in the order of their answers."""

    endpoints: Mapping[str, str]
    attempts: dict[str, list[Attempt]] = field(default_factory=lambda: defaultdict(list))

    def answers(self, service: str) -> list[str]:
        return [attempt.answer for attempt in self.attempts[service]]


@contextlib.contextmanager
def recording_proxy(receiver_grpc_port: int, receiver_http_port: int) -> Iterator[RecordingProxy]:
    """Run a proxy before a receiver on this machine."""
    grpc_port, http_port = free_port(), free_port()
    endpoints = {
        "grpc": f"http://127.0.0.1:{grpc_port}",
        "http": f"http://127.0.0.1:{http_port}",
    }
    proxy = RecordingProxy(endpoints)
    upstream = f"http://127.0.0.1:{receiver_http_port}"
    with (
        grpc.insecure_channel(f"127.0.0.1:{receiver_grpc_port}", options=UNLIMITED) as channel,
        _grpc_server(grpc_port, _Forwarder(proxy, channel)),
        _http_server(http_port, _http_app(proxy, upstream)),
    ):
        yield proxy


class _Forwarder(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Hands on calls of every method, as bytes."""

    def __init__(self, proxy: RecordingProxy, channel: grpc.Channel) -> None:
        self._proxy = proxy
        self._channel = channel

    def service(self, details: Any) -> Any:
        def call(body: bytes, context: Any) -> bytes:
            return self._forward(details.method, body, context)

        return grpc.unary_unary_rpc_method_handler(call)

    def _forward(self, method: str, body: bytes, context: Any) -> bytes:
        metadata = dict(context.invocation_metadata())
        body = body[:-1] if "x-damage" in metadata else body
        attempts = self._proxy.attempts[metadata["x-client"]]
        began = time.monotonic()
        try:
            answer: bytes = self._channel.unary_unary(method)(body, timeout=60)
        except grpc.RpcError as error:
            details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
            asked = _retry_info_seconds(details)
            attempts.append(Attempt(began, time.monotonic(), error.code().name, asked))
            context.set_trailing_metadata(error.trailing_metadata() or ())
            context.abort(error.code(), error.details())
        attempts.append(Attempt(began, time.monotonic(), "OK"))
        return answer


def _retry_info_seconds(details: bytes) -> float | None:
    for detail in Status.FromString(details).details:
        info = RetryInfo()
        if detail.Unpack(info):
            return info.retry_delay.ToTimedelta().total_seconds()
    return None


@contextlib.contextmanager
def _grpc_server(port: int, handler: grpc.GenericRpcHandler) -> Iterator[None]:
    server = grpc.server(ThreadPoolExecutor(32), [handler], options=UNLIMITED)
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield
    finally:
        server.stop(None).wait()


def _http_app(proxy: RecordingProxy, upstream: str) -> Starlette:
    handed_on = ("content-type", "content-encoding")

    async def forward(request: Request) -> Response:
        began = time.monotonic()
        body = await request.body()
        body = body[:-1] if "x-damage" in request.headers else body
        headers = {name: request.headers[name] for name in handed_on if name in request.headers}
        url = f"{upstream}{request.url.path}"
        answer = await asyncio.to_thread(ask, "POST", url, body, headers)
        asked = answer.headers.get("retry-after")
        attempt = Attempt(
            began, time.monotonic(), str(answer.status), float(asked) if asked else None
        )
        proxy.attempts[request.headers["x-client"]].append(attempt)
        told = ("content-type", "retry-after")
        headers = {name: answer.headers[name] for name in told if name in answer.headers}
        return Response(answer.body, answer.status, headers)

    return Starlette(routes=[Route("/v1/traces", forward, methods=["POST"])])


@contextlib.contextmanager
def _http_server(port: int, app: Starlette) -> Iterator[None]:
    # Without a log_config uvicorn leaves the logging of this process as it is.
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="recording proxy")
    thread.start()
    try:
        wait_until(lambda: server.started, "the proxy listens")
        yield
    finally:
        server.should_exit = True
        thread.join()
