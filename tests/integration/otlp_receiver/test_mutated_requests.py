"""Requests that a hostile or broken client made of good ones, over the receiver's own sockets.

Whatever comes is answered within two seconds and with a status that the documentation names, never
with a failure of the receiver; and what is accepted, the writer can store.
"""

import http.client
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import local
from typing import Any, Final

import grpc
import psutil
import pytest
from google.rpc.status_pb2 import Status
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from compressions import COMPRESSIONS
from integration.otlp_receiver.agents import EXPORT, JSON, PROTOBUF, Answer, Published, Receiver
from otlp_generation import requests
from rak_libs.clickhouse.insert import encode_block
from rak_libs.model.batch import new_batch
from rak_libs.model.spans import SPANS
from rak_libs.model.time_window import time_window
from rak_libs.otlp.decode_spans import decode_spans
from rak_libs.otlp.otlp_json import request_to_json
from request_mutations import BYTE_MUTATIONS, JSON_MUTATIONS, PROTOBUF_MUTATIONS, Mutation

REQUESTS: Final = int(os.environ.get("RAK_TEST_MUTATIONS", "10000"))
PER_EXAMPLE: Final = 25
WARM_UP: Final = REQUESTS // 5
ANSWER_SECONDS: Final = 2.0
MEBIBYTE: Final = 1024 * 1024
GROWTH_BYTES: Final = 64 * MEBIBYTE
AT_ONCE: Final = 8

HTTP_STATUSES: Final = {200, 400, 413}
GRPC_CODES: Final = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}

PLAIN: Final = ("grpc", "http protobuf", "http json")
WAYS: Final = (*PLAIN, *COMPRESSIONS)


class Client:
    """Sends over every way of `WAYS`, on connections that stay open."""

    def __init__(self, receiver: Receiver) -> None:
        self._http_port = receiver.config.server.otlp_http_port
        self._channel = receiver.channel()
        self._export = self._channel.unary_unary(EXPORT)
        self._threads = ThreadPoolExecutor(AT_ONCE)
        self._of_thread = local()
        self._connections: list[http.client.HTTPConnection] = []
        self.outcomes: Counter[tuple[str, Any]] = Counter()

    def start(self, way: str, body: bytes) -> "Future[Answer] | grpc.Future":
        """Send one request without waiting for its answer."""
        if way == "grpc":
            return self._export.future(body, timeout=ANSWER_SECONDS)
        headers = {"content-type": JSON if way == "http json" else PROTOBUF}
        if way in COMPRESSIONS:
            headers["content-encoding"] = way
        return self._threads.submit(self._post, body, headers)

    def _post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        connection = getattr(self._of_thread, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection(
                "127.0.0.1", self._http_port, timeout=ANSWER_SECONDS
            )
            self._of_thread.connection = connection
            self._connections.append(connection)
        connection.request("POST", "/v1/traces", body, headers)
        answer = connection.getresponse()
        names = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status, names, answer.read())

    def check(self, way: str, started: Any) -> None:
        """Wait for an answer, which must be a documented one."""
        if way == "grpc":
            self._check_grpc(started)
            return
        answer: Answer = started.result()
        self.outcomes[way, answer.status] += 1
        assert answer.status in HTTP_STATUSES, answer.body
        assert answer.response is not None if answer.status == 200 else answer.error.message

    def _check_grpc(self, call: grpc.Future) -> None:
        error = call.exception()
        code = grpc.StatusCode.OK if error is None else error.code()
        self.outcomes["grpc", code.name] += 1
        assert code in GRPC_CODES, error
        if error is None:
            ExportTraceServiceResponse.FromString(call.result())
            return
        details = dict(error.trailing_metadata())["grpc-status-details-bin"]
        assert Status.FromString(details).code == code.value[0]

    def close(self) -> None:
        self._threads.shutdown()
        for connection in self._connections:
            connection.close()
        self._channel.close()


