"""A broker that is gone or stands still: retryable answers, in bounded memory, and recovery."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import psutil
import pytest

from fleet import Ports, broker_of, fleet_config, http_status, service, wait_until
from integration.otlp_receiver.agents import (
    EXPORT,
    Receiver,
    ask,
    receiver_with_broker,
    request_of,
    span_names,
    standing_still,
)
from rak_libs.kafka.admin import ensure_topics

PUBLISH_SECONDS = 2.0
MEBIBYTE = 1024 * 1024
BUDGET_BYTES = 48 * MEBIBYTE


KAFKA = {"publish_timeout_seconds": PUBLISH_SECONDS}


@pytest.fixture(params=["embedded", "kafka"])
def local(request: pytest.FixtureRequest) -> dict[str, object]:
    """`[local]` of a receiver on either broker."""
    return {"broker": request.param}


@pytest.fixture
def receiver(tmp_path: Path, local: dict[str, object]) -> Iterator[Receiver]:
    limits = {"memory_budget_bytes": BUDGET_BYTES}
    with receiver_with_broker(tmp_path, kafka=KAFKA, receiver=limits, local=local) as running:
        yield running


def is_retryable(receiver: Receiver) -> bool:
    """Send one request over each transport and check both answers within the time limit."""
    body = request_of("while the broker is away").SerializeToString()
    began = time.monotonic()
    answer = receiver.post(body)
    with pytest.raises(grpc.RpcError) as caught:
        receiver.export(body)
    # One request can wait for the whole time limit; a second of the two is for a busy machine.
    assert time.monotonic() - began < 2 * (PUBLISH_SECONDS + 2)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert int(answer.headers["retry-after"]) >= 1
    return answer.status == 503


def accepts(receiver: Receiver, name: str) -> bool:
    return receiver.post(request_of(name).SerializeToString()).status == 200


def test_a_broker_that_dies_makes_answers_retryable_until_it_is_back(
    receiver: Receiver, tmp_path: Path
) -> None:
    assert accepts(receiver, "before")
    receiver.broker.kill()
    assert is_retryable(receiver)
    readiness = ask("GET", f"{receiver.admin_url}/readyz", None, {})
    assert readiness.status == 503
    assert b'"kafka":"ok"' not in readiness.body
    assert http_status(f"{receiver.admin_url}/healthz") == 200
    with broker_of(receiver.config, tmp_path):
        asyncio.run(ensure_topics(receiver.config.kafka))
        wait_until(lambda: accepts(receiver, "after"), "the receiver accepts again")
        assert http_status(f"{receiver.admin_url}/readyz") == 200
        names = [name for record in receiver.published() for name in span_names(record.request)]
    assert "after" in names


def test_a_receiver_that_starts_before_its_broker_waits_for_it(
    tmp_path: Path, local: dict[str, object]
) -> None:
    ports = Ports()
    config = fleet_config(ports, tmp_path, kafka=KAFKA, local=local)
    with service("rak-otlp-receiver", config, tmp_path) as process:
        process.wait_listening(ports.otlp_admin)
        early = Receiver(config, process, process)
        assert is_retryable(early)
        with broker_of(config, tmp_path):
            asyncio.run(ensure_topics(config.kafka))
            process.wait_ready(ports.otlp_admin)
            assert accepts(early, "late")


def offer(receiver: Receiver, body: bytes, requests: int) -> int:
    """Send from 24 agents, half of whose calls give up early; returns the peak RSS in bytes."""
    process = psutil.Process(receiver.service.pid)
    peak = 0

    def impatient() -> grpc.StatusCode:
        try:
            with receiver.channel() as channel:
                channel.unary_unary(EXPORT)(body, timeout=0.2)
        except grpc.RpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    with ThreadPoolExecutor(24) as agents:
        waiting = [agents.submit(receiver.post, body) for _ in range(requests // 2)]
        leaving = [agents.submit(impatient) for _ in range(requests // 2)]
        while not all(sent.done() for sent in [*waiting, *leaving]):
            peak = max(peak, process.memory_info().rss)
            time.sleep(0.01)
    answers = [sent.result() for sent in waiting]
    assert [(each.status, each.headers) for each in answers if each.status != 503] == []
    given_up = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
    assert {sent.result() for sent in leaving} <= given_up
    return peak


def test_memory_is_bounded_while_the_broker_stands_still_under_load(receiver: Receiver) -> None:
    """The budget and the agents' sockets fill once; what is offered after that adds nothing."""
    body = request_of(*["x"] * 100, padding="p" * 20_000).SerializeToString()
    assert receiver.post(body).status == 200
    with standing_still(receiver.broker):
        filled = offer(receiver, body, 120)
        later = offer(receiver, body, 240)
    assert later - filled < 240 * len(body) / 3
    wait_until(lambda: accepts(receiver, "moving again"), "the receiver accepts again")
    wait_until(lambda: receiver.hold_state()["in_flight"] == 0, "nothing stays inside")
    assert receiver.metric('ingest_buffer_size{signal="all"}') == 0
    assert "service.unhandled_error" not in receiver.service.output()
