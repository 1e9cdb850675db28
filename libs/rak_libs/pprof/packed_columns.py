"""Columns of machine numbers into those of a batch, without an object for each value."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from rak_libs.model.batch import ArrayValues, WordValues
from rak_libs.pprof.number_messages import Numbers

_TYPES: Final = {"B": np.uint8, "I": np.uint32, "q": np.int64, "Q": np.uint64}


def append_numbers(column: ArrayValues, numbers: Any, sizes: Numbers | None = None) -> None:
    """Append rows of numbers.

    Args:
        column: A column of a packed table.
        numbers: The numbers of all rows.
        sizes: How many of them each row has; None when they are one row's.
    """
    _extend(column.values, numbers)
    _append_offsets(column, len(numbers), sizes)


def append_words(
    column: ArrayValues, texts: Sequence[str], indexes: Numbers, sizes: Numbers | None = None
) -> None:
    """Append rows of words.

    Args:
        column: A column of a packed table.
        texts: Texts.
        indexes: Of the words of all rows, which of the texts it is.
        sizes: How many of them each row has; None when they are one row's.
    """
    values: WordValues = column.values
    words = values.words
    used = np.zeros(len(texts), np.bool_)
    used[indexes] = True
    distinct = np.flatnonzero(used)
    places = np.zeros(len(texts), np.uint32)
    places[distinct] = [words.setdefault(texts[index], len(words)) for index in distinct.tolist()]
    _extend(values.places, places[indexes])
    _append_offsets(column, len(indexes), sizes)


def _extend(values: Any, numbers: Any) -> None:
    values.frombytes(np.ascontiguousarray(numbers, _TYPES[values.typecode]).tobytes())


def _append_offsets(column: ArrayValues, count: int, sizes: Numbers | None) -> None:
    begin = column.offsets[-1] if column.offsets else 0
    if sizes is None:
        column.offsets.append(begin + count)
    else:
        column.offsets += (begin + np.cumsum(sizes)).tolist()
