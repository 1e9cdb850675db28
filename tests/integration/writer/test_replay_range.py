"""`rak-writer replay`: a shadow table holds what the live one holds, however often it is filled."""

import time

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from integration.writer.conftest import Operated, Pipeline
from rak_libs.model.time_window import DAY_NS
from rak_services.writer.replay.shadow_table import UnfitTable
from traffic import numbered_request

ROWS = "SELECT toString(tuple(* EXCEPT (_batch))) FROM {} ORDER BY 1"
NOW_NS = time.time_ns()
YESTERDAY = time.strftime("%Y-%m-%d", time.gmtime((NOW_NS - DAY_NS) / 1e9))
WHOLE = ("--from", "now-1h", "--to", "now+1h")


def request(first: int, days_old: int = 0) -> ExportTraceServiceRequest:
    """Ten spans, those of odd numbers on the day before the others."""
    message = numbered_request("replayed", first, 10)
    for number, span in enumerate(message.resource_spans[0].scope_spans[0].spans):
        age = (days_old + number % 2) * DAY_NS
        span.start_time_unix_nano = span.end_time_unix_nano = NOW_NS - age
    return message


def replay(pipeline: Pipeline, *options: str, into: str = "spans_shadow") -> Operated:
    done = pipeline.operate("replay", "--topic", "otlp_spans", "--into", into, *options)
    assert done.status == 0
    return done


def rows(pipeline: Pipeline, table: str) -> list[str]:
    return [row for (row,) in pipeline.select(ROWS.format(table))]


def test_a_shadow_table_holds_what_the_live_one_holds(pipeline: Pipeline) -> None:
    values = [request(number * 10).SerializeToString() for number in range(20)]
    poison = [b"\xff no request", request(1000, days_old=40).SerializeToString()]
    pipeline.publish(values + poison)
    with pipeline.writer():
        pipeline.wait_written()
        first = replay(pipeline, *WHOLE)
        assert first.stderr.startswith("made spans_shadow like spans")
        assert first.stdout.splitlines()[-1] == (
            "spans_shadow: 22 messages (0 of them once dead letters), 200 rows (200 of them new), "
            "11 refused, 10 time_expired, 1 undecodable"
        )
        live = rows(pipeline, "spans")
        assert rows(pipeline, "spans_shadow") == live
        assert len(live) == 200

        again = replay(pipeline, *WHOLE)
        assert "200 rows (0 of them new)" in again.stdout
        pipeline.publish([request(500).SerializeToString()])
        pipeline.wait_written()
        overlapping = replay(pipeline, "--from", "now-2h", "--to", "now+2h")
        assert "210 rows (10 of them new)" in overlapping.stdout
        assert rows(pipeline, "spans_shadow") == rows(pipeline, "spans")
        earlier = replay(pipeline, "--from", "now-3h", "--to", "now-2h")
        assert "0 messages (0 of them once dead letters), 0 rows" in earlier.stdout

    # One span that the table refuses costs its message; rows that the engine lost while it
    # remembers their tokens, whole and by the day, are there again.
    pipeline.select("TRUNCATE TABLE spans_shadow")
    refuse = "CONSTRAINT poison CHECK attributes_int['number'] != 57"
    pipeline.select(f"ALTER TABLE spans_shadow ADD {refuse}")
    refused = "200 rows (200 of them new), 21 refused, 10 insert_refused"
    assert refused in replay(pipeline, *WHOLE).stdout
    pipeline.select("ALTER TABLE spans_shadow DROP CONSTRAINT poison")
    assert "210 rows (10 of them new)" in replay(pipeline, *WHOLE).stdout
    pipeline.select(f"ALTER TABLE spans_shadow DROP PARTITION '{YESTERDAY}'")
    assert "(105 of them new)" in replay(pipeline, *WHOLE).stdout
    assert rows(pipeline, "spans_shadow") == rows(pipeline, "spans")

    traces = pipeline.select("SELECT uniqExact(trace_id) FROM trace_times")
    assert traces == pipeline.select("SELECT uniqExact(trace_id) FROM spans")
    for table, text in (
        ("spans", "spans holds live data"),
        ("trace_times", "trace_times holds live data"),
        ("trace_times_feed", "expected a MergeTree table"),
    ):
        with pytest.raises(UnfitTable, match=text):
            replay(pipeline, *WHOLE, into=table)
    assert len(rows(pipeline, "spans")) == 210
