"""The writer process between a real broker and a real engine."""

import time

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import fleet
from integration.writer.conftest import Pipeline
from rak_libs.kafka.topics import DeadLetter
from rak_libs.model.time_window import DAY_NS
from traffic import numbered_request

SERVICE = "numbers"

on_one_broker = pytest.mark.parametrize("pipeline", ["embedded"], indirect=True)
"""For what has nothing to do with which broker it is."""


def numbered(first: int, count: int) -> bytes:
    """One message of `count` spans that are numbered from `first`."""
    return numbered_request(SERVICE, first, count).SerializeToString()


def stored_numbers(pipeline: Pipeline) -> int:
    """How many different numbers are stored."""
    ((count,),) = pipeline.select(
        f"SELECT uniqExact(attributes_int['number']) FROM spans WHERE service_name = '{SERVICE}'"
    )
    return int(count)


def test_everything_published_is_stored_once(pipeline: Pipeline) -> None:
    """10,000 spans in 50 messages, published before and while the writer runs."""
    pipeline.publish(numbered(number * 200, 200) for number in range(25))
    with pipeline.writer() as writer:
        pipeline.publish(numbered(number * 200, 200) for number in range(25, 50))
        pipeline.wait_written()
        assert stored_numbers(pipeline) == 10_000
        assert pipeline.select("SELECT count() FROM spans") == [(10_000,)]
        assert writer.terminate() == 0


@on_one_broker
def test_what_cannot_be_stored_is_set_aside_and_its_neighbours_are_stored(
    pipeline: Pipeline,
) -> None:
    """An undecodable message and expired spans go to the dead-letter topic, with reasons."""
    mixed = numbered_request(SERVICE, 1000, 10)
    expired = mixed.resource_spans[0].scope_spans[0].spans[3]
    expired.start_time_unix_nano = time.time_ns() - 200 * DAY_NS
    garbage = b"\xff this is no request"
    pipeline.publish([numbered(0, 10), garbage, mixed.SerializeToString(), numbered(10, 10)])
    with pipeline.writer():
        pipeline.wait_written()
        letters = pipeline.dead_letters(2)
    assert stored_numbers(pipeline) == 29
    described = {DeadLetter.from_headers(letter.headers): letter.value for letter in letters}
    by_reason = {letter.reason: letter for letter in described if letter is not None}
    assert sorted(by_reason) == ["time_expired", "undecodable"]
    assert by_reason["undecodable"].error_class == "UndecodableMessage"
    assert by_reason["undecodable"].topic == "otlp_spans"
    assert described[by_reason["undecodable"]] == garbage
    alone = ExportTraceServiceRequest.FromString(described[by_reason["time_expired"]])
    assert list(alone.resource_spans[0].scope_spans[0].spans) == [expired]
    assert alone.resource_spans[0].resource == mixed.resource_spans[0].resource


@on_one_broker
def test_a_lone_span_does_not_wait_for_the_stretch(pipeline: Pipeline) -> None:
    """The batch of a quiet partition is not stretched."""
    with pipeline.writer(batch_timeout_seconds=0.5, batch_stretch_seconds=30.0):
        pipeline.publish([numbered(0, 1)])
        # Far below the stretch, far above the timeout: no race with a slow machine.
        fleet.wait_until(lambda: stored_numbers(pipeline) == 1, "the span is stored", seconds=15)


@on_one_broker
def test_an_engine_that_dies_in_a_stream_loses_nothing(pipeline: Pipeline) -> None:
    """Kill -9 of ClickHouse while messages flow; all are stored once it is back."""
    with pipeline.writer(batch_timeout_seconds=0.1):
        pipeline.publish(numbered(number * 100, 100) for number in range(20))
        fleet.wait_until(lambda: stored_numbers(pipeline) > 0, "the stream flows")
        pipeline.engine.process.kill()
        pipeline.engine.process.wait()
        pipeline.publish(numbered(number * 100, 100) for number in range(20, 40))
        assert pipeline.lag() > 0
        port = int(pipeline.config.clickhouse.url.rpartition(":")[2])
        with fleet.engine(pipeline.folder, port):
            pipeline.publish(numbered(number * 100, 100) for number in range(40, 60))
            pipeline.wait_written()
            assert stored_numbers(pipeline) == 6_000


def test_writers_that_come_and_go_lose_nothing(pipeline: Pipeline) -> None:
    """Partitions move between two writers in the middle of a stream."""
    with pipeline.writer(batch_timeout_seconds=0.1) as first:
        pipeline.publish(numbered(number * 100, 100) for number in range(30))
        with pipeline.writer(batch_timeout_seconds=0.1):
            pipeline.publish(numbered(number * 100, 100) for number in range(30, 60))
            assert first.terminate() == 0
            pipeline.publish(numbered(number * 100, 100) for number in range(60, 90))
            pipeline.wait_written()
            assert stored_numbers(pipeline) == 9_000


@on_one_broker
def test_a_missing_table_stops_the_topic_and_touches_nothing(pipeline: Pipeline) -> None:
    """Nothing is dead-lettered; when the table is back, everything is written."""
    pipeline.select("RENAME TABLE spans TO spans_elsewhere")
    with pipeline.writer(batch_timeout_seconds=0.1) as writer:
        pipeline.publish([numbered(0, 50)])
        fleet.wait_until(lambda: "writer.schema_mismatch" in writer.output(), "it complains")
        assert pipeline.lag() > 0
        pipeline.select("RENAME TABLE spans_elsewhere TO spans")
        pipeline.wait_written()
        assert stored_numbers(pipeline) == 50
        assert "writer.dead_lettered" not in writer.output()


def test_a_stop_writes_what_has_been_read(pipeline: Pipeline) -> None:
    """SIGTERM in the middle of a long batch: it is written and committed, status 0."""
    with pipeline.writer(batch_timeout_seconds=60.0, batch_stretch_seconds=60.0) as writer:
        pipeline.publish([numbered(0, 50)])
        fleet.wait_until(lambda: writer.metric("ingest_buffer_size") == 50, "the batch forms")
        assert writer.terminate() == 0
    assert stored_numbers(pipeline) == 50
    assert pipeline.lag() == 0
