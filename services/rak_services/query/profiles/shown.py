"""Merged stacks as they are shown: by nodes for what frames agree in, below the roots asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast, get_args

import numpy as np

from rak_services.query.problems import invalid
from rak_services.query.profiles.merge_sql import FrameMatch, Root
from rak_services.query.profiles.merged import MergedStacks, Wanted
from rak_services.query.profiles.stacks import Granularity, Node, Stacks, nodes_of

_GRANULARITIES: Final = get_args(Granularity)
_LABEL: Final = "label."
_EXPECTED: Final = (
    f"one of {', '.join(_GRANULARITIES)}, and service, agent and label.<key>, each once"
)
_NO_TEXT: Final = "(none)"


@dataclass(frozen=True, slots=True)
class Grouping:
    """What `group_by` says.

    Attributes:
        by: What frames are told by.
        roots: What is put above each stack.
    """

    by: Granularity
    roots: tuple[Root, ...]


def grouping_of(group_by: Sequence[str]) -> Grouping:
    """Return what `group_by` says; InvalidParameters when it says nothing that is known."""
    by = [name for name in group_by if name in _GRANULARITIES]
    roots = [name for name in group_by if name not in _GRANULARITIES]
    known = all(
        name in {"service", "agent"} or (name.startswith(_LABEL) and name != _LABEL)
        for name in roots
    )
    if not known or len(by) > 1 or len(set(roots)) < len(roots):
        raise invalid("group_by", _EXPECTED, ", ".join(group_by)[:200])
    granularity = cast("Granularity", by[0]) if by else "function"
    return Grouping(granularity, tuple(map(Root, roots)))


def wanted_of(
    sample_type: str | None, focus: str | None, ignore: str | None, grouping: Grouping
) -> Wanted:
    """Return what a merge is asked for."""
    return Wanted(sample_type, FrameMatch(focus, ignore), grouping.roots)


@dataclass(frozen=True, slots=True)
class ShownStacks:
    """Stacks whose frames are numbers of nodes, with their roots at their ends."""

    stacks: Stacks
    nodes: Sequence[Node]


def shown_stacks(merged: MergedStacks, by: Granularity) -> ShownStacks:
    """Return merged stacks by their nodes, each with its roots above it."""
    nodes, numbers = nodes_of(merged.frames, by)
    stacks = merged.stacks.with_frames(numbers[merged.stacks.frames])
    levels = len(merged.root_texts[0]) if merged.root_texts else 0
    if not levels:
        return ShownStacks(stacks, nodes)
    texts = {text: None for roots in merged.root_texts for text in roots}
    root_numbers = {text: len(nodes) + number for number, text in enumerate(texts)}
    roots = np.array(
        [[root_numbers[text] for text in reversed(roots)] for roots in merged.root_texts], np.int64
    )
    nodes += [Node(text or _NO_TEXT) for text in texts]
    return ShownStacks(stacks.with_ends(roots[merged.roots]), nodes)
