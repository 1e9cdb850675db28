"""Profiles go the writer's way: batches, dead letters, replays, and what a letter looks like."""

import json
import time
from itertools import pairwise

from pprof_generation import small_profile
from rak_libs.clickhouse.insert import encode_block
from rak_libs.kafka.consumer import Record, TopicPartition
from rak_libs.kafka.topics import PPROF_PROFILES
from rak_libs.model.profiles import ProfileType
from rak_libs.model.time_window import DAY_NS
from rak_libs.pprof.context import ProfileContext
from rak_services.writer.batch import UNDECODABLE, Batch
from rak_services.writer.dlq.payload import payload_text, verdict
from rak_services.writer.replay.messages import decode_messages, shadow_of
from rak_services.writer.signals import SIGNALS
from rak_services.writer.written_rows import WrittenRows

PROFILES = SIGNALS["profiles"]
STACKS, CPU, MEMORY = PROFILES.tables
SOURCE = TopicPartition(PPROF_PROFILES, 0)
DAYS_KEPT = 7
NOW_NS = time.time_ns()
CONTEXT = ProfileContext(ProfileType.CPU, "planner")


def record(offset: int, value: bytes | None = None, time_ns: int = NOW_NS) -> Record:
    if value is None:
        profile = small_profile(samples=offset + 1)
        profile.time_nanos = time_ns
        value = profile.SerializeToString()
    headers = tuple(CONTEXT.to_headers())
    return Record(SOURCE.topic, SOURCE.partition, offset, NOW_NS // 10**6, value, headers)


def batch_of(*records: Record, written: WrittenRows | None = None) -> Batch:
    batch = Batch.begin(SOURCE, PROFILES, DAYS_KEPT, 0.0, written)
    for each in records:
        batch.add(each)
    return batch


def test_what_cannot_be_stored_is_set_aside_whole_and_named() -> None:
    broken = small_profile()
    broken.function.add(id=1)
    records = [
        record(0),
        record(1, b"no profile"),
        record(2, broken.SerializeToString()),
        record(3, time_ns=1),
    ]
    batch = batch_of(*records)
    assert [(each.record.offset, each.reason, each.count) for each in batch.refused] == [
        (1, UNDECODABLE, 1),
        (2, "id", 1),
        (3, "time_expired", 1),
    ]
    assert all(each.value == each.record.value for each in batch.refused)
    assert PROFILES.items_per_table(batch.decoded) == {"cpu_profiles": 1}


def test_a_stack_is_written_once_in_a_while_and_profiles_always() -> None:
    written = WrittenRows()
    first = batch_of(record(0), record(1), written=written)
    assert {name: rows.rows for name, rows in first.decoded.tables.items()} == {
        "profile_stacks": 1,
        "cpu_profiles": 2,
        "memory_profiles": 0,
    }
    written.note(first.descriptions)
    again = batch_of(record(2), written=written)
    assert again.decoded.tables["profile_stacks"].rows == 0
    assert again.decoded.tables["cpu_profiles"].rows == 1


def test_a_range_of_profiles_can_be_replayed_in_part() -> None:
    """Rows are chosen by message and day; each still encodes, samples and all."""
    records = [record(0), record(1, time_ns=NOW_NS - DAY_NS), record(2, b"no profile"), record(3)]
    decoded = decode_messages(records, PROFILES, CPU, DAYS_KEPT)
    assert decoded.refused == {UNDECODABLE: 1}
    assert len(set(decoded.pieces)) == 3
    chosen = decoded.rows_of(frozenset(decoded.pieces[1:]))
    assert chosen.rows == 2
    offsets = [0, *chosen.columns["samples.stack"].offsets]  # type: ignore[union-attr]
    assert [end - begin for begin, end in pairwise(offsets)] == [2, 4]
    assert encode_block(shadow_of(CPU.table, "shadow"), chosen).rows == 2


def test_a_letter_with_a_profile_is_shown_as_json_and_judged() -> None:
    value = record(0).value
    shown = json.loads(payload_text(PPROF_PROFILES, value))
    assert shown["stringTable"][5:7] == ["main.work", "main.main"]
    assert verdict(PROFILES, DAYS_KEPT, value, NOW_NS) == "2 rows stored"
    late = verdict(PROFILES, DAYS_KEPT, value, NOW_NS + 8 * DAY_NS)
    assert late == "0 rows stored, 1 refused as time_expired"
    assert "UndecodableProfile" in verdict(PROFILES, DAYS_KEPT, b"no profile", NOW_NS)


def test_only_profiles_are_items() -> None:
    assert [each.itemised for each in (STACKS, CPU, MEMORY)] == [False, True, False]
