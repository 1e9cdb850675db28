"""The embedded broker's memory stays bounded however much passes through it; nothing is lost."""

import os
import secrets
import threading
from pathlib import Path
from typing import Self

import psutil

from fleet import Fleet, fleet, lag_is_zero, post_traces, wait_until
from traffic import missing, numbered_request

MEBIBYTE = 1024 * 1024
VOLUME = int(os.environ.get("RAK_TEST_VOLUME_BYTES", str(150 * MEBIBYTE)))
LIMIT = int(os.environ.get("RAK_TEST_BROKER_LIMIT_BYTES", str(64 * MEBIBYTE)))
SPANS_PER_REQUEST = 1_000
BYTES_PER_SPAN = 2_000


class HighestMemory:
    """Watches the broker's resident bytes from a thread of its own."""

    def __init__(self, started: Fleet) -> None:
        self._broker = psutil.Process(started.child_pid("broker"))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.seen = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            self.seen = max(self.seen, self._broker.memory_info().rss)


def test_much_more_than_the_limit_passes_through_without_loss(tmp_path: Path) -> None:
    with fleet(tmp_path, local={"broker_memory_bytes": LIMIT}) as started:
        broker_pid = started.child_pid("broker")
        sent_bytes = sent_spans = 0
        with HighestMemory(started) as memory:
            while sent_bytes < VOLUME:
                request = numbered_request("volume", sent_spans, SPANS_PER_REQUEST)
                for span in request.resource_spans[0].scope_spans[0].spans:
                    noise = secrets.token_bytes(BYTES_PER_SPAN)
                    span.attributes.add(key="padding").value.bytes_value = noise
                body = request.SerializeToString()
                post_traces(started.otlp_http_url, body)
                sent_spans += SPANS_PER_REQUEST
                sent_bytes += len(body)
            wait_until(lambda: lag_is_zero(started), "everything is written", seconds=120)
        assert started.child_pid("broker") == broker_pid, "the broker lived through it"
        assert started.supervisor.output().count("broker.recycled") >= 1
        assert memory.seen < 2 * LIMIT, f"{memory.seen // MEBIBYTE} MiB"
        assert missing(started, "volume", sent_spans) == 0
        print(f"{sent_bytes // MEBIBYTE} MiB, {sent_spans} spans, broker at most "
              f"{memory.seen // MEBIBYTE} MiB")  # fmt: skip
