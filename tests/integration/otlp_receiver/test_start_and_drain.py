"""How the receiver's process begins and ends."""

import asyncio
import contextlib
import http.client
import itertools
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from fleet import Ports, fleet_config, http_status, service, wait_until
from integration.otlp_receiver.agents import (
    EXPORT,
    PROTOBUF,
    Answer,
    Receiver,
    receiver_with_broker,
    request_of,
    span_names,
)
from integration.otlp_receiver.outcomes import (
    TRANSPORTS,
    Outcome,
    grpc_outcome,
    http_outcome,
    send,
)
from rak_services.otlp_receiver import app
from rak_services.otlp_receiver.grpc_server import OtlpGrpcServer


@pytest.mark.parametrize("key", ["otlp_grpc_port", "otlp_http_port", "otlp_admin_port"])
def test_a_port_in_use_is_named_with_its_key(tmp_path: Path, key: str) -> None:
    config = fleet_config(Ports(), tmp_path)
    port = getattr(config.server, key)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with service("rak-otlp-receiver", config, tmp_path) as process:
            assert process.process.wait(timeout=30) == 98
            assert f"port {port} is in use; change [server] {key}" in process.output()


def test_a_second_receiver_never_shares_a_port(tmp_path: Path) -> None:
    with receiver_with_broker(tmp_path) as first:
        with service("rak-otlp-receiver", first.config, tmp_path / "second") as second:
            assert second.process.wait(timeout=30) == 98
        assert first.post(request_of("still here").SerializeToString()).status == 200


def test_a_request_that_comes_while_ports_open_is_told_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OTLP/HTTP is answered before the other ports are open: there is no broker yet either."""
    config = fleet_config(Ports(), tmp_path, kafka={"publish_timeout_seconds": 0.5})
    body = request_of("early").SerializeToString()
    answers: list[int] = []

    def post() -> int:
        connection = http.client.HTTPConnection("127.0.0.1", config.server.otlp_http_port)
        with contextlib.closing(connection):
            connection.request("POST", "/v1/traces", body, {"Content-Type": PROTOBUF})
            return connection.getresponse().status

    async def ask_first(*_: object) -> None:
        answers.append(await asyncio.to_thread(post))

    async def start() -> None:
        receiver = app.Receiver(config, asyncio.Event())
        await receiver.start()
        await receiver.drain()

    monkeypatch.setattr(OtlpGrpcServer, "start", ask_first)
    asyncio.run(start())
    assert answers == [503]


NOTICE = {"drain_notice_seconds": 2.0}
"""More than what a busy machine may need between two requests."""


class Load:
    """Agents that send numbered spans on connections of their own until they are refused.

    Like an exporter that was told to come again after some seconds, each then waits: here for the
    end of the receiver.
    """

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.acknowledged: set[str] = set()
        self.refused: list[Outcome] = []
        self.unanswered: list[Exception] = []
        self._numbers = itertools.count()
        self._threads = [
            threading.Thread(target=self._run, args=(agent,))
            for agent in [self._over_http, self._over_grpc] * 2
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _run(self, agent: Callable[[Callable[[], bytes]], Outcome]) -> None:
        names: list[str] = []

        def next_body() -> bytes:
            self.acknowledged.update(names)
            names[:] = [f"load {next(self._numbers)}" for _ in range(50)]
            return request_of(*names, padding="x" * 500).SerializeToString()

        try:
            self.refused.append(agent(next_body))
        except (OSError, http.client.HTTPException) as error:
            self.unanswered.append(error)

    def _over_http(self, next_body: Callable[[], bytes]) -> Outcome:
        port = self.receiver.config.server.otlp_http_port
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as agent:
            while True:
                agent.request("POST", "/v1/traces", next_body(), {"content-type": PROTOBUF})
                answer = agent.getresponse()
                headers = {name.lower(): value for name, value in answer.headers.items()}
                body = answer.read()
                if answer.status != 200:
                    assert headers["connection"] == "close"
                    return http_outcome(Answer(answer.status, headers, body))

    def _over_grpc(self, next_body: Callable[[], bytes]) -> Outcome:
        with self.receiver.channel() as channel:
            export = channel.unary_unary(EXPORT)
            while True:
                try:
                    export(next_body(), timeout=30)
                except grpc.RpcError as error:
                    return grpc_outcome(error)


def test_a_receiver_that_is_told_to_stop_loses_nothing_and_asks_everyone_to_come_again(
    tmp_path: Path,
) -> None:
    with receiver_with_broker(tmp_path, receiver=NOTICE) as receiver:
        load = Load(receiver)
        load.start()
        wait_until(lambda: len(load.acknowledged) > 2000, "a stream of acknowledged spans")
        status = receiver.service.terminate()
        load.join()
        published = {name for record in receiver.published() for name in span_names(record.request)}
        log = receiver.service.output()
    assert status == 0
    assert load.acknowledged - published == set()
    assert load.unanswered == []
    assert len(load.refused) == 4
    for refused in load.refused:
        refused.assert_retryable(receiver.config.receiver.retry_after_seconds)
    assert '"unfinished_requests": 0' in log
    assert "receiver.export_failed" not in log


def test_requests_inside_are_finished_while_late_ones_are_refused(tmp_path: Path) -> None:
    """A slow body is inside when the signal comes; it is read, published and acknowledged."""
    body = request_of("slow").SerializeToString()
    with receiver_with_broker(tmp_path, receiver=NOTICE) as receiver:
        port = receiver.config.server.otlp_http_port
        with socket.create_connection(("127.0.0.1", port), timeout=30) as slow:
            head = f"POST /v1/traces HTTP/1.1\r\nHost: h\r\nContent-Type: {PROTOBUF}\r\n"
            slow.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:10])
            wait_until(lambda: receiver.hold_state()["in_flight"] == 1, "the request is inside")
            receiver.service.process.terminate()
            wait_until(
                lambda: http_status(f"{receiver.admin_url}/readyz") == 503, "it is not ready"
            )
            for transport in TRANSPORTS:
                late = send(receiver, transport, request_of("late"))
                late.assert_retryable(receiver.config.receiver.retry_after_seconds)
            slow.sendall(body[10:])
            assert slow.recv(1000).startswith(b"HTTP/1.1 200 ")
        assert receiver.service.process.wait(timeout=30) == 0
        names = [name for record in receiver.published() for name in span_names(record.request)]
    assert names == ["slow"]
