"""Slots of time: every stored time has one, and later times never an earlier one."""

import pytest

from rak_libs.model.ledger import SLOT_SECONDS, slot_of
from rak_libs.model.time_text import MAX_NS, SECOND_NS


@pytest.mark.parametrize(
    ("timestamp_ns", "slot"),
    [
        (0, 0),
        (300 * SECOND_NS - 1, 0),
        (300 * SECOND_NS, 300),
        (1_700_000_123_456_789_000, 1_700_000_100),
        # The last whole five minutes that 32 bits of seconds hold; clocks may run further.
        (2**32 * SECOND_NS, 4_294_967_100),
        (MAX_NS, 4_294_967_100),
    ],
)
def test_a_slot_is_five_minutes_and_fits_its_column(timestamp_ns: int, slot: int) -> None:
    assert slot_of(timestamp_ns) == slot
    assert slot % SLOT_SECONDS == 0
    assert slot < 2**32
