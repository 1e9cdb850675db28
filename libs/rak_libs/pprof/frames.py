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

from rak_libs.pprof.number_messages import Bits, Numbers, positions, rows_of, sums_of_groups
from rak_libs.pprof.profile_columns import Functions, ProfileColumns

_LITTLE: Final = np.dtype("<u8")
_HASH_BYTES: Final = 8
_FUNCTION_HASH_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Frames:
    """The frames of all locations, one after the other, each location's innermost first.

    Attributes:
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

    numbers: Bits
    functions: Sequence[str]
    system_names: Sequence[str]
    files: Sequence[str]
    start_lines: Sequence[int]
    lines: Sequence[int]
    columns: Sequence[int]
    mappings: Sequence[str]
    addresses: Sequence[int]
    inlined: NDArray[np.bool_]

    def name(self, frame: int) -> str:
        """Say what a frame is called: its function or, without, the place in its program."""
        function = self.functions[frame]
        if function:
            return function
        return f"{self.mappings[frame] or '[unknown]'}+0x{self.addresses[frame]:x}"


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
    locations, functions, texts = profile.locations, profile.functions, profile.texts
    counts = np.maximum(locations.line_counts, 1)
    location = np.repeat(np.arange(len(counts)), counts)
    # A location without a line has a frame all the same: the line after the last stands for it.
    line = np.full(len(location), len(locations.lines))
    line[np.repeat(locations.line_counts > 0, counts)] = np.arange(len(locations.lines))
    function = np.append(rows_of(locations.line_functions, functions.ids), -1)[line]
    lines = np.append(locations.lines, 0)[line]
    columns = np.append(locations.line_columns, 0)[line]
    names = [*_texts(texts, functions.names), ""]
    mapping_files, addresses = _places(profile)
    mapping = mapping_files[location]
    named = np.array([*map(bool, names)], np.bool_)[function]
    address = np.where(named, np.uint64(0), addresses[location])
    inlined = np.ones(len(location), np.bool_)
    inlined[np.cumsum(counts) - 1] = False
    row = function.tolist()
    return Frames(
        numbers=_numbers(
            _function_hashes(texts, functions)[function],
            lines,
            columns,
            _text_hashes(texts, mapping),
            address,
        ),
        functions=_each([*names], row),
        system_names=_each([*_texts(texts, functions.system_names), ""], row),
        files=_each([*_texts(texts, functions.filenames), ""], row),
        start_lines=_each([*functions.start_lines.tolist(), 0], row),
        lines=lines.tolist(),
        columns=columns.tolist(),
        mappings=_each(texts, mapping.tolist()),
        addresses=address.tolist(),
        inlined=inlined,
    )


def stacks_of(profile: ProfileColumns, frames: Frames) -> Stacks:
    """Return the stack of each sample of a checked profile."""
    locations, samples = profile.locations, profile.samples
    row = rows_of(samples.locations, locations.ids)
    counts = np.maximum(locations.line_counts, 1)
    first = np.cumsum(counts) - counts
    depths = sums_of_groups(counts[row], samples.depths)
    flat = positions(first[row], counts[row])
    # What is inlined is part of a stack's identity, and not of a frame's.
    marked = np.where(frames.inlined, ~frames.numbers, frames.numbers)
    content = memoryview(marked[flat].astype(_LITTLE).tobytes())
    hashes: list[bytes] = []
    begin = 0
    for end in (np.cumsum(depths) * _HASH_BYTES).tolist():
        hashes.append(blake2b(content[begin:end], digest_size=_HASH_BYTES).digest())
        begin = end
    return Stacks(_as_numbers(hashes), depths, flat)


def _places(profile: ProfileColumns) -> tuple[Numbers, Bits]:
    """Return of each location the file of its mapping, a text's index, and its address in it."""
    mappings, locations = profile.head.mapping, profile.locations
    files = np.array([*(each.filename for each in mappings), 0], np.int64)
    starts = np.array([*(each.memory_start for each in mappings), 0], np.uint64)
    offsets = np.array([*(each.file_offset for each in mappings), 0], np.uint64)
    ids = np.array([each.id for each in mappings], np.uint64)
    mapping = rows_of(locations.mapping_ids, ids)
    return files[mapping], locations.addresses - starts[mapping] + offsets[mapping]


def _numbers(
    function_hashes: Bits, lines: Numbers, columns: Numbers, mapping_hashes: Bits, addresses: Bits
) -> Bits:
    parts = [function_hashes, lines.view(np.uint64), columns.view(np.uint64), mapping_hashes]
    rows = np.column_stack([*parts, addresses]).astype(_LITTLE)
    content, size = memoryview(rows.tobytes()), rows.shape[1] * _LITTLE.itemsize
    return _as_numbers(
        [
            blake2b(content[begin : begin + size], digest_size=_HASH_BYTES).digest()
            for begin in range(0, len(content), size)
        ]
    )


def _function_hashes(texts: Sequence[str], functions: Functions) -> Bits:
    """Return 16 bytes for each function as two numbers, and zeros for none at the end."""
    said = zip(
        _texts(texts, functions.names),
        _texts(texts, functions.system_names),
        _texts(texts, functions.filenames),
        functions.start_lines.tolist(),
        strict=True,
    )
    hashes = [
        blake2b(
            f"{len(name)} {len(system_name)} {name}{system_name}{file} {start_line}".encode(),
            digest_size=_FUNCTION_HASH_BYTES,
        ).digest()
        for name, system_name, file, start_line in said
    ]
    return _as_numbers([*hashes, bytes(_FUNCTION_HASH_BYTES)]).reshape(-1, 2)


def _text_hashes(texts: Sequence[str], indexes: Numbers) -> Bits:
    distinct, inverse = np.unique(indexes, return_inverse=True)
    hashes = [
        blake2b(texts[index].encode(), digest_size=_HASH_BYTES).digest()
        for index in distinct.tolist()
    ]
    return _as_numbers(hashes)[inverse]


def _as_numbers(hashes: Sequence[bytes]) -> Bits:
    return np.frombuffer(b"".join(hashes), _LITTLE).astype(np.uint64)


def _texts(texts: Sequence[str], indexes: Numbers) -> list[str]:
    return _each(texts, indexes.tolist())


def _each(values: Sequence[Any], places: Sequence[int]) -> list[Any]:
    return list(map(values.__getitem__, places))
