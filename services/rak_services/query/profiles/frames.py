"""The frames of stacks, as they are stored once for many profiles."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from rak_services.query.budget import Budget
from rak_services.query.profiles.merge_sql import FrameMatch, StackPlaces, frames_sql, stacks_sql
from rak_services.query.profiles.stacks import Frame, Integers, Stacks

MOST_FRAMES: Final = 8_000_000
"""How many frames the stacks of an answer have together at most."""

_FIRST_STACKS: Final = 1_000
_MOST_STACKS: Final = 10_000
_FRAMES_AT_ONCE: Final = 300_000
"""How many stacks are read first, and by what their depth is then, so that none take too much."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Frames that are not known yet, by their hashes, and stacks that hold them all."""

    frames: list[int]
    stacks: list[int]


@dataclass(slots=True)
class FoundFrames:
    """Stacks that were read, by position, and their frames, by number.

    Attributes:
        stacks: The hash of each stack.
        frames: What each frame is.
        in_focus: Whether `focus` matches the frame.
        ignored: Whether `ignore` does.
    """

    stacks: list[int] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    in_focus: list[bool] = field(default_factory=list)
    ignored: list[bool] = field(default_factory=list)
    _numbers: dict[int, int] = field(default_factory=dict)
    _lengths: list[Integers] = field(default_factory=list)
    _hashes: list[np.typing.NDArray[np.uint64]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many frames all stacks have together."""
        return sum(map(len, self._hashes))

    def add_stacks(
        self, asked: list[int], stacks: list[int], lengths: list[int], frames: list[int]
    ) -> Unknown:
        """Take stacks: those asked for, in order, and of those that are stored the frames' hashes.

        One that is not stored any more has no frames.

        Returns:
            The frames that are not known yet, and where they are: most stacks share theirs.
        """
        of_asked = np.zeros(len(asked), np.int64)
        places = np.searchsorted(np.array(asked, np.uint64), np.array(stacks, np.uint64))
        of_asked[places] = lengths
        self.stacks += asked
        self._lengths.append(of_asked)
        self._hashes.append(np.array(frames, np.uint64))
        distinct, first = np.unique(self._hashes[-1], return_index=True)
        new = np.array([number not in self._numbers for number in distinct.tolist()], np.bool_)
        holders = np.searchsorted(np.cumsum(lengths), first[new], side="right")
        return Unknown(
            frames=distinct[new].tolist(),
            stacks=[stacks[place] for place in np.unique(holders).tolist()],
        )

    def add_frame(self, number: int, frame: Frame, *, in_focus: bool, ignored: bool) -> None:
        """Take what the frame with a hash is."""
        if self._numbers.setdefault(number, len(self.frames)) == len(self.frames):
            self.frames.append(frame)
            self.in_focus.append(in_focus)
            self.ignored.append(ignored)

    def stacks_at(self, positions: Integers, values: Integers, columns: int) -> Stacks:
        """Return the stacks at some positions, with one row of values each."""
        lengths = np.concatenate([np.zeros(0, np.int64), *self._lengths])
        begins = np.cumsum(lengths) - lengths
        numbers = self._frame_numbers()
        starts = np.concatenate(([0], np.cumsum(lengths[positions])))
        offsets = np.repeat(begins[positions] - starts[:-1], lengths[positions])
        frames = numbers[offsets + np.arange(starts[-1])]
        return Stacks(starts, frames, values.reshape(-1, columns))

    def _frame_numbers(self) -> Integers:
        hashes = np.concatenate([np.zeros(0, np.uint64), *self._hashes])
        known = np.fromiter(self._numbers, np.uint64, len(self._numbers))
        order = np.argsort(known)
        return order[np.searchsorted(known[order], hashes)]


async def read_frames(
    budget: Budget, places: StackPlaces, stacks: Sequence[int], match: FrameMatch
) -> FoundFrames:
    """Return the frames of stacks: of the first ones, where all have more than `MOST_FRAMES`.

    Raises:
        ClickHouseError: A limit of the engine was hit, or anything else is wrong.
    """
    found = FoundFrames()
    begin, count = 0, _FIRST_STACKS
    while begin < len(stacks) and found.size <= MOST_FRAMES:
        asked = sorted(stacks[begin : begin + count])
        # The stacks first: of one that is stored in between, the frames would be missing.
        ((stored, lengths, numbers),) = await budget.ask(*stacks_sql(places, asked))
        unknown = await asyncio.to_thread(found.add_stacks, asked, stored, lengths, numbers)
        if unknown.stacks:
            await _read_unknown(budget, places, found, unknown, match)
        begin += count
        fitting = _FRAMES_AT_ONCE * begin // max(found.size, 1)
        count = min(max(fitting, _FIRST_STACKS), _MOST_STACKS)
    return found


async def _read_unknown(
    budget: Budget, places: StackPlaces, found: FoundFrames, unknown: Unknown, match: FrameMatch
) -> None:
    statement = frames_sql(places, unknown.stacks, match)
    ((hashes, in_focus, ignored, *columns),) = await budget.ask(*statement)
    for number, focused, is_ignored, *values in zip(
        hashes, in_focus, ignored, *columns, strict=True
    ):
        found.add_frame(number, Frame(*values), in_focus=focused, ignored=is_ignored)
    # Rows may expire in between.
    for number in set(unknown.frames) - set(hashes):
        found.add_frame(number, Frame(""), in_focus=False, ignored=False)
