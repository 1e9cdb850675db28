"""Messages that arrive slowly, or too many of them at once, over gRPC."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import psutil
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from fleet import wait_until
from integration.otlp_receiver.agents import EXPORT, Receiver, another_receiver, request_of
from integration.otlp_receiver.outcomes import CODE, Outcome, grpc_outcome

MEBIBYTE = 1024 * 1024
AGENTS = 40
MESSAGE_BYTES = 24 * MEBIBYTE


def test_calls_without_a_message_keep_nobody_out_and_leave_nothing_behind(
    receiver: Receiver,
) -> None:
    enough = threading.Event()

    def nothing() -> object:
        enough.wait()
        yield from ()

    with receiver.channel() as channel:
        idle = [channel.stream_unary(EXPORT).future(nothing()) for _ in range(100)]
        wait_until(lambda: receiver.hold_state()["in_flight"] == 100, "the calls are inside")
        answer = receiver.export(request_of("between them").SerializeToString())
        assert answer == ExportTraceServiceResponse()
        for call in idle:
            call.cancel()
        wait_until(lambda: receiver.hold_state()["in_flight"] == 0, "the calls are gone")
        enough.set()


@pytest.mark.parametrize("algorithm", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_compressed_messages_are_read(receiver: Receiver, algorithm: grpc.Compression) -> None:
    body = request_of("compressed", padding="x" * 10_000).SerializeToString()
    assert receiver.export(body, compression=algorithm) == ExportTraceServiceResponse()


def test_memory_is_bounded_however_many_large_messages_arrive_at_once(
    receiver: Receiver, tmp_path: Path
) -> None:
    sections = {
        "receiver": {
            "max_request_bytes": 2 * MESSAGE_BYTES,
            "memory_budget_bytes": MESSAGE_BYTES,
        }
    }
    body = request_of(*["x"] * 100, padding="p" * (MESSAGE_BYTES // 100)).SerializeToString()
    with another_receiver(receiver, tmp_path, **sections) as small:
        process = psutil.Process(small.service.pid)
        begun = process.memory_info().rss
        peak = begun
        together = threading.Barrier(AGENTS)

        def export(_agent: int) -> Outcome:
            with small.channel() as channel:
                grpc.channel_ready_future(channel).result(timeout=30)
                together.wait()
                try:
                    channel.unary_unary(EXPORT)(body, timeout=60)
                except grpc.RpcError as error:
                    return grpc_outcome(error)
            return Outcome(CODE.OK)

        with ThreadPoolExecutor(AGENTS) as agents:
            sent = [agents.submit(export, agent) for agent in range(AGENTS)]
            while not all(each.done() for each in sent):
                peak = max(peak, process.memory_info().rss)
                time.sleep(0.01)
        refused = [each.result() for each in sent if each.result().code is not CODE.OK]
        for outcome in refused:
            outcome.assert_retryable(small.config.receiver.retry_after_seconds)
        assert "receiver.memory_ceiling_reached" in small.service.output()
        assert peak - begun < AGENTS * MESSAGE_BYTES * 2 / 3
        wait_until(lambda: small.hold_state()["in_flight"] == 0, "nothing stays inside")
        assert small.post(request_of("afterwards").SerializeToString()).status == 200
