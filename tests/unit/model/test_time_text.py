"""Times and durations as people write them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rak_libs.model.time_text import (
    MAX_NS,
    format_time,
    parse_duration,
    parse_relative,
    parse_time,
)


@given(st.integers(0, MAX_NS))
@settings(deadline=None)
def test_a_written_time_reads_back_exactly(nanoseconds: int) -> None:
    assert parse_time(format_time(nanoseconds)) == nanoseconds
    assert parse_time(str(nanoseconds)) == nanoseconds


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:00.5z", 500_000_000),
        ("1970-01-01 02:00:00.000000001+02:00", 1),
        ("1970-01-01T02:00:00 02:00", 0),
        ("1969-12-31T23:00:01-01:00", 1_000_000_000),
        ("2262-04-11T23:47:16.854775807Z", MAX_NS),
    ],
)
def test_rfc_3339_is_read_to_the_nanosecond(text: str, nanoseconds: int) -> None:
    assert parse_time(text) == nanoseconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "yesterday",
        "-1",
        "1.5",
        "2026-05-01",
        "2026-05-01T12:00:00",
        "2026-13-01T00:00:00Z",
        "2026-05-01T24:00:01Z",
        "2026-05-01T12:00:00.1234567890Z",
        "1969-12-31T23:59:59Z",
        "2262-04-11T23:47:16.854775808Z",
        "9223372036854775808",
        "٣",
    ],
)
def test_other_texts_are_no_times(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_time(text)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0s", 0),
        ("7ns", 7),
        ("3us", 3_000),
        ("3µs", 3_000),
        ("3μs", 3_000),
        ("250ms", 250_000_000),
        ("1.5s", 1_500_000_000),
        ("0.1s", 100_000_000),
        ("1h30m", 5_400_000_000_000),
        ("2d", 172_800_000_000_000),
        ("1.9ns", 1),
    ],
)
def test_durations_have_units(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "5", "s", "-1s", "1 s", "1y", "1s!", "999999999999h", ".5s"])
def test_other_texts_are_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_duration(text)


def test_relative_times_are_offsets_from_now() -> None:
    assert parse_relative("now") == 0
    assert parse_relative("now-1h") == -3_600_000_000_000
    assert parse_relative("now+5m") == parse_relative("now 5m") == 300_000_000_000
    assert parse_relative("2026-05-01T00:00:00Z") is None
    with pytest.raises(ValueError, match="no duration"):
        parse_relative("now-1y")


def test_times_of_the_wire_beyond_2_63_are_written_as_unsigned() -> None:
    """Event times are 64 unsigned bits, stored in a signed column."""
    assert format_time(-1) == "2554-07-21T23:34:33.709551615Z"
    assert format_time(-(2**63)) == "2262-04-11T23:47:16.854775808Z"
