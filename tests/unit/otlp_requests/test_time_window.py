import pytest

from rak_libs.model.time_window import DAY_NS, HOUR_NS, TimeWindow, reject_reason, time_window

NOW = 1_800_000_000 * 1_000_000_000


@pytest.mark.parametrize(
    ("time_ns", "reason"),
    [
        (NOW, None),
        (NOW + HOUR_NS, None),
        (NOW + HOUR_NS + 1, "time_future"),
        (NOW - 30 * DAY_NS + HOUR_NS, None),
        (NOW - 30 * DAY_NS + HOUR_NS - 1, "time_expired"),
        (1, "time_expired"),
        (0, "time_zero"),
        (2**63 - 1, "time_future"),
        (2**63, "time_overflow"),
        (2**64 - 1, "time_overflow"),
    ],
)
def test_a_time_is_kept_from_the_retention_less_an_hour_to_an_hour_ahead(
    time_ns: int, reason: str | None
) -> None:
    assert reject_reason(time_ns, time_window(30, NOW)) == reason


def test_a_window_never_leaves_what_a_column_of_nanoseconds_holds() -> None:
    assert time_window(3650, HOUR_NS).oldest_ns == 1
    assert time_window(1, 2**63 - 1).newest_ns == 2**63 - 1
    assert reject_reason(0, TimeWindow(1, 10)) == "time_zero"
