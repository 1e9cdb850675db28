"""Hashes of rows and of groups of 64-bit numbers, whole columns at a time.

They depend on the numbers alone, so they are the same on every machine. They tell things apart that
came about by accident, not by design: none is a cryptographic hash.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from rak_libs.pprof.number_messages import Bits, Numbers

_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
_SHIFTS: Final = (np.uint64(30), np.uint64(27), np.uint64(31))


def hashes_of_rows(columns: Sequence[Bits]) -> Bits:
    """Return the hash of each row of some columns of one length."""
    hashes = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        hashes = _scrambled(hashes * _STEP + column + _STEP)
    return hashes


def hashes_of_groups(numbers: Bits, sizes: Numbers) -> Bits:
    """Return the hash of each group of numbers that follow each other, of these sizes."""
    ends = np.cumsum(sizes)
    place = np.arange(len(numbers)) - np.repeat(ends - sizes, sizes)
    sums = np.zeros(len(numbers) + 1, np.uint64)
    np.cumsum(_scrambled(numbers + (place.view(np.uint64) + np.uint64(1)) * _STEP), out=sums[1:])
    of_groups = sums[ends] - sums[ends - sizes]
    return _scrambled(of_groups + sizes.view(np.uint64) * _STEP)


def _scrambled(numbers: Bits) -> Bits:
    """Mix the bits of each number, as the generator SplitMix64 ends its steps."""
    first, second, third = _SHIFTS
    numbers = (numbers ^ (numbers >> first)) * _FIRST
    numbers = (numbers ^ (numbers >> second)) * _SECOND
    return numbers ^ (numbers >> third)
