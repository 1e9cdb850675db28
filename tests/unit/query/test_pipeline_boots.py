"""Which receivers have said all about an hour, and when the hour is settled."""

from collections.abc import Sequence

import pytest

from rak_libs.model.pipeline import HOUR_MS
from rak_services.query.pipeline_account import BootState
from rak_services.query.pipeline_boots import MARGIN_MS, Receiver, Witnesses

HOUR = 500_000 * HOUR_MS
OVER = HOUR + HOUR_MS + MARGIN_MS
SILENT_MS = 55_000


def witnesses(
    last_seen_ms: int = OVER,
    *,
    ended: bool = False,
    newest_ms: int = OVER,
    written_until_ms: Sequence[int] = (OVER, OVER),
) -> Witnesses:
    receiver = Receiver("b1", HOUR - 5, last_seen_ms, ended, "1.0")
    return Witnesses({"b1": receiver}, written_until_ms, newest_ms, SILENT_MS)


def test_another_producer_has_no_account() -> None:
    assert witnesses().state_of("", HOUR) is BootState.OTHER


@pytest.mark.parametrize(
    ("last_seen_ms", "ended", "newest_ms", "state"),
    [
        (HOUR + 1, True, OVER * 2, BootState.COMPLETE),
        (OVER, False, OVER * 2, BootState.COMPLETE),
        (OVER - 1, False, OVER, BootState.OPEN),
        (HOUR + 1, False, HOUR + 1 + SILENT_MS, BootState.OPEN),
        (HOUR + 1, False, HOUR + 2 + SILENT_MS, BootState.GONE),
    ],
)
def test_the_state_of_a_run(
    last_seen_ms: int, ended: bool, newest_ms: int, state: BootState
) -> None:
    """It has said all once it ended or spoke well after the hour; long silence means it is gone."""
    assert witnesses(last_seen_ms, ended=ended, newest_ms=newest_ms).state_of("b1", HOUR) is state


def test_a_run_that_has_not_spoken_yet_is_known_by_its_items() -> None:
    """They may be stored before its first record is."""
    known = witnesses(newest_ms=HOUR + 100_000)
    assert known.state_of("b2", HOUR, arrived_ms=HOUR + 99_000) is BootState.OPEN
    assert known.state_of("b2", HOUR, arrived_ms=HOUR + 1_000) is BootState.GONE


def test_nobody_is_gone_while_no_record_comes_through() -> None:
    """Silence is measured from the newest record of anybody, not by a clock."""
    assert witnesses(HOUR + 1, newest_ms=HOUR + 1).state_of("b1", HOUR) is BootState.OPEN


def test_a_run_that_fell_silent_is_told_in_that_hour_alone() -> None:
    silent = witnesses(HOUR + 1, newest_ms=OVER * 2)
    assert silent.gone_in(HOUR, {}) == ["b1"]
    assert silent.gone_in(HOUR + HOUR_MS, {}) == []
    assert silent.gone_in(HOUR + HOUR_MS, {"b1": BootState.GONE}) == ["b1"]


@pytest.mark.parametrize(
    ("written_until_ms", "settled"),
    [((OVER, OVER), True), ((OVER, OVER - 1), False), ((0, OVER), False), ((), False)],
)
def test_an_hour_is_settled_when_every_partition_is_written(
    written_until_ms: tuple[int, ...], settled: bool
) -> None:
    assert witnesses(written_until_ms=written_until_ms).settled(HOUR, []) is settled


def test_an_hour_is_not_settled_while_a_receiver_may_still_speak() -> None:
    """Whether or not anything of it is known in that hour."""
    assert not witnesses(OVER - 1).settled(HOUR, [])
    assert not witnesses().settled(HOUR, [BootState.OPEN])
    assert witnesses(OVER - 1).settled(HOUR - HOUR_MS, [BootState.COMPLETE])
    assert witnesses(HOUR + 1, newest_ms=OVER * 2).settled(HOUR, [BootState.GONE])
