"""The frames of a profile's locations, and the stacks of its samples as hashes of frames.

A frame is a function, inlined or not, and a line in it; of a place without a function, the address
in its program, independent of where that was loaded. Hashes are of what frames say, never of a
profile's own ids, so the same stack has the same number in every profile.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rak_libs.pprof.number_hashes import hashes_of_groups, hashes_of_rows
from rak_libs.pprof.number_messages import Bits, Numbers, positions, sums_of_groups
from rak_libs.pprof.profile_columns import ProfileColumns

_TEXT_HASH_BYTES: Final = 8
_MOST_TEXTS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Frames:
    """The frames of all locations, one after the other, each location's innermost first.

    Attributes:
        texts: The profile's texts; names and files are indexes of them.
        numbers: What identifies a frame wherever it was seen: a hash of all that follows but
            `inlined`.
        functions: The functions' names; '' for none.
        system_names: Their names as the linker knows them.
        files: Their files.
        start_lines: The lines on which they begin.
        lines: The lines in the files.
        columns: The columns in the lines.
        mappings: The programs or libraries.
        addresses: Of a frame without a function its address in the program's file; else 0.
        inlined: Whether the function was inlined into that of the next frame.
    """

    texts: Sequence[str]
    numbers: Bits
    functions: Numbers
    system_names: Numbers
    files: Numbers
    start_lines: Numbers
    lines: Numbers
    columns: Numbers
    mappings: Numbers
    addresses: Bits
    inlined: NDArray[np.bool_]

    def name(self, frame: int) -> str:
        """Say what a frame is called: its function or, without, the place in its program."""
        function = self.texts[self.functions[frame]]
        program = self.texts[self.mappings[frame]] or "[unknown]"
        return function or f"{program}+0x{int(self.addresses[frame]):x}"

    def columns_of_numbers(self) -> dict[str, NDArray[Any]]:
        """Return what is numbers, under the names of `profile_stacks`."""
        return {
            "frames": self.numbers,
            "start_lines": self.start_lines,
            "lines": self.lines,
            "columns": self.columns,
            "addresses": self.addresses,
            "inlined": self.inlined,
        }

    def columns_of_words(self) -> dict[str, Numbers]:
        """Return what is texts, as indexes, under the names of `profile_stacks`."""
        return {
            "functions": self.functions,
            "system_names": self.system_names,
            "files": self.files,
            "mappings": self.mappings,
        }


@dataclass(frozen=True, slots=True)
class Stacks:
    """The stacks of samples.

    Attributes:
        numbers: Of each a hash of its frames and of which of them are inlined.
        depths: Of each, how many locations it has.
        locations: The locations of all, as places in the profile's, each stack's leaf first.
        frame_counts: Of each of the profile's locations, how many frames it has.
    """

    numbers: Bits
    depths: Numbers
    locations: Numbers
    frame_counts: Numbers

    def frames(self, stacks: Numbers) -> tuple[Numbers, Numbers]:
        """Return the frames of some stacks, as places in `Frames`, and each stack's count."""
        depths = self.depths[stacks]
        begin = (np.cumsum(self.depths) - self.depths)[stacks]
        locations = self.locations[positions(begin, depths)]
        counts = self.frame_counts[locations]
        return positions(self._first_frames()[locations], counts), sums_of_groups(counts, depths)

    def leaves(self) -> tuple[NDArray[np.bool_], Numbers]:
        """Tell which stacks have a frame, and return the leaf of each of these."""
        has_leaf = self.depths > 0
        begin = (np.cumsum(self.depths) - self.depths)[has_leaf]
        return has_leaf, self._first_frames()[self.locations[begin]]

    def _first_frames(self) -> Numbers:
        first: Numbers = np.cumsum(self.frame_counts) - self.frame_counts
        return first


