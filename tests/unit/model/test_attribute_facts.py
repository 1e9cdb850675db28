"""What a column makes of a value, whatever type it came with."""

import math
from typing import Any

import pytest

from rak_libs.model.attribute_facts import MAX_COUNT, MAX_LETTERS, READINGS, Reading


@pytest.mark.parametrize(
    ("reading", "value", "fact"),
    [
        ("list", ["stop"], "stop"),
        ("list", ["stop", "", "length", "stop"], "stop,length,stop"),
        ("list", [], ""),
        ("list", [1, None, True], "1,true"),
        ("list", "stop", "stop"),
        ("list", '["stop","length"]', "stop,length"),
        ("list", "[stop", "[stop"),
        ("list", None, ""),
        ("list", {"reason": "stop"}, '{"reason":"stop"}'),
        ("seconds", 0.38, 380_000_000),
        ("seconds", 1e-9, 1),
        ("seconds", 2, 2 * 10**9),
        ("seconds", "0.5", 500_000_000),
        ("seconds", -1.0, 0),
        ("seconds", math.nan, 0),
        ("seconds", math.inf, MAX_COUNT),
        ("seconds", True, 0),
        ("seconds", "soon", 0),
        ("milliseconds", 25, 25_000_000),
        ("milliseconds", 25.5, 25_500_000),
        ("milliseconds", 0.0000016, 2),
        ("seconds or milliseconds", 150, 150_000_000),
        ("seconds or milliseconds", 0.15, 150_000_000),
        ("seconds or milliseconds", "150", 150_000_000),
    ],
)
def test_what_a_value_states(reading: Reading, value: Any, fact: str | int) -> None:
    assert READINGS[reading](value) == fact


@pytest.mark.parametrize("reading", ["text", "list"])
def test_a_text_that_is_no_name_any_more_states_its_begin_and_a_digest(reading: Reading) -> None:
    read = READINGS[reading]
    longest = "ü" * MAX_LETTERS
    assert read(longest) == longest
    first, second = read(f"{longest}1"), read(f"{longest}2")
    assert first.startswith("ü" * 980 + "...")
    assert len(first) <= MAX_LETTERS
    assert first != second
