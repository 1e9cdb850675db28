"""Rows read as they come, beside other statements of the same thread."""

import pytest

from rak_libs.clickhouse.errors import ClickHouseError
from rak_libs.clickhouse.insert import Inserter

NUMBERS = "SELECT number FROM numbers(200000)"


def test_streams_run_beside_each_other_and_beside_statements(inserter: Inserter) -> None:
    first, second = inserter.stream(NUMBERS, {}), inserter.stream(NUMBERS, {})
    assert next(first) == next(second) == (0,)
    assert inserter.execute("SELECT 7") == [(7,)]
    assert sum(1 for _ in first) == sum(1 for _ in second) == 199_999


def test_settings_go_with_a_stream(inserter: Inserter) -> None:
    ((value,),) = inserter.stream("SELECT getSetting('max_threads')", {"max_threads": 3})
    assert value == 3


def test_an_error_in_the_middle_is_raised_and_the_next_stream_works(inserter: Inserter) -> None:
    failing = inserter.stream("SELECT throwIf(number = 190000) FROM numbers(200000)", {})
    with pytest.raises(ClickHouseError, match="throwIf"):
        list(failing)
    assert list(inserter.stream("SELECT 1", {})) == [(1,)]


def test_a_stream_that_is_left_is_ended(inserter: Inserter) -> None:
    """Whoever stops reading leaves no statement behind, and no half-read connection."""
    endless = inserter.stream("SELECT number FROM system.numbers", {})
    assert next(endless) == (0,)
    endless.close()
    assert list(inserter.stream("SELECT 1", {})) == [(1,)]


def test_long_statements_are_sent_whole(inserter: Inserter) -> None:
    ids = ",".join(f"'{number:032x}'" for number in range(20_000))
    assert list(inserter.stream(f"SELECT count() FROM numbers(3) WHERE '1' IN ({ids})", {})) == [
        (0,)
    ]
