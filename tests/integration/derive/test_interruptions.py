"""Rollups are right whatever cuts a cycle off, and however many instances work at once."""

import random
import threading
from collections.abc import Sequence

import pytest

from rak_libs.clickhouse.insert import Inserter
from rak_libs.runtime.settings import Config
from rak_services.derive.crash_points import CRASH_POINTS, CrashPoints
from rak_services.derive.metrics.rollups import MetricRollups
from rollup_answers import assert_rollups_equal
from rollup_instances import rollups_of
from rollup_points import (
    MINUTE,
    DrawnKind,
    Points,
    draw_histograms,
    draw_points,
    draw_samples,
    insert_points,
    insert_series,
    midnight,
    shuffled,
)

SMALL: list[DrawnKind] = [
    ([("COUNTER", "CUMULATIVE"), ("COUNTER", "DELTA")], 8, draw_samples),
    ([("HISTOGRAM", "CUMULATIVE")], 2, draw_histograms),
]


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


def drawn(seed: int, kinds: Sequence[DrawnKind] = SMALL) -> tuple[random.Random, Points]:
    draw, begin = random.Random(seed), midnight() - 30 * MINUTE
    return draw, draw_points(draw, kinds, begin, begin + 60 * MINUTE)


def test_a_cycle_that_is_cut_anywhere_is_made_up_for(migrated: Config, inserter: Inserter) -> None:
    """At one of its steps, then at a later one, with points that come in between."""
    draw, points = drawn(7)
    insert_series(inserter, points)
    rows = shuffled(draw, points)
    cut = []
    for passage in (1, 2, 5, 8, 13, 0):
        arriving = len(rows) // 3 if passage else len(rows)
        insert_points(inserter, rows[:arriving])
        rows = rows[arriving:]
        try:
            rollups_of(migrated, inserter, CutPoints(passage)).cycle()
        except Cut:
            cut.append(passage)
    assert len(cut) > 3
    assert_rollups_equal(inserter, points)


def test_two_instances_at_once_do_no_harm(migrated: Config, inserter: Inserter) -> None:
    """Each begins when it likes, while points arrive."""
    draw, points = drawn(8, SMALL[:1])
    insert_series(inserter, points)
    finished, cycles = threading.Event(), threading.Semaphore(0)
    failures: list[BaseException] = []

    def work() -> None:
        own = Inserter(migrated.clickhouse)
        try:
            while not finished.is_set():
                rollups_of(migrated, own).cycle()
                cycles.release()
        except BaseException as error:  # noqa: BLE001 - told by the test
            failures.append(error)
        finally:
            cycles.release()
            own.close()

    instances = [threading.Thread(target=work) for _ in range(2)]
    for instance in instances:
        instance.start()
    rows = shuffled(draw, points)
    for begin in range(0, len(rows), len(rows) // 3):
        insert_points(inserter, rows[begin : begin + len(rows) // 3])
        cycles.acquire()
    finished.set()
    for instance in instances:
        instance.join()
    assert failures == []
    rollups_of(migrated, inserter).cycle()
    assert_rollups_equal(inserter, points)


def test_what_saw_less_does_not_replace_what_saw_more(
    inserter: Inserter, rollups: MetricRollups
) -> None:
    """An instance that stood still writes what it once computed."""
    _, points = drawn(9, SMALL[:1])
    insert_series(inserter, points)
    insert_points(inserter, [(series, point) for series in points for point in points[series]])
    rollups.cycle()
    inserter.execute(
        "INSERT INTO metric_samples_1m (metric_name, fingerprint, timestamp, points, seen_until)"
        " SELECT metric_name, fingerprint, timestamp, 1, seen_until - 1 FROM metric_samples_1m"
    )
    assert_rollups_equal(inserter, points)


@pytest.mark.parametrize("text", ["nowhere", "after-note:x", ":1"])
def test_a_crash_point_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected before-insert"):
        CrashPoints.parse(text)
