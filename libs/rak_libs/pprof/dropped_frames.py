"""Frames that a profile itself calls uninteresting, such as those of an allocator.

As `go tool pprof` leaves them out before it counts anything (github.com/google/pprof,
profile/prune.go): below the outermost frame that `drop_frames` matches and `keep_frames` does not,
itself included, as long as something above it stays.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import re2  # type: ignore[import-untyped] # it has no types
from numpy.typing import NDArray

from rak_libs.pprof.number_messages import Numbers, positions
from rak_libs.pprof.profile_columns import Locations, ProfileColumns

_BRACKETS: Final = re.compile(r"\(anonymous namespace\)|operator\(\)|\(")
_REGEXP_MEMORY: Final = 1 << 20

Flags = NDArray[np.bool_]


def without_dropped_frames(profile: ProfileColumns) -> ProfileColumns:
    """Return a checked profile without the frames that it drops; itself, if it drops none.

    Expressions that cannot be understood drop nothing, as in pprof.
    """
    is_dropped = _condition(profile)
    if is_dropped is None:
        return profile
    dropped = np.array([is_dropped(profile.texts[name]) for name in profile.functions.names], bool)
    locations = profile.locations
    line_dropped = dropped[locations.function_rows]
    if not line_dropped.any():
        return profile
    line_locations = np.repeat(np.arange(len(locations.ids)), locations.line_counts)
    first_lines = np.cumsum(locations.line_counts) - locations.line_counts
    places = np.arange(len(line_locations)) - first_lines[line_locations]
    # Of each location the outermost line that is dropped, -1 without one.
    outermost = np.full(len(locations.ids), -1)
    outermost[line_locations[line_dropped]] = places[line_dropped]
    found = outermost >= 0
    whole = found & (outermost == locations.line_counts - 1)
    stays = (places > outermost[line_locations]) | whole[line_locations]
    return replace(
        _cut_stacks(profile, found, whole), locations=_with_lines(locations, line_locations, stays)
    )


def _condition(profile: ProfileColumns) -> Callable[[str], bool] | None:
    drop = _compiled(profile.texts[profile.head.drop_frames])
    if drop is None:
        return None
    keep_text = profile.texts[profile.head.keep_frames]
    keep = _compiled(keep_text)
    if keep_text and keep is None:
        return None

    def is_dropped(name: str) -> bool:
        simple = _simple_name(name)
        if not name or not drop.search(simple):
            return False
        return keep is None or not keep.search(simple)

    return is_dropped


def _compiled(text: str) -> "re2._Regexp[str] | None":
    """Compile an expression of a stranger: RE2 is pprof's own, and never takes exponential time."""
    if not text:
        return None
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _REGEXP_MEMORY
    try:
        return re2.compile(f"^({text})$", options)
    except re2.error:
        return None


def _simple_name(name: str) -> str:
    """Return a function's name without its arguments."""
    name = name.removeprefix(".")
    for found in _BRACKETS.finditer(name):
        if found[0] == "(":
            return name[: found.start()]
    return name


def _with_lines(locations: Locations, line_locations: Numbers, stays: Flags) -> Locations:
    return replace(
        locations,
        line_counts=np.bincount(line_locations[stays], minlength=len(locations.ids)),
        line_functions=locations.line_functions[stays],
        lines=locations.lines[stays],
        line_columns=locations.line_columns[stays],
        function_rows=locations.function_rows[stays],
    )


def _cut_stacks(profile: ProfileColumns, found: Flags, whole: Flags) -> ProfileColumns:
    """Leave out of each stack what lies below a location that is dropped, as a whole or in part."""
    samples = profile.samples
    rows = samples.location_rows
    ends = np.cumsum(samples.depths)
    begins = ends - samples.depths
    cuts = np.zeros(len(ends), np.int64)
    found_in = np.repeat(np.arange(len(ends)), samples.depths)[found[rows]]
    for sample in np.unique(found_in).tolist():
        stack = rows[begins[sample] : ends[sample]]
        cuts[sample] = _cut(found[stack].tolist(), whole[stack].tolist())
    depths = samples.depths - cuts
    kept = positions(begins + cuts, depths)
    cut = replace(
        samples, depths=depths, locations=samples.locations[kept], location_rows=rows[kept]
    )
    return replace(profile, samples=cut)


def _cut(found: Sequence[bool], whole: Sequence[bool]) -> int:
    """Return how many locations of a stack, from the leaf, are left out."""
    above = False
    for place in range(len(found) - 1, -1, -1):
        if not found[place]:
            above = True
        elif above:
            return place + 1 if whole[place] else place
    return 0
