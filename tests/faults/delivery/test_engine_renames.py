"""ClickHouse killed at each rename of an INSERT over three partitions: nothing lost or doubled.

It notes an INSERT's token before it renames the part, so that a part may be lost of which it will
say that it has it. An INSERT into `spans` renames three parts there, three of `trace_times` and
three of `attribute_keys`, six of them in one thread; one into `logs` or a table of metrics renames
three.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from delivery_path import DeliveryPath, RunningWriter, stopped
from fleet import wait_until
from ledger_items import LOGS, METRICS, PROFILES, SPANS, Items
from renames import killed_at_rename, require_strace

RENAMES = [
    # The first and the last into `spans`, and all of those that follow in the same thread.
    *((SPANS, number) for number in (1, 3, 4, 5, 6)),
    (LOGS, 2),
    # The second INSERT of some thread is into any of the tables behind the series.
    (METRICS, 2),
    (METRICS, 5),
    # The first INSERT of some thread is into any of the three tables.
    (PROFILES, 2),
]
REPAIRS_KILLED = 3


@pytest.fixture(scope="module")
def writer(path: DeliveryPath) -> Iterator[RunningWriter]:
    """A writer that sees ClickHouse die and come back, over and over."""
    require_strace()
    with path.writer() as running:
        wait_until(lambda: running.assignments == 1, "the writer has partitions")
        yield running


@pytest.mark.parametrize(
    ("items", "rename"), RENAMES, ids=[f"{items.signal}-{rename}" for items, rename in RENAMES]
)
def test_clickhouse_killed_at_this_rename_loses_and_doubles_nothing(
    path: DeliveryPath, writer: RunningWriter, tmp_path: Path, items: Items, rename: int
) -> None:
    path.execute("SYSTEM STOP MERGES")
    name = f"rename-{items.signal}-{rename}"
    ledger = path.ledger(name, items=items, producers=1, total=30)
    with killed_at_rename(path.engine.pid, rename, tmp_path / "renames"):
        with ledger:
            ledger.join()
        path.engine.wait_killed()
    path.start_engine()
    path.wait_written(topic=items.topic)
    assert path.check(ledger).faults == {}


def test_clickhouse_killed_again_and_again_during_the_repair_loses_and_doubles_nothing(
    path: DeliveryPath, writer: RunningWriter, tmp_path: Path
) -> None:
    path.execute("SYSTEM STOP MERGES")
    ledger = path.ledger("repairs", producers=1, total=30)
    with killed_at_rename(path.engine.pid, 2, tmp_path / "renames"):
        with ledger:
            ledger.join()
        path.engine.wait_killed()
    for repair in range(REPAIRS_KILLED):
        with contextlib.ExitStack() as tracing:
            with stopped(writer.service.pid):
                path.start_engine()
                path.execute("SYSTEM STOP MERGES")
                output = tmp_path / f"repair-{repair}"
                tracing.enter_context(killed_at_rename(path.engine.pid, 1, output))
            path.engine.wait_killed()
    path.start_engine()
    path.wait_written()
    assert path.check(ledger).faults == {}


def test_a_retry_with_a_token_alone_would_lose_a_part(path: DeliveryPath, tmp_path: Path) -> None:
    """What the writer has to repair: when this fails, ClickHouse has become better."""
    require_strace()
    path.execute(
        "CREATE TABLE days (day Date) ENGINE = MergeTree PARTITION BY day ORDER BY day "
        "SETTINGS non_replicated_deduplication_window = 1000"
    )
    insert = (
        "INSERT INTO days SELECT toDate('2026-01-01') + number FROM numbers(3) "
        "SETTINGS insert_deduplication_token = 'once', async_insert = 0"
    )
    with killed_at_rename(path.engine.pid, 2, tmp_path / "renames"):
        with pytest.raises(EOFError):
            path.execute(insert)
        path.engine.wait_killed()
    path.start_engine()
    path.execute(insert)
    stored = path.execute("SELECT toString(day) FROM days ORDER BY day")
    path.execute("DROP TABLE days")
    assert stored == [("2026-01-01",), ("2026-01-03",)]
