"""The ledger is right whatever cuts a cycle off, and however many instances work at once."""

import random
import threading

import pytest

from ledger_answers import assert_ledger_right
from ledger_instances import rebuild, upkeep_of
from ledger_spans import draw_traces, in_batches, insert_spans
from rak_libs.clickhouse.errors import ClickHouseError
from rak_libs.clickhouse.insert import Inserter
from rak_libs.runtime.settings import Config
from rak_services.derive.crash_points import CRASH_POINTS, CrashPoints


class Cut(BaseException):
    """Ends a cycle as SIGKILL ends its process: nothing catches it, nothing is put in order."""


class CutPoints(CrashPoints):
    """Cuts a cycle at its `passage`-th crash point of any kind."""

    def __init__(self, passage: int) -> None:
        super().__init__()
        self._left = passage

    def reach(self, point: str) -> None:
        assert point in CRASH_POINTS
        self._left -= 1
        if self._left == 0:
            raise Cut


@pytest.fixture
def small_inserts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several INSERTs of entries in one cycle."""
    monkeypatch.setattr("rak_services.derive.ledger.accounts.ROWS_AT_ONCE", 40)


@pytest.mark.usefixtures("small_inserts")
def test_a_cycle_that_is_cut_anywhere_is_made_up_for(migrated: Config, inserter: Inserter) -> None:
    """By another process, and without a new span of what the dead one had stored."""
    draw = random.Random(3)
    rows = draw_traces(draw, 12, 8)
    for cut, batch in enumerate(in_batches(draw, rows, 6)):
        insert_spans(inserter, batch)
        with pytest.raises(Cut):
            upkeep_of(migrated, inserter, CutPoints(1 + 4 * cut)).cycle()
    upkeep_of(migrated, inserter).cycle()
    assert_ledger_right(inserter, rows)


@pytest.mark.usefixtures("small_inserts")
def test_a_cycle_that_failed_is_made_up_for_by_the_same_instance(
    migrated: Config, inserter: Inserter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was stored before the engine went away is not stored again, yet summed up."""
    draw = random.Random(4)
    rows = draw_traces(draw, 12, 8)
    insert_spans(inserter, rows)
    upkeep = upkeep_of(migrated, inserter)
    insert, failing = inserter.insert, iter([False, True, False, True])

    def sometimes(*arguments: object) -> None:
        insert(*arguments)  # type: ignore[arg-type] # passed on
        if next(failing, False):
            raise ClickHouseError(210, "the connection broke")

    monkeypatch.setattr(inserter, "insert", sometimes)
    for _ in range(2):
        with pytest.raises(ClickHouseError):
            upkeep.cycle()
    upkeep.cycle()
    assert_ledger_right(inserter, rows)


def test_instances_and_a_rebuild_at_once_do_no_harm(migrated: Config, inserter: Inserter) -> None:
    """Each begins when it likes, while spans arrive."""
    draw = random.Random(5)
    rows = draw_traces(draw, 30, 8)
    finished, cycles = threading.Event(), threading.Semaphore(0)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        own = Inserter(migrated.clickhouse)
        upkeep = upkeep_of(migrated, own)
        try:
            while not finished.is_set():
                rebuild(migrated, own) if number == 0 else upkeep.cycle()
                cycles.release()
        except BaseException as error:  # noqa: BLE001 - told by the test
            failures.append(error)
        finally:
            cycles.release()
            own.close()

    instances = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for instance in instances:
        instance.start()
    for batch in in_batches(draw, rows, 4):
        insert_spans(inserter, batch)
        cycles.acquire()
    finished.set()
    for instance in instances:
        instance.join()
    assert failures == []
    upkeep_of(migrated, inserter).cycle()
    assert_ledger_right(inserter, rows)


def test_what_saw_less_does_not_replace_what_saw_more(migrated: Config, inserter: Inserter) -> None:
    """An instance that stood still writes what it once computed."""
    rows = draw_traces(random.Random(6), 3, 8)
    insert_spans(inserter, rows)
    upkeep_of(migrated, inserter).cycle()
    for table in ("ledger", "trace_totals", "agent_execution_summary_states"):
        inserter.execute(
            f"INSERT INTO {table} SELECT * REPLACE(7 AS input_tokens, seen_until - 1 AS seen_until)"
            f" FROM {table}"
        )
    assert_ledger_right(inserter, rows)
