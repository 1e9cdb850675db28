"""The merge of profiles: one sum a stack, of one value, of all samples that are selected."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import repeat
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rak_libs.clickhouse.errors import ClickHouseError
from rak_libs.model.profiles import ProfileType
from rak_services.query.budget import Budget
from rak_services.query.problems import invalid
from rak_services.query.profiles.frames import FoundFrames, read_frames
from rak_services.query.profiles.merge_sql import (
    FrameMatch,
    Root,
    StackPlaces,
    kinds_sql,
    matches_sql,
    sums_sql,
)
from rak_services.query.profiles.selection import Selection
from rak_services.query.profiles.stacks import OTHER_NAME, Frame, Integers, Stacks

MOST_STACKS: Final = 100_000
"""How many stacks a merge keeps: those with the largest sums."""

_CANNOT_COMPILE_REGEXP: Final = 427
_KINDS: Final = tuple(kind.name for kind in ProfileType)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a merge is asked for beside the selection.

    Attributes:
        sample_type: A type (`cpu`) or type and unit (`cpu/nanoseconds`); None for what the
            profiles show by default.
        match: Which stacks are shown.
        roots: What is put above each stack.
    """

    sample_type: str | None = None
    match: FrameMatch = field(default_factory=FrameMatch)
    roots: tuple[Root, ...] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """What was merged of one selection.

    Attributes:
        profiles: How many profiles.
        left_out: How many that are selected are of another kind, or have no such value.
        total: The sum over all their samples that are selected, shown or not.
        size: The sum of what each stack has, without its sign.
    """

    profiles: int
    left_out: int
    total: int
    size: int


@dataclass(frozen=True, slots=True)
class MergedStacks:
    """A merge of profiles, or several beside one another, each a column of the values.

    Attributes:
        kind: The `profile_type` of what was merged; '' when nothing was.
        sample_type: Type and unit of the value, `cpu/nanoseconds`; '' when nothing was merged.
        sides: What was merged of each selection.
        stacks: The stacks that are shown; frames by number.
        frames: What the frames are, by number.
        roots: The number of each stack's roots in `root_texts`.
        root_texts: One text for each root that was asked for.
        complete: Whether every stack is among them: where there are too many, the smallest are one
            with the frame `OTHER_NAME`, or none when only some stacks are shown.
    """

    kind: str
    sample_type: str
    sides: tuple[Side, ...]
    stacks: Stacks
    frames: Sequence[Frame]
    roots: Integers
    root_texts: Sequence[tuple[str, ...]]
    complete: bool

    @property
    def unit(self) -> str:
        """The unit of the values."""
        return self.sample_type.partition("/")[2]


@dataclass(frozen=True, slots=True)
class _Kind:
    """Profiles that agree in kind and values."""

    kind: str
    default: str
    sample_types: tuple[str, ...]
    profiles: int
    first_day: date
    last_day: date
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Value:
    """Which value of which kind of profiles is merged; both '' for none."""

    kind: str = ""
    sample_type: str = ""

    def is_of(self, kind: _Kind) -> bool:
        """Tell whether profiles have it."""
        return kind.kind == self.kind and self.sample_type in kind.sample_types


@dataclass(slots=True)
class _Sums:
    """Sums by stack and roots, one column a selection."""

    columns: int
    rows: dict[tuple[int, tuple[str, ...]], list[int]] = field(default_factory=dict)
    cut: list[int] = field(default_factory=list)

    def add(
        self, column: int, stacks: list[int], totals: list[int], texts: Sequence[list[str]]
    ) -> None:
        """Take the sums of stacks, and the texts of each root of all of them."""
        roots: Iterable[tuple[str, ...]] = zip(*texts, strict=True) if texts else repeat(())
        for key, total in zip(zip(stacks, roots, strict=False), totals, strict=True):
            self.rows.setdefault(key, [0] * self.columns)[column] = total


async def merged_stacks(
    budget: Budget, selections: Sequence[Selection], wanted: Wanted
) -> MergedStacks:
    """Return the merge of each selection, side by side; of all, the same value of the same kind.

    Without a `kind` among the filters that is the first in the order of `ProfileType` that the
    first selection (or else the next) has with the sample type that is asked for. Profiles of other
    kinds, or without that value, are left out.

    Raises:
        InvalidParameters: `focus` or `ignore` is no regular expression.
        ClickHouseError: A limit of the engine was hit, or anything else is wrong.
    """
    await _check_expressions(budget, wanted.match)
    kinds = [await _kinds(budget, selection) for selection in selections]
    chosen = (_chosen(side, wanted.sample_type) for side in kinds)
    value = next((each for each in chosen if each is not None), _Value())
    sums, sides = _Sums(len(selections)), []
    for column, selection in enumerate(selections):
        total = size = 0
        of_value = [kind for kind in kinds[column] if value.is_of(kind)]
        if of_value:
            total, size = await _add_sums(budget, sums, column, selection, value, wanted.roots)
        else:
            sums.cut.append(0)
        merged = sum(kind.profiles for kind in of_value)
        everything = sum(kind.profiles for kind in kinds[column])
        sides.append(Side(merged, everything - merged, total, size))
    places = _places([kind for side in kinds for kind in side if value.is_of(kind)])
    frames = FoundFrames()
    if places is not None:
        ids = list(dict.fromkeys(stack for stack, _ in sums.rows))
        frames = await read_frames(budget, places, ids, wanted.match)
    return await asyncio.to_thread(_put_together, value, tuple(sides), sums, frames, wanted)


