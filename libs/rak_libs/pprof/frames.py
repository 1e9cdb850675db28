"""The frames of a profile's locations, and the stacks of its samples as hashes of frames.

A frame is a function, inlined or not, and a line in it; of a place without a function, the address
in its program, independent of where that was loaded. Hashes are of what frames say, never of a
profile's own ids, so the same stack has the same number in every profile.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rak_libs.pprof.number_messages import Bits, Numbers, positions, sums_of_groups
from rak_libs.pprof.profile_columns import ProfileColumns

_LITTLE: Final = np.dtype("<u8")
_HASH_BYTES: Final = 8
_FUNCTION_HASH_BYTES: Final = 16
_MOST_REMEMBERED: Final = 100_000
_MOST_STACKS: Final = 50_000
_LONGEST_REMEMBERED: Final = 1_024
"""Bytes; with 50,000 stacks of usual depth some 20 MB are remembered."""


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
        depths: Of each, how many frames it has.
        frames: The frames of all, as places in `Frames`, each stack's leaf first.
    """

    numbers: Bits
    depths: Numbers
    frames: Numbers


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
    said = np.column_stack(
        [
            _function_hashes(profile)[function],
            lines.view(np.uint64),
            columns.view(np.uint64),
            _text_hashes(profile.texts, mappings)[location],
            address,
        ]
    )
    return Frames(
        texts=profile.texts,
        numbers=_numbers(said),
        functions=names,
        system_names=np.append(functions.system_names, 0)[function],
        files=np.append(functions.filenames, 0)[function],
        start_lines=np.append(functions.start_lines, 0)[function],
        lines=lines,
        columns=columns,
        mappings=mapping,
        addresses=address,
        inlined=inlined,
    )


def stacks_of(profile: ProfileColumns, frames: Frames) -> Stacks:
    """Return the stack of each sample of a checked profile."""
    row = profile.samples.location_rows
    counts = np.maximum(profile.locations.line_counts, 1)
    first = np.cumsum(counts) - counts
    depths = sums_of_groups(counts[row], profile.samples.depths)
    flat = positions(first[row], counts[row])
    # What is inlined is part of a stack's identity, and not of a frame's.
    marked = np.where(frames.inlined, ~frames.numbers, frames.numbers)
    content = marked[flat].astype(_LITTLE, copy=False).tobytes()
    ends = (np.cumsum(depths) * _HASH_BYTES).tolist()
    return Stacks(_hashes(content, ends, _known_stacks, _MOST_STACKS), depths, flat)


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


_known_functions: Final[dict[tuple[str, str, str, int], bytes]] = {}
_known_frames: Final[dict[bytes, bytes]] = {}
_known_stacks: Final[dict[bytes, bytes]] = {}
"""Hashes of what was hashed before: profiles of a program consist of the same frames and stacks."""


def _numbers(said: Bits) -> Bits:
    """Return the hash of each row of numbers."""
    content = said.astype(_LITTLE, copy=False).tobytes()
    size = said.shape[1] * _LITTLE.itemsize
    ends = range(size, len(content) + 1, size)
    return _hashes(content, ends, _known_frames, _MOST_REMEMBERED)


def _hashes(content: bytes, ends: Iterable[int], known: dict[bytes, bytes], most: int) -> Bits:
    """Return the hash of each part of some bytes.

    Args:
        content: Parts that follow each other.
        ends: Where each ends.
        known: Hashes of parts that were seen; those of these are added.
        most: How many are remembered before all are forgotten.
    """
    if len(known) > most:
        known.clear()
    hashes: list[bytes] = []
    begin = 0
    for end in ends:
        key = content[begin:end]
        found = known.get(key)
        if found is None:
            found = blake2b(key, digest_size=_HASH_BYTES).digest()
            if len(key) <= _LONGEST_REMEMBERED:
                known[key] = found
        hashes.append(found)
        begin = end
    return _as_numbers(hashes)


def _function_hashes(profile: ProfileColumns) -> Bits:
    """Return 16 bytes for each function as two numbers; for none, at the end, as well."""
    texts, functions = profile.texts, profile.functions
    if len(_known_functions) > _MOST_REMEMBERED:
        _known_functions.clear()
    known = _known_functions
    hashes: list[bytes] = []
    for key in zip(
        map(texts.__getitem__, functions.names.tolist()),
        map(texts.__getitem__, functions.system_names.tolist()),
        map(texts.__getitem__, functions.filenames.tolist()),
        functions.start_lines.tolist(),
        strict=True,
    ):
        found = known.get(key)
        if found is None:
            found = known[key] = _function_hash(*key)
        hashes.append(found)
    # A frame without a function says as much as one of a function of which nothing is said.
    return _as_numbers([*hashes, _function_hash("", "", "", 0)]).reshape(-1, 2)


def _function_hash(name: str, system_name: str, file: str, start_line: int) -> bytes:
    said = f"{len(name)} {len(system_name)} {name}{system_name}{file} {start_line}"
    return blake2b(said.encode(), digest_size=_FUNCTION_HASH_BYTES).digest()


def _text_hashes(texts: Sequence[str], indexes: Numbers) -> Bits:
    distinct, inverse = np.unique(indexes, return_inverse=True)
    hashes = [
        blake2b(texts[index].encode(), digest_size=_HASH_BYTES).digest()
        for index in distinct.tolist()
    ]
    return _as_numbers(hashes)[inverse]


def _as_numbers(hashes: Sequence[bytes]) -> Bits:
    return np.frombuffer(b"".join(hashes), _LITTLE).astype(np.uint64, copy=False)
