"""`GET /api/v1/pipeline` against an account and rows that are known."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from integration.query.api_client import Api
from integration.query.conftest import Corpus
from rak_libs.clickhouse.connection import connect
from rak_libs.clickhouse.insert import Inserter
from rak_libs.clickhouse.parameters import bind
from rak_libs.clickhouse.statements import Statements
from rak_libs.model.batch import new_batch
from rak_libs.model.pipeline import PIPELINE, PipelineRow, append_rows
from rak_libs.model.time_text import format_time
from rak_libs.runtime.settings import ClickHouseSettings, Config
from rak_services.query.pipeline_sql import Hours, rows_sql

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
# Hours of a day that no other test has anything in.
FIRST_MS = (time.time_ns() // 1_000_000 // DAY_MS - 5) * DAY_MS
DAY = FIRST_MS // DAY_MS
LAST_WRITTEN = 6


def hour_ms(hour: int) -> int:
    return FIRST_MS + hour * HOUR_MS


def row(hour: int, service: str, outcome: str, **values: Any) -> PipelineRow:
    values.setdefault("at", hour_ms(hour) + 1)
    common = {"signal": "spans", "service": service, "outcome": outcome, "principal": "p"}
    return PipelineRow(hour=hour_ms(hour) * 1_000_000, **common | values)


def receiver(hour: int, outcome: str, items: int, boot: str = "b1", **values: Any) -> PipelineRow:
    return row(hour, "receiver", outcome, items=items, boot=boot, sequence=5, **values)


def batch(
    hour: int, number: int, items: int, boot: str = "b1", day: int = DAY, **values: Any
) -> list[PipelineRow]:
    """A writer's account of a batch that it stored."""
    common = {"boot": boot, "batch": number, "items": items, **values}
    return [
        row(hour, "writer", "arrived", freshness_ms=1_500 + number, messages=1, **common),
        row(hour, "writer", "stored", day=day, **common),
    ]


def alive(boot: str, outcome: str, at_ms: int) -> PipelineRow:
    times = {"at": at_ms, "started_at": hour_ms(0) - 1, "release": "1.0", "sequence": 9}
    hour = (at_ms - FIRST_MS) // HOUR_MS
    return row(hour, "receiver", outcome, boot=boot, principal="", **times)


def position(partition: int, written_until_ms: int, lag: int) -> PipelineRow:
    hour = LAST_WRITTEN
    return row(
        hour,
        "writer",
        "position",
        boot="w1",
        principal="",
        topic="otlp_spans",
        partition=partition,
        lag=lag,
        written_until=written_until_ms,
        oldest_unwritten=written_until_ms if lag else 0,
        at=hour_ms(hour) + 1_000,
    )


ACCOUNT = [
    alive("b1", "ended", hour_ms(LAST_WRITTEN) + 500),
    alive("b2", "running", hour_ms(1) + 100),
    position(0, hour_ms(LAST_WRITTEN), 0),
    position(1, hour_ms(LAST_WRITTEN) + 60_000, 7),
    # Hour 0: all is well.
    receiver(0, "accepted", 30),
    receiver(0, "rejected", 2, reason="trace_id"),
    *batch(0, 100, 20),
    *batch(0, 101, 10),
    # Hour 1: b2 is killed; five of its items arrived that it never reported.
    receiver(1, "accepted", 10, boot="b2"),
    *batch(1, 110, 15, boot="b2"),
    # Hour 2: everything but ten is set aside, of which one message came from a Collector.
    receiver(2, "accepted", 14),
    *batch(2, 120, 10),
    row(2, "writer", "arrived", batch=121, boot="b1", items=4),
    row(2, "writer", "dead_lettered", batch=121, boot="b1", items=4, reason="time_expired"),
    row(2, "writer", "arrived", batch=121, principal="", items=1),
    row(2, "writer", "dead_lettered", batch=121, principal="", items=1, reason="undecodable"),
    # Hour 3: two days that spans are not kept for any more, and rows that nobody claims.
    receiver(3, "accepted", 10),
    *batch(3, 130, 6),
    *batch(3, 131, 4, day=DAY - 60),
    # Hour 4: a row of these is going to be deleted.
    receiver(4, "accepted", 10),
    *batch(4, 140, 10),
    # Hour 6: not settled; batch 161 is stored, its account has not come yet.
    receiver(6, "accepted", 50),
    *batch(6, 160, 20),
]
STORED = {
    (0, 100): 20,
    (0, 101): 10,
    (1, 110): 15,
    (2, 120): 10,
    (3, 130): 6,
    (3, 139): 3,
    (4, 140): 10,
    (6, 160): 20,
    (6, 161): 12,
}