def frames_of(profile: ProfileColumns) -> Frames:
    """Return the frames of a checked profile's locations."""
    locations, functions = profile.locations, profile.functions
    counts = np.maximum(locations.line_counts, 1)
    location = np.repeat(np.arange(len(counts)), counts)
    # A location without a line has a frame all the same: the line after the last stands for it.
    line = np.full(len(location), len(locations.lines))
    line[np.repeat(locations.line_counts > 0, counts)] = np.arange(len(locations.lines))
    # And the function after the last stands for none.
    function = np.append(locations.function_rows, len(functions.ids))[line]
    names = np.append(functions.names, 0)[function]
    lines = np.append(locations.lines, 0)[line]
    columns = np.append(locations.line_columns, 0)[line]
    mappings, addresses = _places(profile)
    mapping = mappings[location]
    address = np.where(_has_text(profile.texts, names), np.uint64(0), addresses[location])
    inlined = np.ones(len(location), np.bool_)
    inlined[np.cumsum(counts) - 1] = False
    texts = _text_hashes(
        profile.texts, (functions.names, functions.system_names, functions.filenames, mappings)
    )
    said = [texts[functions.names], texts[functions.system_names], texts[functions.filenames]]
    # A frame without a function says as much as one of a function of which nothing is said.
    known = [np.append(column, texts[0]) for column in said]
    start_lines = np.append(functions.start_lines, 0)
    of_functions = hashes_of_rows([*known, start_lines.view(np.uint64)])
    numbers = hashes_of_rows(
        [
            of_functions[function],
            lines.view(np.uint64),
            columns.view(np.uint64),
            texts[mapping],
            address,
        ]
    )
    return Frames(
        texts=profile.texts,
        numbers=numbers,
        functions=names,
        system_names=np.append(functions.system_names, 0)[function],
        files=np.append(functions.filenames, 0)[function],
        start_lines=start_lines[function],
        lines=lines,
        columns=columns,
        mappings=mapping,
        addresses=address,
        inlined=inlined,
    )


def stacks_of(profile: ProfileColumns, frames: Frames) -> Stacks:
    """Return the stack of each sample of a checked profile."""
    samples = profile.samples
    counts = np.maximum(profile.locations.line_counts, 1)
    # What is inlined is part of a stack's identity, and not of a frame's; and so it tells where
    # the frames of each location end.
    marked = np.where(frames.inlined, ~frames.numbers, frames.numbers)
    numbers = hashes_of_groups(marked, counts)[samples.location_rows]
    hashes = hashes_of_groups(numbers, samples.depths)
    return Stacks(hashes, samples.depths, samples.location_rows, counts)


def _places(profile: ProfileColumns) -> tuple[Numbers, Bits]:
    """Return of each location the file of its mapping, a text's index, and its address in it."""
    mappings, locations = profile.head.mapping, profile.locations
    files = np.array([*(each.filename for each in mappings), 0], np.int64)
    starts = np.array([*(each.memory_start for each in mappings), 0], np.uint64)
    offsets = np.array([*(each.file_offset for each in mappings), 0], np.uint64)
    row = locations.mapping_rows
    return files[row], locations.addresses - starts[row] + offsets[row]


def _has_text(texts: Sequence[str], indexes: Numbers) -> NDArray[np.bool_]:
    """Tell which of some texts are not ''; a table of texts may hold that more than once."""
    has_text: NDArray[np.bool_] = indexes != 0
    if texts.count("") > 1:
        empty = [index for index, text in enumerate(texts) if not text]
        has_text &= ~np.isin(indexes, empty)
    return has_text


_known_texts: Final[dict[str, int]] = {}
"""Hashes of texts that were hashed before: profiles of a program name the same functions."""


def _text_hashes(texts: Sequence[str], indexes: Sequence[Numbers]) -> Bits:
    """Return a hash for each text that is used, and for '', which is the first; 0 for others."""
    if len(_known_texts) > _MOST_TEXTS:
        _known_texts.clear()
    used = np.zeros(len(texts), np.bool_)
    used[0] = True
    for column in indexes:
        used[column] = True
    distinct = np.flatnonzero(used)
    hashes = np.zeros(len(texts), np.uint64)
    hashes[distinct] = [_text_hash(texts[index]) for index in distinct.tolist()]
    return hashes


def _text_hash(text: str) -> int:
    found = _known_texts.get(text)
    if found is None:
        digest = blake2b(text.encode(), digest_size=_TEXT_HASH_BYTES).digest()
        found = _known_texts[text] = int.from_bytes(digest, "little")
    return found
