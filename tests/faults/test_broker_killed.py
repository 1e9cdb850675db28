"""The embedded broker may die too: what was only in its memory is gone, and the fleet goes on."""

import os
import signal
from pathlib import Path

from fleet import fleet, lag_is_zero, wait_until
from traffic import Stream, missing

SPANS = 10_000


def test_a_killed_broker_is_back_with_its_topics_and_later_spans_are_stored(tmp_path: Path) -> None:
    with fleet(tmp_path) as started:
        Stream(started.otlp_http_url, "before", total=SPANS).start().wait()
        wait_until(lambda: lag_is_zero(started), "everything is written", seconds=60)
        killed = started.child_pid("broker")
        os.kill(killed, signal.SIGKILL)
        output = started.supervisor.output
        wait_until(lambda: "fleet.broker_lost_messages" in output(), "the loss is told")
        wait_until(lambda: output().count("create topic otlp_spans\n") == 2, "topics are made anew")
        Stream(started.otlp_http_url, "after", total=SPANS).start().wait()
        wait_until(lambda: lag_is_zero(started), "everything is written", seconds=90)
        assert started.child_pid("broker") != killed
        assert missing(started, "before", SPANS) == 0
        assert missing(started, "after", SPANS) == 0