Say = Callable[[list[PipelineRow]], None]


@pytest.fixture(scope="module")
def statements(clickhouse: ClickHouseSettings) -> Iterator[Statements]:
    with Statements(clickhouse) as connection:
        yield connection


@pytest.fixture(scope="module")
def say(clickhouse: ClickHouseSettings) -> Iterator[Say]:
    """Adds rows to the account."""
    inserter = Inserter(clickhouse)

    def insert(rows: list[PipelineRow]) -> None:
        columns = new_batch(PIPELINE)
        append_rows(columns, rows)
        inserter.insert(PIPELINE, columns, {})

    yield insert
    inserter.close()


@pytest.fixture(scope="module", autouse=True)
def account(say: Say, statements: Statements, config: Config) -> None:
    say(ACCOUNT)
    for (hour, number), rows in STORED.items():
        statements.execute(
            f"INSERT INTO {config.clickhouse.database}.spans"
            " (trace_id, timestamp, ingested_at, _batch)"
            f" WITH fromUnixTimestamp64Milli({hour_ms(hour) + 50}, 'UTC') AS at"
            f" SELECT leftPad(toString(number), 32, '0'), at, at, {number} FROM numbers({rows})"
        )


PERIOD = {"start": str(hour_ms(0) * 1_000_000), "end": str(hour_ms(23) * 1_000_000)}


def hours(api: Api, **parameters: str) -> dict[int, dict[str, Any]]:
    """The account by hour."""
    found = api.items("/api/v1/pipeline", {**PERIOD, **parameters})
    by_time = {format_time(hour_ms(hour) * 1_000_000): hour for hour in range(24)}
    return {by_time[item["hour"]]: item for item in found}


def test_an_hour_in_which_all_is_well(api: Api) -> None:
    assert hours(api)[0] == {
        "signal": "spans",
        "hour": format_time(hour_ms(0) * 1_000_000),
        "settled": True,
        "received": 32,
        "accepted": 30,
        "rejected": 2,
        "rejected_by_reason": {"trace_id": 2},
        "failed": 0,
        "stored": 30,
        "dead_lettered": 0,
        "dead_lettered_by_reason": {},
        "waiting": 0,
        "expired": 0,
        "duplicated": 0,
        "unaccounted": 0,
        "unaccounted_by": {
            "never_arrived": 0,
            "unexplained": 0,
            "not_found": 0,
            "unreported": 0,
        },
        "receivers_gone": [],
        "freshness_p50_ns": 1_600_000_000,
        "freshness_max_ns": 1_601_000_000,
    }


def test_the_hours_come_newest_first_on_pages_of_any_size(api: Api) -> None:
    for limit in ("1", "2", "50"):
        found = api.items("/api/v1/pipeline", {**PERIOD, "limit": limit})
        assert [item["hour"] for item in found] == [
            format_time(hour_ms(hour) * 1_000_000) for hour in (6, 4, 3, 2, 1, 0)
        ]
        assert {hour: found["received"] for hour, found in hours(api, limit=limit).items()} == {
            0: 32,
            1: 10,
            2: 15,
            3: 10,
            4: 10,
            6: 50,
        }


