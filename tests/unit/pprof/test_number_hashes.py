"""Hashes of columns are those of a plain computation, and tell places and groups apart."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rak_libs.pprof.number_hashes import hashes_of_groups, hashes_of_rows

_ALL_BITS = 2**64 - 1
_STEP = 0x9E3779B97F4A7C15
NUMBERS = st.integers(0, _ALL_BITS)


def scrambled(number: int) -> int:
    number &= _ALL_BITS
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9 & _ALL_BITS
    number = (number ^ number >> 27) * 0x94D049BB133111EB & _ALL_BITS
    return number ^ number >> 31


def hash_of_row(row: list[int]) -> int:
    found = 0
    for number in row:
        found = scrambled(found * _STEP + number + _STEP)
    return found


def hash_of_group(group: list[int]) -> int:
    placed = (scrambled(number + (place + 1) * _STEP) for place, number in enumerate(group))
    return scrambled(sum(placed) + len(group) * _STEP)


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1))
def test_rows_have_the_hashes_of_a_plain_computation(rows: list[tuple[int, int, int]]) -> None:
    columns = [np.array(column, np.uint64) for column in zip(*rows, strict=True)]
    assert hashes_of_rows(columns).tolist() == [hash_of_row(list(row)) for row in rows]


@given(st.lists(st.lists(NUMBERS)))
def test_groups_have_the_hashes_of_a_plain_computation(groups: list[list[int]]) -> None:
    numbers = np.array([number for group in groups for number in group], np.uint64)
    sizes = np.array([len(group) for group in groups], np.int64)
    assert hashes_of_groups(numbers, sizes).tolist() == [hash_of_group(each) for each in groups]


def test_small_groups_have_hashes_of_their_own() -> None:
    """Order, repeats and zeros count: these are what stacks differ by."""
    groups = [[], *([a] for a in range(40)), *([a, b] for a in range(40) for b in range(40))]
    groups += [[0] * size for size in range(3, 200)]
    numbers = np.array([number for group in groups for number in group], np.uint64)
    sizes = np.array([len(group) for group in groups], np.int64)
    assert len(set(hashes_of_groups(numbers, sizes).tolist())) == len(groups)
