"""What a heap profile says of memory: a row of `memory_profiles`."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from rak_libs.pprof.frames import Frames, Stacks
from rak_libs.pprof.number_messages import Numbers
from rak_libs.pprof.profile_columns import ProfileColumns

MOST_SITES: Final = 100

_ALLOCATED: Final = ("alloc_space",)
_ALLOCATIONS: Final = ("alloc_objects",)
_IN_USE: Final = ("inuse_space", "space")
_IN_USE_COUNT: Final = ("inuse_objects", "objects")
_PROCESS_MEMORY: Final = {
    "peak_usage": ("peak_bytes",),
    "rss_bytes": ("rss_bytes", "process.memory.usage"),
    "virtual_bytes": ("virtual_bytes", "process.memory.virtual"),
}
"""Columns by the labels of the profile, or the comments in it (`name=value`), that say them."""

_MOST: Final = 2**64 - 1


def memory_row(
    profile: ProfileColumns, labels: dict[str, str], frames: Frames, stacks: Stacks
) -> dict[str, Any] | None:
    """Return what a profile measures of memory, by column; None of one that measures none.

    Args:
        profile: A checked profile.
        labels: What its sender said of it.
        frames: Its frames.
        stacks: Its stacks.
    """
    types = [profile.texts[each.type] for each in profile.head.sample_type]
    values = profile.samples.values.reshape(-1, len(types))
    measured = {
        column: values[:, types.index(name)]
        for column, names in (
            ("size", _ALLOCATED),
            ("count", _ALLOCATIONS),
            ("current_size", _IN_USE),
            ("current_count", _IN_USE_COUNT),
        )
        for name in names
        if name in types
    }
    if not measured:
        return None
    totals = {column: max(int(each.sum()), 0) for column, each in measured.items()}
    return {
        "total_allocated": totals.get("size", 0),
        "allocation_count": totals.get("count", 0),
        "current_usage": totals.get("current_size", 0),
        "current_count": totals.get("current_count", 0),
        **_process_memory(profile, labels),
        **_sites(measured, frames, stacks),
    }


def _process_memory(profile: ProfileColumns, labels: dict[str, str]) -> dict[str, int]:
    comments = (profile.texts[comment].partition("=") for comment in profile.head.comment)
    said = {name.strip(): value.strip() for name, _, value in comments} | labels
    return {
        column: next((_bytes(said[name]) for name in names if name in said), 0)
        for column, names in _PROCESS_MEMORY.items()
    }


def _bytes(text: str) -> int:
    return min(int(text), _MOST) if text.isascii() and text.isdigit() and len(text) < 21 else 0


def _sites(
    measured: Mapping[str, Numbers], frames: Frames, stacks: Stacks
) -> dict[str, Sequence[Any]]:
    """Sum by the frame that allocated, and take those with the most bytes."""
    has_leaf, leaves = stacks.leaves()
    numbers, first, site = np.unique(frames.numbers[leaves], return_index=True, return_inverse=True)
    none = np.zeros(len(numbers), np.int64)
    sums = {}
    for column, values in measured.items():
        sums[column] = none.copy()
        np.add.at(sums[column], site, values[has_leaf])
    by = sums.get("size", sums.get("current_size", none))
    most = np.argsort(-by, kind="stable")[:MOST_SITES]
    places = leaves[first[most]].tolist()
    return {
        "allocations.location": [frames.name(place) for place in places],
        "allocations.filename": [frames.texts[frames.files[place]] for place in places],
        "allocations.line": frames.lines[places].tolist(),
        **{
            f"allocations.{column}": np.maximum(sums.get(column, none)[most], 0).tolist()
            for column in ("size", "count", "current_size", "current_count")
        },
    }