def test_what_a_killed_receiver_never_reported_is_shown(api: Api) -> None:
    found = hours(api)[1]
    assert (found["received"], found["stored"], found["unaccounted"]) == (10, 15, 5)
    assert found["unaccounted_by"]["unreported"] == 5
    assert found["receivers_gone"] == [
        {
            "boot": "b2",
            "started_at": format_time((hour_ms(0) - 1) * 1_000_000),
            "last_seen": format_time((hour_ms(1) + 100) * 1_000_000),
            "release": "1.0",
        }
    ]
    assert all(not hour["receivers_gone"] for number, hour in hours(api).items() if number != 1)


def test_dead_letters_are_told_by_reason(api: Api) -> None:
    """Those of a Collector as well, which nobody else has counted."""
    found = hours(api)[2]
    assert (found["received"], found["stored"], found["dead_lettered"]) == (15, 10, 5)
    assert found["dead_lettered_by_reason"] == {"time_expired": 4, "undecodable": 1}
    assert found["unaccounted"] == 0


def test_expired_rows_are_no_loss_and_unclaimed_ones_are_duplicates(api: Api) -> None:
    found = hours(api)[3]
    assert (found["stored"], found["expired"], found["duplicated"]) == (9, 4, 3)
    assert found["unaccounted"] == 0


def test_an_hour_that_writers_have_not_finished_is_not_settled(api: Api) -> None:
    """What has no account yet waits, whether it is stored already or not."""
    found = hours(api)[6]
    assert (found["settled"], found["stored"], found["waiting"]) == (False, 20, 30)
    assert (found["duplicated"], found["unaccounted"]) == (0, 0)


def test_where_the_writers_are(api: Api) -> None:
    now = api.page("/api/v1/pipeline", PERIOD)["now"]
    assert [(each["topic"], each["partition"], each["lag"]) for each in now] == [
        ("otlp_spans", 0, 0),
        ("otlp_spans", 1, 7),
    ]
    assert now[0]["oldest_unwritten"] is None
    assert now[1]["oldest_unwritten"] == format_time((hour_ms(6) + 60_000) * 1_000_000)
    assert {(each["signal"], each["writer"]) for each in now} == {("spans", "w1")}


def test_an_account_that_is_written_again_says_the_same(api: Api, say: Say) -> None:
    """A batch that is replayed, a status record read twice, an older one that comes late."""
    before = hours(api)
    say(ACCOUNT)
    say([replace(receiver(0, "accepted", 12), sequence=4)])
    assert hours(api) == before


def test_a_deleted_row_is_missed(api: Api, statements: Statements, config: Config) -> None:
    before = hours(api)
    assert before[4]["unaccounted"] == 0
    statements.execute(
        f"ALTER TABLE {config.clickhouse.database}.spans DELETE WHERE _batch = 140"
        " AND trace_id = leftPad('3', 32, '0') SETTINGS mutations_sync = 1"
    )
    after = hours(api)
    assert (after[4]["stored"], after[4]["unaccounted"]) == (9, 1)
    assert after[4]["unaccounted_by"]["not_found"] == 1
    assert {hour: found for hour, found in after.items() if hour != 4} == {
        hour: found for hour, found in before.items() if hour != 4
    }


def test_rows_of_other_hours_are_not_read(clickhouse: ClickHouseSettings, corpus: Corpus) -> None:
    """The index on the time of arrival lets the engine skip their parts."""
    assert corpus.stored
    hour_ns = hour_ms(3) * 1_000_000
    statement = rows_sql(Hours("spans", hour_ns, hour_ns), ("spans",), 0)
    with connect(clickhouse) as client:
        plan = [
            line.strip() for (line,) in client.execute(f"EXPLAIN indexes = 1 {bind(*statement)}")
        ]
    index = plan.index("Name: idx_ingested_at")
    parts = next(line for line in plan[index:] if line.startswith("Parts: "))
    read, there = map(int, parts.removeprefix("Parts: ").split("/"))
    assert read < there
