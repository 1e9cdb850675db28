"""Series are written once in a while, not with every point."""

from rak_services.writer.written_rows import NewRows, WrittenRows


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_series_is_written_once_a_batch_and_day() -> None:
    new = NewRows()
    assert [new(1, 20), new(1, 20), new(1, 21), new(2, 20)] == [True, False, True, True]
    assert new.described == [(1, 20), (1, 21), (2, 20)]


def test_a_series_that_was_written_is_left_out_for_five_minutes() -> None:
    clock = Clock()
    written = WrittenRows(clock)
    written.note([(1, 20)])
    clock.now += 299
    assert not NewRows(written)(1, 20)
    clock.now += 1
    assert NewRows(written)(1, 20)


def test_what_is_only_decoded_is_not_written() -> None:
    """A batch that fails must not keep the next one from writing its series."""
    written = WrittenRows()
    assert NewRows(written)(1, 20)
    assert NewRows(written)(1, 20)


def test_a_full_memory_begins_anew() -> None:
    written = WrittenRows(most=2)
    written.note([(1, 20), (2, 20)])
    assert written.is_known((1, 20))
    written.note([(3, 20)])
    assert not any(written.is_known((number, 20)) for number in (1, 2, 3))
