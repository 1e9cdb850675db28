"""What each node of stacks has by itself and in all: what `go tool pprof -top` shows."""

from dataclasses import dataclass

import numpy as np

from rak_services.query.profiles.stacks import Integers, Stacks
from rak_services.query.profiles.tree import sums


@dataclass(frozen=True, slots=True)
class Tops:
    """The values of nodes, by their number.

    Attributes:
        self_values: What stacks have whose leaf is the node, one column a value.
        totals: What stacks have that hold the node, however often.
    """

    self_values: Integers
    totals: Integers


def tops_of(stacks: Stacks, nodes: int) -> Tops:
    """Return the values of nodes 0 to `nodes` - 1, by which the frames of the stacks are told."""
    not_empty = np.flatnonzero(stacks.lengths)
    leaves = stacks.frames[stacks.starts[not_empty]]
    owners = np.repeat(np.arange(len(stacks.values)), stacks.lengths)
    # Once for each stack: a function that calls itself is not counted twice. `np.unique` hashes
    # what it need not return the places of, which takes it eighty times as long as sorting.
    pairs = np.sort(owners * max(nodes, 1) + stacks.frames)
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    return Tops(
        self_values=sums(leaves, stacks.values[not_empty], nodes),
        totals=sums(pairs % max(nodes, 1), stacks.values[pairs // max(nodes, 1)], nodes),
    )
