"""ClickHouse may be gone for long: lag grows on the broker, the writer's memory does not."""

import os
import signal
from pathlib import Path

import psutil

from fleet import fleet, lag_is_zero, wait_until
from traffic import Stream, missing

MEBIBYTE = 1024 * 1024
SPANS_PER_SECOND = 2_000
OUTAGE_SECONDS = int(os.environ.get("RAK_TEST_OUTAGE_SECONDS", "12"))
WARM_UP_SPANS = 10 * SPANS_PER_SECOND
SETTLING_SHARE = 0.5
GROWTH_ALLOWED = 64 * MEBIBYTE
FLAT = 8 * MEBIBYTE


def test_an_outage_of_clickhouse_loses_nothing_in_flat_memory(tmp_path: Path) -> None:
    with fleet(tmp_path) as started:
        stream = Stream(
            started.otlp_http_url, "outage", per_request=200, per_second=SPANS_PER_SECOND
        ).start()
        wait_until(lambda: stream.acknowledged >= WARM_UP_SPANS, "the stream runs", seconds=60)
        writer = psutil.Process(started.child_pid("writer"))
        before = writer.memory_info().rss
        engine = psutil.Process(started.child_pid("engine"))
        engine.send_signal(signal.SIGSTOP)
        during = [before]
        goal = stream.acknowledged + OUTAGE_SECONDS * SPANS_PER_SECOND

        def outage_is_over() -> bool:
            during.append(writer.memory_info().rss)
            return stream.acknowledged >= goal

        wait_until(outage_is_over, "the outage passes", seconds=OUTAGE_SECONDS * 3, every=0.5)
        engine.kill()
        sent = stream.stop()
        wait_until(lambda: lag_is_zero(started), "everything is written", seconds=120)

        assert missing(started, "outage", sent) == 0
        assert writer.pid == started.child_pid("writer"), "the writer lived through it"
        seen = [rss // MEBIBYTE for rss in during]
        settled = during[int(len(during) * SETTLING_SHARE) :]
        assert max(during) - before < GROWTH_ALLOWED, seen
        assert max(settled) - settled[0] < FLAT, seen
        print(f"outage {OUTAGE_SECONDS} s, {sent} spans, writer RSS {before // MEBIBYTE} MiB, "
              f"at most {max(during) // MEBIBYTE} MiB")  # fmt: skip
