"""A writer killed at each point on a batch's way into ClickHouse: nothing lost or doubled."""

import pytest

from delivery_path import DeliveryPath
from ledger_items import LOGS, METRICS, PROFILES, Items
from rak_services.writer.crash_points import CRASH_POINTS

PASSAGES = 2
SPANS_ALONE = ("--signal", "spans")


@pytest.mark.parametrize("point", CRASH_POINTS)
def test_a_writer_killed_here_loses_and_doubles_nothing(path: DeliveryPath, point: str) -> None:
    with path.ledger(f"killed-{point}") as ledger:
        with path.writer(*SPANS_ALONE, "--crash-at", f"{point}:{PASSAGES}") as writer:
            writer.service.wait_killed()
        with path.writer(*SPANS_ALONE):
            ledger.stop()
            path.wait_written()
    assert path.check(ledger).faults == {}


@pytest.mark.parametrize("items", [METRICS, LOGS, PROFILES], ids=lambda items: items.signal)
def test_a_writer_killed_at_one_point_after_the_other(path: DeliveryPath, items: Items) -> None:
    """As above for another signal: each writer goes on where its predecessor was killed."""
    alone = ("--signal", items.signal)
    with path.ledger(f"killed-{items.signal}", items=items) as ledger:
        for point in CRASH_POINTS:
            with path.writer(*alone, "--crash-at", f"{point}:{PASSAGES}") as writer:
                writer.service.wait_killed()
        with path.writer(*alone):
            ledger.stop()
            path.wait_written(topic=items.topic)
    assert path.check(ledger).faults == {}
