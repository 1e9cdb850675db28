"""Rows of messages are in their table once, whatever becomes of an INSERT."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from clickhouse_driver import Client
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import fleet
from rak_libs.clickhouse.connection import connect
from rak_libs.clickhouse.errors import PermanentClickHouseError, SchemaError
from rak_libs.clickhouse.insert import Inserter
from rak_libs.kafka.records import Record
from rak_libs.model.time_window import DAY_NS
from rak_libs.runtime.settings import ClickHouseSettings
from rak_services.writer.replay.messages import DecodedMessages, decode_messages, shadow_of
from rak_services.writer.replay.shadow_rows import ShadowRows
from rak_services.writer.signals import SIGNALS
from traffic import numbered_request

SPANS = SIGNALS["spans"]
(TARGET,) = SPANS.tables
SHADOW = shadow_of(TARGET.table, "spans_shadow")
DAYS_KEPT = 30


def taken(count: int, days_old: int = 0) -> list[Record]:
    """Messages of two spans each, of two days, that the broker took when they were new."""
    records = []
    for number in range(count):
        request: ExportTraceServiceRequest = numbered_request("shadow", number * 2, 2)
        taken_ns = time.time_ns() - days_old * DAY_NS
        for age, span in enumerate(request.resource_spans[0].scope_spans[0].spans):
            span.start_time_unix_nano = span.end_time_unix_nano = taken_ns - age * DAY_NS
        value = request.SerializeToString()
        records.append(Record("otlp_spans", 0, number, taken_ns // 10**6, value, ()))
    return records


def decoded(records: Sequence[Record]) -> DecodedMessages:
    return decode_messages(records, SPANS, TARGET, DAYS_KEPT)


@contextlib.contextmanager
def shadow(folder: Path, *faults: str) -> Iterator[tuple[ClickHouseSettings, Client, ShadowRows]]:
    """An engine with faults of its own, and an empty table in it."""
    options = [option for fault in faults for option in ("--fault", fault)]
    with fleet.engine(folder, options=options) as (settings, _):
        client = connect(settings, database="")
        client.execute(f"CREATE DATABASE {settings.database}")
        columns = ", ".join(f"`{column.name}` {column.type}" for column in SHADOW.stored_columns)
        client.execute(
            f"CREATE TABLE {settings.database}.{SHADOW.name} ({columns}) ENGINE = MergeTree "
            "PARTITION BY toDate(timestamp) ORDER BY timestamp "
            f"TTL toDateTime(timestamp) + toIntervalDay({DAYS_KEPT}) "
            "SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1"
        )
        with contextlib.closing(Inserter(settings)) as inserter:
            try:
                yield settings, client, ShadowRows(inserter, SHADOW, TARGET, DAYS_KEPT)
            finally:
                client.disconnect()


def count(settings: ClickHouseSettings, client: Client) -> tuple[int, int]:
    """Rows, and different spans among them."""
    ((rows, spans),) = client.execute(
        f"SELECT count(), uniqExact(span_id) FROM {settings.database}.{SHADOW.name}"
    )
    return rows, spans


def test_an_insert_that_fails_or_whose_answer_is_lost_is_made_up_for(tmp_path: Path) -> None:
    """The first is not carried out (241: out of memory), the third is, and nobody says so."""
    faults = ("error-insert=1:241", "drop-after-commit=3")
    with shadow(tmp_path, *faults) as (settings, client, rows):
        records = taken(15)
        assert rows.store(decoded(records[:10])) == 20
        assert rows.store(decoded(records)) == 10
        assert rows.store(decoded(records)) == 0
        assert count(settings, client) == (30, 30)


def test_rows_that_expire_while_they_are_written_hold_nothing_up(tmp_path: Path) -> None:
    with shadow(tmp_path) as (settings, client, rows):
        assert rows.store(decoded(taken(3, days_old=DAYS_KEPT + 5))) == 6
        assert rows.store(decoded(taken(3))) == 6
        assert count(settings, client)[1] == 6


def test_what_waiting_does_not_help_is_told_at_once(tmp_path: Path) -> None:
    with shadow(tmp_path, "error-insert=1:117") as (settings, client, rows):
        with pytest.raises(PermanentClickHouseError, match="117"):
            rows.store(decoded(taken(1)))
        client.execute(f"DROP TABLE {settings.database}.{SHADOW.name}")
        with pytest.raises(SchemaError):
            rows.store(decoded(taken(1)))


def test_messages_without_rows_ask_nothing(tmp_path: Path) -> None:
    nothing = decoded([])
    unreachable = Inserter(ClickHouseSettings(url="clickhouse://127.0.0.1:1"))
    assert ShadowRows(unreachable, SHADOW, TARGET, DAYS_KEPT).store(nothing) == 0