@pytest.fixture(scope="module")
def client(receiver: Receiver) -> Iterator[Client]:
    opened = Client(receiver)
    yield opened
    opened.close()


def mutations(way: str) -> tuple[Mutation, ...]:
    if way in COMPRESSIONS:
        return BYTE_MUTATIONS
    return JSON_MUTATIONS if way == "http json" else PROTOBUF_MUTATIONS


def encoded(request: ExportTraceServiceRequest, way: str) -> bytes:
    if way == "http json":
        return request_to_json(request)
    body: bytes = request.SerializeToString()
    return COMPRESSIONS[way](body) if way in COMPRESSIONS else body


numbers = st.integers(0, 2**32 - 1)


def steps_of(way: str) -> st.SearchStrategy[tuple[str, list[tuple[Mutation, int, int]]]]:
    step = st.tuples(st.sampled_from(mutations(way)), numbers, numbers)
    return st.tuples(st.just(way), st.lists(step, min_size=1, max_size=2))


# The plain ways come twice: what is inside a compressed body is not reached by changing its bytes.
plans = st.lists(
    st.one_of(*map(steps_of, (*PLAIN, *WAYS))), min_size=PER_EXAMPLE, max_size=PER_EXAMPLE
)


def has_spans(request: ExportTraceServiceRequest) -> bool:
    return any(scope.spans for group in request.resource_spans for scope in group.scope_spans)


def test_no_mutation_of_a_request_makes_the_receiver_fail(
    receiver: Receiver, client: Client, tmp_path: Path
) -> None:
    """Resident memory does not grow by 64 MiB once a fifth of the requests is through."""
    process = psutil.Process(receiver.service.pid)
    sent = warm = 0

    @settings(
        max_examples=-(-REQUESTS // PER_EXAMPLE),
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(requests(time.time_ns()).filter(has_spans), requests(time.time_ns()), plans)
    def mutate_and_send(
        first: ExportTraceServiceRequest, second: ExportTraceServiceRequest, plan: Any
    ) -> None:
        nonlocal sent, warm
        started = []
        for way, steps in plan:
            body, other = encoded(first, way), encoded(second, way)
            for mutation, place, choice in steps:
                body = mutation(body, other, place, choice)
            started.append((way, body, client.start(way, body)))
        for way, body, answer in started:
            try:
                client.check(way, answer)
            except Exception as error:
                kept = tmp_path / "offending-request"
                kept.write_bytes(body)
                raise AssertionError(f"over {way}, kept as {kept}: {error!r}") from error
        sent += len(started)
        if not warm and sent >= WARM_UP:
            warm = process.memory_info().rss

    mutate_and_send()
    growth = process.memory_info().rss - warm
    print(f"{sent} requests, RSS grew by {growth / MEBIBYTE:.1f} MiB, {dict(client.outcomes)}")
    assert sent >= REQUESTS
    assert growth < GROWTH_BYTES
    assert receiver.metric('ingest_buffer_size{signal="all"}') == 0


def test_whatever_was_accepted_can_be_stored(receiver: Receiver, client: Client) -> None:
    """Every published message becomes rows, as many as were acknowledged, that fit the table."""
    published = receiver.published()
    assert len(published) > REQUESTS // 10, client.outcomes
    batch = new_batch(SPANS)
    for message in published:
        before = batch.rows
        decode_into(batch, message, receiver.config.storage.spans_retention_days)
        assert batch.rows - before == message.envelope.accepted
    assert encode_block(SPANS, batch).rows == batch.rows


def decode_into(batch: Any, message: Published, retention_days: int) -> None:
    """Decode as the writer does; fails with the message where the writer would dead-letter."""
    received_ms = message.envelope.received_ns // 1_000_000
    window = time_window(retention_days, message.envelope.received_ns)
    try:
        rejected = decode_spans(message.value, received_ms, window, batch)
    except Exception as error:
        raise AssertionError(f"accepted, but not decodable: {message.value.hex()}") from error
    assert rejected == [], message.value.hex()