async def _check_expressions(budget: Budget, match: FrameMatch) -> None:
    for name, expression in (("focus", match.focus), ("ignore", match.ignore)):
        if expression is None:
            continue
        try:
            await budget.ask(*matches_sql(expression))
        except ClickHouseError as error:
            if error.code == _CANNOT_COMPILE_REGEXP:
                raise invalid(name, "a regular expression (RE2)", expression[:200]) from None
            raise


async def _kinds(budget: Budget, selection: Selection) -> list[_Kind]:
    rows = await budget.ask(*kinds_sql(selection))
    return [
        _Kind(kind, default, tuple(types), profiles, first_day, last_day, tuple(services))
        for kind, default, types, profiles, first_day, last_day, services in rows
    ]


def _chosen(kinds: Sequence[_Kind], asked: str | None) -> _Value | None:
    """Return what is merged: of the first kind that has it, the type that most profiles have."""
    for name in _KINDS:
        votes: dict[str, int] = {}
        for kind in kinds:
            if kind.kind == name:
                for sample_type in _asked_of(kind, asked):
                    votes[sample_type] = votes.get(sample_type, 0) + kind.profiles
        if votes:
            return _Value(name, min(votes, key=lambda found: (-votes[found], found)))
    return None


def _asked_of(kind: _Kind, asked: str | None) -> Iterable[str]:
    """Return which of a profile's values is asked for: none or one."""
    if asked is None:
        return [kind.default]
    # As pprof: profiles of old have `space` for `inuse_space`.
    names = {asked, asked.removeprefix("inuse_")}
    found = [text for text in kind.sample_types if text == asked or text.partition("/")[0] in names]
    return found[:1]


async def _add_sums(
    budget: Budget,
    sums: _Sums,
    column: int,
    selection: Selection,
    value: _Value,
    roots: tuple[Root, ...],
) -> tuple[int, int]:
    """Take the sums of a selection, and return its total and size."""
    statement = sums_sql(selection, value.kind, value.sample_type, roots, MOST_STACKS)
    ((total, size, stacks, totals, *texts),) = await budget.ask(*statement)
    await asyncio.to_thread(sums.add, column, stacks, totals, texts)
    sums.cut.append(total - sum(totals))
    return int(total), int(size)


def _places(kinds: Sequence[_Kind]) -> StackPlaces | None:
    if not kinds:
        return None
    return StackPlaces(
        first_day=min(kind.first_day for kind in kinds),
        last_day=max(kind.last_day for kind in kinds),
        services=tuple(sorted({service for kind in kinds for service in kind.services})),
    )


def _put_together(
    value: _Value, sides: tuple[Side, ...], sums: _Sums, found: FoundFrames, wanted: Wanted
) -> MergedStacks:
    """Return the merge of sums whose stacks have been read."""
    positions = {stack: position for position, stack in enumerate(found.stacks)}
    root_numbers: dict[tuple[str, ...], int] = {}
    at, roots, values, cut = [], [], [], list(sums.cut)
    for (stack, texts), totals in sums.rows.items():
        if stack in positions:
            at.append(positions[stack])
            roots.append(root_numbers.setdefault(texts, len(root_numbers)))
            values.append(totals)
        else:
            cut = [before + total for before, total in zip(cut, totals, strict=True)]
    stacks = found.stacks_at(np.array(at, np.int64), np.array(values, np.int64), sums.columns)
    frames = found.frames
    shown = _shown(stacks, found, wanted.match)
    if shown is not None:
        stacks, roots = stacks.only(shown), [*np.array(roots, np.int64)[shown].tolist()]
    elif any(cut):
        stacks = stacks.with_one_more(len(frames), cut)
        frames = [*frames, Frame(OTHER_NAME)]
        texts = (OTHER_NAME,) * len(wanted.roots)
        roots.append(root_numbers.setdefault(texts, len(root_numbers)))
    return MergedStacks(
        kind=value.kind,
        sample_type=value.sample_type,
        sides=sides,
        stacks=stacks,
        frames=frames,
        roots=np.array(roots, np.int64),
        root_texts=list(root_numbers),
        complete=not any(cut),
    )


def _shown(stacks: Stacks, found: FoundFrames, match: FrameMatch) -> NDArray[np.bool_] | None:
    """Tell which stacks are shown, as pprof does; None for all."""
    if match == FrameMatch():
        return None
    shown = stacks.lengths > 0
    if match.focus is not None:
        shown &= stacks.with_any(np.array(found.in_focus, np.bool_))
    if match.ignore is not None:
        shown &= ~stacks.with_any(np.array(found.ignored, np.bool_))
    return shown
