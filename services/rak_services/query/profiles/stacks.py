"""Stacks with their values, as arrays; and which frames of them are shown as one."""

import posixpath
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

Granularity = Literal["function", "file", "line", "address", "mapping"]
"""What a frame is told by: as `go tool pprof -functions`, `-files`, `-lines`, or more finely by the
address where there is no function, or by the program or library alone."""

UNKNOWN: Final = "<unknown>"
"""The name of a frame of which nothing is known."""


@dataclass(frozen=True, slots=True)
class Stacks:
    """Distinct stacks and their values.

    Attributes:
        starts: Where the frames of each stack begin in `frames`, and where the last one's end.
        frames: The numbers of the frames of all stacks, one after the other, the leaf first.
        values: One row a stack; several columns where stacks are compared.
    """

    starts: Integers
    frames: Integers
    values: Integers

    @property
    def lengths(self) -> Integers:
        """How many frames each stack has."""
        return np.diff(self.starts)

    def with_frames(self, frames: Integers) -> "Stacks":
        """Return the same stacks with other numbers for their frames."""
        return Stacks(self.starts, frames, self.values)

    def with_values(self, values: Integers) -> "Stacks":
        """Return those stacks of which another value is not zero, with that."""
        return Stacks(self.starts, self.frames, values).only(np.any(values != 0, axis=1))

    def with_one_more(self, frame: int, values: Sequence[int]) -> "Stacks":
        """Return these stacks and behind them one of a single frame."""
        return Stacks(
            np.append(self.starts, self.starts[-1] + 1),
            np.append(self.frames, frame),
            np.append(self.values, [values], axis=0),
        )

    def with_ends(self, ends: Integers) -> "Stacks":
        """Return the same stacks with more frames at the root of each: a row of `ends`."""
        added = ends.shape[1]
        places = np.repeat(self.starts[1:], added)
        return Stacks(
            self.starts + np.arange(len(self.starts)) * added,
            np.insert(self.frames, places, ends.ravel()),
            self.values,
        )

    def only(self, kept: NDArray[np.bool_]) -> "Stacks":
        """Return those stacks alone for which `kept` is true."""
        lengths = self.lengths
        starts = np.concatenate(([0], np.cumsum(lengths[kept])))
        return Stacks(starts, self.frames[np.repeat(kept, lengths)], self.values[kept])

    def with_any(self, marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Tell of each stack whether one of its frames is marked; `marked` is by frame number."""
        owners = np.repeat(np.arange(len(self.values)), self.lengths)
        found = np.zeros(len(self.values), np.bool_)
        found[owners[marked[self.frames]]] = True
        return found


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as it is stored, or what many that are shown as one have in common.

    Attributes:
        function: The function's name, '' where it is not known.
        file: Its source file.
        line: The line in it; 0 for none, or for several.
        mapping: The program or library.
        address: The place in it of a frame without a function, else 0.
        system_name: The function's name as the linker knows it.
        start_line: Where the function begins in its file; 0 when that is not known.
        column: The column in the line, or 0.
        inlined: Whether the function was inlined into that of the next frame.
    """

    function: str
    file: str = ""
    line: int = 0
    mapping: str = ""
    address: int = 0
    system_name: str = ""
    start_line: int = 0
    column: int = 0
    inlined: bool = False


@dataclass(frozen=True, slots=True)
class Node:
    """What frames that are shown as one are called, and what they agree in.

    Attributes:
        name: What is shown.
        function: Their function, '' where they have none.
        file: Their file, '' when they differ or have none.
        line: Their line, 0 when they differ or have none.
    """

    name: str
    function: str = ""
    file: str = ""
    line: int = 0


OTHER_NAME: Final = "(other)"
"""The name of all that was left out to keep an answer small."""

_KEYS: Final[dict[Granularity, Callable[[Frame], tuple[Hashable, ...]]]] = {
    "function": lambda frame: (frame.function,),
    "file": lambda frame: (frame.file,),
    "line": lambda frame: (frame.function, frame.file, frame.line),
    "address": lambda frame: (frame.function, frame.file, frame.line, frame.address),
    "mapping": lambda _: (),
}


def nodes_of(frames: Sequence[Frame], by: Granularity) -> tuple[list[Node], Integers]:
    """Return the nodes that frames are shown as, and the number of each frame's node."""
    numbers: dict[tuple[Hashable, ...], int] = {}
    nodes: list[Node] = []
    node_numbers = np.empty(len(frames), np.int64)
    for frame_number, frame in enumerate(frames):
        key = _KEYS[by](frame)
        if not any(key):
            # As pprof: of a frame without a name only the program is told.
            key = (*key, frame.mapping)
        number = numbers.setdefault(key, len(nodes))
        if number == len(nodes):
            nodes.append(_node(frame, by))
        else:
            nodes[number] = _common(nodes[number], frame)
        node_numbers[frame_number] = number
    return nodes, node_numbers


def _node(frame: Frame, by: Granularity) -> Node:
    if by == "mapping":
        return Node(_mapping_name(frame))
    if by == "file":
        return Node(frame.file or _mapping_name(frame), "", frame.file)
    function = frame.function or _mapping_name(frame)
    if by == "address" and not frame.function and frame.address:
        function = f"{posixpath.basename(frame.mapping)}+0x{frame.address:x}"
    name = f"{function} {_place(frame)}".rstrip() if by != "function" else function
    return Node(name, function, frame.file, frame.line)


def _place(frame: Frame) -> str:
    return f"{frame.file}:{frame.line}" if frame.line else frame.file


def _common(node: Node, frame: Frame) -> Node:
    file = node.file if node.file == frame.file else ""
    line = node.line if file and node.line == frame.line else 0
    if (file, line) == (node.file, node.line):
        return node
    return Node(node.name, node.function, file, line)


def _mapping_name(frame: Frame) -> str:
    return f"[{posixpath.basename(frame.mapping)}]" if frame.mapping else UNKNOWN
