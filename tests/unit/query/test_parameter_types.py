"""Request parameters that JSON has no type for."""

from rak_libs.model.time_text import MAX_NS
from rak_services.query.parameter_types import TimePoint


def test_a_relative_time_never_leaves_the_times_that_can_be_stored() -> None:
    assert TimePoint.parse("now-90000d").resolve(1_000) == 0
    assert TimePoint.parse("now+90000d").resolve(MAX_NS - 1) == MAX_NS
    assert TimePoint.parse("now-1s").resolve(5_000_000_000) == 4_000_000_000
    assert TimePoint.parse("7").resolve(5_000_000_000) == 7
