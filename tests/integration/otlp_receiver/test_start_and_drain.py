"""How the receiver's process begins and ends."""

import itertools
import socket
import threading
import time
import urllib.error
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from fleet import Ports, fleet_config, http_status, service, wait_until
from integration.otlp_receiver.agents import (
    EXPORT,
    PROTOBUF,
    Receiver,
    ask,
    receiver_with_broker,
    request_of,
    span_names,
)


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


class Load:
    """Agents that send numbered spans until they are told to stop or cannot any more."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.acknowledged: set[str] = set()
        self.refused: list[object] = []
        self._numbers = itertools.count()
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(send,))
            for send in [self._over_http, self._over_grpc] * 2
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _run(self, send: Callable[[bytes], object]) -> None:
        while not self._stopping.is_set():
            names = [f"load {next(self._numbers)}" for _ in range(50)]
            body = request_of(*names, padding="x" * 500).SerializeToString()
            try:
                refusal = send(body)
            except OSError:  # nobody listens any more
                return
            if refusal is None:
                self.acknowledged.update(names)
            else:
                self.refused.append(refusal)
                time.sleep(0.01)

    def _over_http(self, body: bytes) -> object:
        try:
            answer = ask("POST", self.receiver.url, body, {"content-type": PROTOBUF})
        except urllib.error.URLError:
            raise OSError from None
        return None if answer.status == 200 else answer.status

    def _over_grpc(self, body: bytes) -> object:
        with self.receiver.channel() as channel:
            try:
                channel.unary_unary(EXPORT)(body, timeout=20)
            except grpc.RpcError as error:
                return error.code()
        return None


def test_a_receiver_that_is_told_to_stop_loses_nothing_that_it_acknowledged(
    tmp_path: Path,
) -> None:
    with receiver_with_broker(tmp_path) as receiver:
        load = Load(receiver)
        load.start()
        wait_until(lambda: len(load.acknowledged) > 2000, "a stream of acknowledged spans")
        status = receiver.service.terminate()
        load.stop()
        published = {name for record in receiver.published() for name in span_names(record.request)}
        log = receiver.service.output()
    assert status == 0
    assert load.acknowledged - published == set()
    # CANCELLED: gRPC's own answer to a call that arrives while it closes; clients repeat it.
    assert set(load.refused) <= {503, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
    assert '"unfinished_requests": 0' in log
    assert "receiver.export_failed" not in log


def test_requests_inside_are_finished_while_late_ones_are_refused(tmp_path: Path) -> None:
    """A slow body is inside when the signal comes; it is read, published and acknowledged."""
    body = request_of("slow").SerializeToString()
    with receiver_with_broker(tmp_path) as receiver:
        port = receiver.config.server.otlp_http_port
        with socket.create_connection(("127.0.0.1", port), timeout=30) as slow:
            head = f"POST /v1/traces HTTP/1.1\r\nHost: h\r\nContent-Type: {PROTOBUF}\r\n"
            slow.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:10])
            wait_until(lambda: receiver.hold_state()["in_flight"] == 1, "the request is inside")
            receiver.service.process.terminate()
            wait_until(
                lambda: http_status(f"{receiver.admin_url}/readyz") == 503, "it is not ready"
            )
            with pytest.raises((OSError, AssertionError)):
                assert receiver.post(body).status == 200
            slow.sendall(body[10:])
            assert slow.recv(1000).startswith(b"HTTP/1.1 200 ")
        assert receiver.service.process.wait(timeout=30) == 0
        names = [name for record in receiver.published() for name in span_names(record.request)]
    assert names == ["slow"]
